"""OpenSSH's client configuration (ssh_config(5)): which of its lines apply to a host.

Owns: lines, quoting, Host, Match and Include, and where each line stands. Must not know: what a keyword
other than these means, or which keywords there are.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Final

from nacre.errors import ConfigParseError
from nacre.keys.files import expand, read_file
from nacre.trust.lines import MAX_LINE, MAX_LINES
from nacre.trust.pattern import Glob
from nacre.wire.record import record

__all__ = ["Setting", "Subject", "applying"]

#: Files that include files that include files …: OpenSSH's bound.
MAX_DEPTH: Final = 16
#: Files that are read for one host, those that patterns of Include find among them.
MAX_FILES: Final = 256
_LINE: Final = re.compile(r'[ \t]*"?([A-Za-z0-9]+)"?(?:[ \t]*=[ \t]*|[ \t]+|$)(.*)', re.DOTALL)
_BLANKS: Final = " \t\r\f"


@record
class Setting:
    """One line that applies.

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


@record
class Subject:
    """Whom a configuration is asked about.

    Attributes:
        host: as the program named it.
        user: whom the program wants to log in as; "": the configuration says, or else `local_user`.
        local_user: whom this process belongs to.
        folder: where relative names of Include are looked for.
    """

    host: str
    user: str
    local_user: str
    folder: Path


class _Scope(Enum):
    """Whether the lines from here on apply."""

    ON = "on"
    OFF = "off"


def applying(filenames: Sequence[str | Path], subject: Subject) -> list[Setting]:
    """Return the lines that apply, in their order: of most keywords the first one counts.

    Args:
        filenames: the files, read one after the other.
        subject: whom it is about.

    Raises:
        ConfigParseError: a line is not of the form, or needs what is not built; it names file and line.
        OSError: a file cannot be read.
    """
    reading = _Reading(subject)
    for filename in filenames:
        reading.read(expand(filename), 0)
    return reading.found


class _Reading:
    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._files = 0
        self.found: list[Setting] = []

    def read(self, path: Path, depth: int) -> None:
        """Take what applies of one file."""
        self._files += 1
        if self._files > MAX_FILES:
            raise ConfigParseError(f"{path}: more than {MAX_FILES} files of configuration")
        try:
            text = read_file(path).decode("utf-8", "surrogateescape")
        except ValueError as error:
            raise ConfigParseError(str(error)) from None
        scope = _Scope.ON
        for where, keyword, rest in _lines(path, text):
            match keyword.lower():
                case "host":
                    scope = self._host(_setting(where, keyword, rest))
                case "match":
                    scope = self._match(_setting(where, keyword, rest))
                case "include" if scope is _Scope.ON:
                    self._include(_setting(where, keyword, rest), depth)
                case _ if scope is _Scope.ON:
                    self.found.append(_setting(where, keyword, rest))

    def _include(self, setting: Setting, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise setting.error(f"more than {MAX_DEPTH} files include each other")
        for argument in setting.arguments:
            pattern = self._subject.folder / expand(argument)
            for path in sorted(glob.glob(str(pattern))):
                self.read(Path(path), depth + 1)

    # ------------------------------------------------------------ conditions

    def _host(self, setting: Setting) -> _Scope:
        wanted = _matches(setting, setting.arguments, self._subject.host)
        return _Scope.ON if wanted else _Scope.OFF

    def _match(self, setting: Setting) -> _Scope:
        words = [part for word in setting.arguments for part in word.split("=", 1)]
        if [word.lower() for word in words] == ["all"]:
            return _Scope.ON
        scope = _Scope.ON
        waiting = iter(words)
        for word in waiting:
            criterion = word.lower().removeprefix("!")
            if criterion == "all":
                raise setting.error("'all' stands alone")
            subjects = self._subjects()
            if criterion not in subjects:
                if scope is _Scope.OFF:
                    return scope  # it is not for this host, whatever the rest would be
                raise setting.error(
                    f"{criterion!r} is not supported yet: all, {', '.join(subjects)} are; "
                    "config=None leaves the file unread"
                )
            patterns = next(waiting, "")
            if not patterns:
                raise setting.error(f"{criterion!r} needs a pattern")
            is_met = _matches(setting, patterns.lower().split(","), subjects[criterion].lower())
            if is_met == word.startswith("!"):
                scope = _Scope.OFF
        return scope

    def _subjects(self) -> dict[str, str]:
        """Return what each criterion looks at: what was set so far counts."""
        subject = self._subject
        hostname = self._first("hostname")
        host = subject.host if hostname is None else hostname.replace("%h", subject.host).replace("%%", "%")
        return {
            "host": host,
            "originalhost": subject.host,
            "user": subject.user or self._first("user") or subject.local_user,
            "localuser": subject.local_user,
        }

    def _first(self, name: str) -> str | None:
        return next((setting.arguments[0] for setting in self.found if setting.name == name), None)


def _matches(setting: Setting, patterns: Iterable[str], subject: str) -> bool:
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


def _lines(path: Path, text: str) -> Iterator[tuple[str, str, str]]:
    """Return where each line is, its keyword and the rest of it."""
    lines = text.removeprefix("\ufeff").split("\n")
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
        yield where, found[1], found[2]


def _setting(where: str, keyword: str, rest: str) -> Setting:
    bare = Setting(keyword, rest, (), where)
    arguments = tuple(_split(bare))
    if not arguments:
        raise bare.error("nothing follows it")
    return Setting(keyword, rest, arguments, where)


def _split(setting: Setting) -> Iterator[str]:
    """Return the words of a line: in quotes of either kind blanks and # are as others; backslashes quote."""
    text, position = setting.text, 0
    while position < len(text):
        if text[position] in " \t":
            position += 1
            continue
        if text[position] == "#":
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
