"""Files of trust as numbered lines.

Owns: what a line is, how long it may be, and the record of lines that were refused. Must not know:
what the lines say.

A line ends at a line feed and nowhere else: to take a form feed or U+2028 for an end, as
`str.splitlines` does, would let the comment of one line become a line of its own. A line that is
too long is refused as a whole for the same reason.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from nacre.keys.files import MAX_FILE, FilePath, naming, read_file, unmarked
from nacre.wire.record import record

__all__ = [
    "MAX_LINE",
    "MAX_LINES",
    "Problem",
    "as_text",
    "numbered_lines",
    "once_for_each",
    "read_texts",
    "words",
]

#: The longest line, in characters: a key of 16384 bits and room for options.
MAX_LINE: Final = 16384
MAX_LINES: Final = 10_000

#: How many texts are remembered taken apart, and how long they may be together, in characters.
_REMEMBERED: Final = 8
_REMEMBERED_LENGTH: Final = 65536

_BLANKS: Final = re.compile(r"[ \t]+")


@record
class Problem:
    """A line that was refused, and so trusts nothing.

    Attributes:
        line: its number, from 1.
        reason: what is wrong with it.
    """

    line: int
    reason: str


def as_text(data: str | bytes) -> str:
    """Return the content of a file as text; bytes that are not UTF-8 survive as surrogates. ValueError: too much; UTF-16."""
    text = data if isinstance(data, str) else unmarked(data).decode("utf-8", "surrogateescape")
    if len(text) > MAX_FILE:
        raise ValueError(f"{len(text)} characters; {MAX_FILE} is the most of a file of trust")
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
        raise ValueError(f"{len(lines)} lines; {MAX_LINES} is the most of a file of trust")
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
        TypeError: something else than names was given.
    """
    if isinstance(filelist, (str, PurePath)):
        return [_read_text(filelist)]
    filenames: Any = filelist
    for filename in filenames if isinstance(filenames, (list, tuple, Sequence)) else (None,):
        if not isinstance(filename, (str, PurePath)):
            kind = type(filelist).__name__
            raise TypeError(f"names of files are expected, or what import_… makes of a text, not {kind}")
    return [_read_text(filename) for filename in filenames]


def _read_text(filename: FilePath) -> str:
    with naming(filename):
        text = as_text(read_file(filename))
    if text.count("\n") > MAX_LINES:
        raise ValueError(f"{filename} has more than {MAX_LINES} lines")
    return text


P = ParamSpec("P")
T = TypeVar("T")


def once_for_each(
    find: Callable[Concatenate[tuple[str, ...], P], T],
) -> Callable[Concatenate[tuple[str, ...], P], T]:
    """Have `find` look into the same texts for the same things once: files are read at each login, and seldom differ.

    What is remembered is found by the whole content, so nothing that was believed outlives its line.
    Nobody may change what is returned.
    """
    remembered: Any = functools.lru_cache(_REMEMBERED)(find)

    def found(texts: tuple[str, ...], /, *args: P.args, **kwargs: P.kwargs) -> T:
        short = sum(map(len, texts)) <= _REMEMBERED_LENGTH
        answer: T = (remembered if short else find)(texts, *args, **kwargs)
        return answer

    return found
