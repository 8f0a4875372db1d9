"""What commands print: aligned tables, JSON, times.

Owns: the form. Must not know: where the rows come from. Every text from a row is made harmless for
the terminal first: a comment of a key was written by somebody else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

from nacre.hub.problem import one_line

__all__ = ["say", "say_json", "say_table", "when"]


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(one_line(text) + "\n")


def say_json(value: object) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def say_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], empty: str) -> None:
    """Print rows below their headings.

    Args:
        rows: each with all the columns.
        columns: keys of the rows, which are the headings too.
        empty: the line to print when there is no row.
    """
    if not rows:
        say(empty)
        return
    lines = [[name.upper() for name in columns]]
    lines += [[one_line(str(row[name])) for name in columns] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        sys.stdout.write(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        )


def when(seconds: float) -> str:
    """Return a wall-clock time as it is on this machine's clock, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
