"""Comparison with the files of tests/golden: what a reader of a diff should see when it changes.

`pytest tests/golden --update-goldens` writes them anew.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

DIRECTORY: Final = Path(__file__).resolve().parents[1] / "golden"


@dataclass(frozen=True)
class Golden:
    """The comparison; `update` writes instead of comparing."""

    update: bool

    def check(self, name: str, text: str) -> None:
        """Fail with a diff unless `text` is what the file `name` says."""
        path = DIRECTORY / name
        if self.update:
            path.write_text(text)
            return
        known = path.read_text() if path.exists() else ""
        if text != known:
            diff = "".join(
                difflib.unified_diff(
                    known.splitlines(keepends=True), text.splitlines(keepends=True), f"golden/{name}", "now"
                )
            )
            pytest.fail(
                f"{name} has changed. If that is meant: pytest tests/golden --update-goldens\n{diff}",
                pytrace=False,
            )


def table(rows: list[tuple[str, ...]]) -> str:
    """Return rows as lines of columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join(lines) + "\n"
