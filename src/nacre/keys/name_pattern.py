"""A pattern of names, matched in linear time: in certificates, and in files of trust.

Owns: the glob matcher (`*`, `?`; ssh_config(5) PATTERNS). Must not know: lists of patterns, hosts, addresses.

A matcher that backtracks takes exponential time for `*a*a*a…`; this one keeps the set of all states
it may be in as the bits of one integer and looks at each character of the text once.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_PATTERN", "Glob", "matches_name"]

#: The longest single pattern, in characters; a host name has at most 255.
MAX_PATTERN: Final = 4096


class Glob:
    """One pattern, in which `*` stands for any text and `?` for any one character.

    Args:
        pattern: there is no escape; everything else stands for itself. Case counts.

    Raises:
        ValueError: the pattern is longer than `MAX_PATTERN`.
    """

    __slots__ = ("_accept", "_any", "_masks", "_stars")

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN:
            raise ValueError(f"a pattern of {len(pattern)} characters; {MAX_PATTERN} is the most")
        masks: dict[str, int] = {}
        any_character = stars = 0
        state = 1
        # State n means that n characters of the pattern are matched; a star lets a state stay.
        for character in pattern:
            if character == "*":
                stars |= state
                continue
            if character == "?":
                any_character |= state
            else:
                masks[character] = masks.get(character, 0) | state
            state <<= 1
        self._accept = state
        self._any = any_character
        self._masks = {character: mask | any_character for character, mask in masks.items()}
        self._stars = stars

    def matches(self, text: str) -> bool:
        """Tell whether the pattern matches the whole of `text`."""
        states = 1
        for character in text:
            moved = (states & self._masks.get(character, self._any)) << 1
            states = moved | (states & self._stars)
            if not states:
                return False
        return bool(states & self._accept)


def matches_name(pattern: str, name: str) -> bool:
    """Tell whether a pattern matches the whole of a name; one that is too long matches none."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == name
    return len(pattern) <= MAX_PATTERN and Glob(pattern).matches(name)
