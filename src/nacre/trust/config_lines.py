"""The lines of OpenSSH's configuration files, of client and server: keyword, quoting, words, and where each stands.

Owns: how a file becomes settings, and the bounds on files and lines. Must not know: any keyword.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from nacre.errors import ConfigParseError
from nacre.keys.files import expand, naming, read_file, unmarked
from nacre.trust.lines import MAX_LINE, MAX_LINES
from nacre.trust.pattern import Glob
from nacre.wire.record import record

__all__ = ["MAX_DEPTH", "MAX_FILES", "Setting", "included", "matches_one", "settings", "whole_words"]

#: Files that include files that include files …: OpenSSH's bound.
MAX_DEPTH: Final = 16
#: Files that are read for one configuration, those that patterns of Include find among them.
MAX_FILES: Final = 256
_LINE: Final = re.compile(r'[ \t]*"?([A-Za-z0-9]+)"?(?:[ \t]*=[ \t]*|[ \t]+|$)(.*)', re.DOTALL)
_BLANKS: Final = " \t\r\f"


@record
class Setting:
    """One line.

    Attributes:
        keyword: as it is written there.
        text: what follows it, as it is written.
        arguments: what follows it, in words.
        where: the file and the line, for messages.
    """

    keyword: str
    text: str
    arguments: tuple[str, ...]
    where: str

    @property
    def name(self) -> str:
        """The keyword in lower case: case does not count."""
        return self.keyword.lower()

    def error(self, text: str) -> ConfigParseError:
        """Return an error that names this line."""
        return ConfigParseError(f"{self.where}: {self.keyword}: {text}")


def settings(path: Path) -> Iterator[Setting]:
    """Return the lines of a file that say something.

    Raises:
        ConfigParseError: a line is not of the form, or there is too much; it names file and line.
        OSError: the file cannot be read.
    """
    try:
        with naming(path):
            text = unmarked(read_file(path)).decode("utf-8", "surrogateescape")
    except ValueError as error:
        raise ConfigParseError(str(error)) from None
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise ConfigParseError(f"{path}: {len(lines)} lines; {MAX_LINES} is the most")
    for number, line in enumerate(lines, start=1):
        where = f"{path} line {number}"
        if len(line) > MAX_LINE:
            raise ConfigParseError(f"{where}: longer than {MAX_LINE} characters")
        stripped = line.strip(_BLANKS)
        if not stripped or stripped.startswith("#"):
            continue
        found = _LINE.fullmatch(stripped)
        if found is None:
            raise ConfigParseError(f"{where}: a line begins with a keyword")
        bare = Setting(found[1], found[2], (), where)
        if "\0" in found[2]:
            raise bare.error("a NUL is not text")
        arguments = tuple(_split(bare))
        if not arguments:
            raise bare.error("nothing follows it")
        yield Setting(found[1], found[2], arguments, where)


def whole_words(setting: Setting) -> tuple[str, ...]:
    """Return the words of a command, in which a # begins no comment. ConfigParseError: a quote is not closed."""
    return tuple(_split(setting, comments=False))


def _split(setting: Setting, *, comments: bool = True) -> Iterator[str]:
    """Return the words of a line: in quotes of either kind blanks and # are as others; backslashes quote."""
    text, position = setting.text, 0
    while position < len(text):
        if text[position] in " \t":
            position += 1
            continue
        if comments and text[position] == "#":
            return
        word, quote = "", ""
        while position < len(text):
            character, following = text[position], text[position + 1 : position + 2]
            if character == "\\" and (following in ("'", '"', "\\") or (following == " " and not quote)):
                word += following
                position += 1
            elif not quote and character in " \t":
                break
            elif not quote and character in "'\"":
                quote = character
            elif quote == character:
                quote = ""
            else:
                word += character
            position += 1
        if quote:
            raise setting.error(f"the quote {quote} is not closed")
        yield word


def included(pattern: str, folder: Path) -> list[Path]:
    """Return the files that a word of Include names, in order; none is no error, and folders are passed over."""
    import glob  # for `Include`

    found = sorted(glob.glob(str(folder / expand(pattern))))
    return [path for path in map(Path, found) if not path.is_dir()]


def matches_one(setting: Setting, patterns: Iterable[str], subject: str) -> bool:
    """Return whether a pattern matches and none that is negated does."""
    found = False
    for pattern in patterns:
        try:
            matched = Glob(pattern.removeprefix("!")).matches(subject)
        except ValueError as error:
            raise setting.error(str(error)) from None
        if matched and pattern.startswith("!"):
            return False
        found = found or matched
    return found
