"""The comment that keys, pairs of keys and certificates carry.

Owns: how it is set and read. Must not know: where it comes from; it is nobody's word but its writer's.
"""

from __future__ import annotations

__all__ = ["Commented"]


class Commented:
    """Something with a comment, which counts for nothing."""

    _comment: bytes | None = None

    def has_comment(self) -> bool:
        """Tell whether a comment is set."""
        return bool(self._comment)

    def get_comment_bytes(self) -> bytes | None:
        """Return the comment as it was read, or None."""
        return self._comment or None

    def get_comment(self, encoding: str = "utf-8", errors: str = "strict") -> str | None:
        """Return the comment as text, or None. UnicodeDecodeError when it is not `encoding`."""
        return self._comment.decode(encoding, errors) if self._comment else None

    def set_comment(
        self, comment: str | bytes | None, encoding: str = "utf-8", errors: str = "strict"
    ) -> None:
        """Set the comment; None or an empty one removes it."""
        if isinstance(comment, str):
            comment = comment.encode(encoding, errors)
        self._comment = comment or None
