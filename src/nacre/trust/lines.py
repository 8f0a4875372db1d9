"""Files of trust as numbered lines.

Owns: what a line is, how long it may be, and the record of lines that were refused. Must not know:
what the lines say.

A line ends at a line feed and nowhere else: to take a form feed or U+2028 for an end, as
`str.splitlines` does, would let the comment of one line become a line of its own. A line that is
too long is refused as a whole for the same reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from nacre.keys.files import MAX_FILE, FilePath, read_file

__all__ = ["MAX_LINE", "MAX_LINES", "Problem", "as_text", "numbered_lines", "read_texts", "words"]

#: The longest line, in characters: a key of 16384 bits and room for options.
MAX_LINE: Final = 16384
MAX_LINES: Final = 10_000

_BLANKS: Final = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was refused, and so trusts nothing.

    Attributes:
        line: its number, from 1.
        reason: what is wrong with it.
    """

    line: int
    reason: str


def as_text(data: str | bytes) -> str:
    """Return the content of a file as text; bytes that are not UTF-8 survive as surrogates."""
    text = data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")
    if len(text) > MAX_FILE:
        raise ValueError(f"{len(text)} characters of known_hosts or authorized_keys; {MAX_FILE} is the most")
    return text.removeprefix("\ufeff")


def numbered_lines(text: str, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    """Return the lines with their numbers, without comments and empty ones.

    Args:
        text: the content of a file.
        problems: a line that is too long is added here rather than returned.

    Raises:
        ValueError: there are more than `MAX_LINES` lines.
    """
    lines = text.split("\n")
    if len(lines) > MAX_LINES + 1:
        raise ValueError(f"{len(lines)} lines of known_hosts or authorized_keys; {MAX_LINES} is the most")
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE:
            problems.append(Problem(number, f"the line is longer than {MAX_LINE} characters"))
            continue
        stripped = line.strip(" \t\r")
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def words(line: str, count: int) -> list[str]:
    """Return at most `count` words of a line; the last one is the rest of it."""
    return [word for word in _BLANKS.split(line.strip(" \t"), count - 1) if word]


def read_texts(filelist: FilePath | Sequence[FilePath]) -> list[str]:
    """Return the content of one file or of several.

    Raises:
        OSError: a file cannot be read.
        ValueError: one is no regular file, or larger than 1 MiB.
    """
    filenames = [filelist] if isinstance(filelist, (str, PurePath)) else filelist
    return [as_text(read_file(filename)) for filename in filenames]
