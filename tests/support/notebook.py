"""What fingers do in euporie's notebook: a new one, a cell, its output.

Owns: the keys and the looks of euporie, in one place. Must not know: the hub.
"""

from __future__ import annotations

import re
from typing import Final

from tests.support.terminal import Terminal

#: How often a cell is run until its output comes: euporie loses what its kernel says in the first moments,
#: when it runs a cell before it listens (seen without any hub).
ATTEMPTS: Final = 40


def new_cell(terminal: Terminal) -> None:
    """Make a notebook and enter its first cell."""
    terminal.wait("Ctrl+N")
    terminal.press("C-n")
    terminal.wait("Cell 1")
    terminal.wait("Python 3 (ipykernel)")
    terminal.press("Enter")


def run(terminal: Terminal, code: str, output: re.Pattern[str]) -> str:
    """Run a cell; returns the screen with its output."""
    terminal.type(code)
    terminal.wait(code)
    for attempt in range(1, ATTEMPTS + 1):
        terminal.press("C-e")
        try:
            return terminal.wait(output, seconds=2)
        except AssertionError:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError


#: A screen with a cell whose output is 42.
ANSWER: Final = re.compile(r"\[\d+\] ▏>▕.*\[\d+\] 42\b", re.DOTALL)
