"""Writes docs/security.md: what became of each fault of the history.

    python -m tests.security.table

Owns: the text of the page. Must not know: any row.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.security.faults import FAULTS
from tests.security.rows import PARTS, ROWS, Row, overdue, row_tests

__all__ = ["PAGE", "render"]

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "security.md"

_HEAD: Final = """\
# Faults that nacre has been tried for

<!-- Written by `python -m tests.security.table`; a test compares. -->

Each row is a fault that an SSH implementation had. Where nacre has the feature, a test of that name tries it
on a live end, with packets made by hand; CI runs it at every commit. A name proves nothing, so each row also
has faults that were put back into nacre on purpose, and with each of them the test fails: CI puts back three
at every commit, drawn by its hash, and `python -m tests.security.faults` puts back all of them.

{tested} rows of {all} have a test, with {faults} faults; {waiting} are about what nacre has not (yet), and get
their test together with it.
"""


def _row(row: Row) -> str:
    if row.waits_for:
        tried = f"not built: {row.waits_for}"
        faults = ""
    else:
        tried = f"`{row_tests()[row.number].__name__}`"
        faults = "; ".join(fault.what for fault in FAULTS if fault.row == row.number)
    return f"| {row.number} | {row.known_as} | {row.ends} | {row.fault} | {tried} | {faults} |"


def render() -> str:
    """Return the page.

    Raises:
        ValueError: a feature has come, and the rows that waited for it have no test.
    """
    if late := overdue(ROWS):
        raise ValueError("\n".join(late))
    waiting = sum(bool(row.waits_for) for row in ROWS)
    lines = [
        _HEAD.format(all=len(ROWS), tested=len(ROWS) - waiting, faults=len(FAULTS), waiting=waiting),
    ]
    for row in ROWS:
        if row.number in PARTS:
            lines += [
                "" if row.number > 1 else None,
                f"## {PARTS[row.number]}",
                "",
                "| row | known as | ends | what went wrong there | test | put back, and noticed |",
                "|---|---|---|---|---|---|",
            ]
        lines.append(_row(row))
    return "\n".join(line for line in lines if line is not None) + "\n"


if __name__ == "__main__":
    PAGE.write_text(render())
