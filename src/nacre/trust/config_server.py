"""OpenSSH's server configuration (sshd_config(5)): what holds for everybody, and what for one who logs in.

Owns: Match and Include of servers, and which of two lines counts. Must not know: what becomes of a keyword, who the
users of this machine are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from nacre.errors import ConfigParseError
from nacre.keys.files import expand
from nacre.trust.config import Found
from nacre.trust.config_keywords import Counts, Scope, count
from nacre.trust.config_lines import MAX_DEPTH, MAX_FILES, Setting, included, matches_one, settings
from nacre.trust.config_server_keywords import SERVER_IGNORED, SERVER_NAMES
from nacre.trust.config_values import is_port, networks, whole
from nacre.trust.pattern import HostPatterns, parse_address
from nacre.wire.record import record

__all__ = ["Arrival", "ServerFiles", "read_server_files"]

_FOLDER: Final = Path("/etc/ssh")


@record
class Arrival:
    """Who logs in, and from where.

    Attributes:
        user: the name that the client gives.
        host: the client's name, or its address where names are not looked up.
        address: the client's address; "": it has none.
        local_address: the address that it has reached.
        local_port: the port that it has reached.
        is_known: tells whether this machine has such a user.
        groups: returns the names of the groups of the user; none for one that there is not.
        version: what Match Version looks at.
    """

    user: str
    host: str
    address: str
    local_address: str
    local_port: int
    is_known: Callable[[str], bool]
    groups: Callable[[str], Collection[str]]
    version: str = ""


@record
class _Block:
    """Lines that apply together: those before the first Match have none.

    Attributes:
        conditions: the Match lines, of which all must hold: an Include may stand in a block and have its own.
        settings: the lines.
    """

    conditions: tuple[Setting, ...]
    settings: list[tuple[str, Setting]]

    @property
    def is_for_all(self) -> bool:
        """Whether the block applies whoever comes."""
        return all(condition.arguments[0].lower() == "all" for condition in self.conditions)


class ServerFiles:
    """A configuration that has been read and checked."""

    def __init__(self, blocks: Sequence[_Block]) -> None:
        self._blocks = blocks

    def everywhere(self) -> Found:
        """Return what holds before anybody is known: `Match all` holds already, as in OpenSSH."""
        return _taken(block for block in self._blocks if block.is_for_all)

    def anywhere(self) -> Iterator[tuple[str, Setting, bool]]:
        """Return every line with its keyword, and whether it stands in a Match block."""
        for block in self._blocks:
            for name, setting in block.settings:
                yield name, setting, not block.is_for_all

    def conditions(self) -> Iterator[Setting]:
        """Return every Match line."""
        return (condition for block in self._blocks for condition in block.conditions)

    def for_arrival(self, arrival: Arrival) -> Found:
        """Return what holds for somebody who logs in: what Match blocks say goes before the rest.

        Raises:
            ConfigParseError: a condition cannot be judged; then nobody may log in by what is not known.
        """
        matched = _taken(
            block
            for block in self._blocks
            if block.conditions and all(_applies(condition, arrival) for condition in block.conditions)
        )
        everywhere = self.everywhere()
        for name, lines in everywhere.items():
            if SERVER_NAMES[name].counts is Counts.PARTS:  # what a block leaves out is as it is for all
                for setting in lines:
                    count(SERVER_NAMES[name], matched.setdefault(name, []), setting)
        return {**everywhere, **matched}


def _taken(blocks: Iterator[_Block]) -> Found:
    found: Found = {}
    for block in blocks:
        for name, setting in block.settings:
            count(SERVER_NAMES[name], found.setdefault(name, []), setting)
    return found


def read_server_files(filenames: Sequence[str | Path]) -> ServerFiles:
    """Read files, one after the other.

    Raises:
        ConfigParseError: a line is not as sshd_config(5) has it; it names file and line.
        OSError: a file cannot be read.
    """
    reading = _Reading()
    for filename in filenames:
        reading.read(expand(filename), 0, ())
    return ServerFiles(reading.blocks)


class _Reading:
    def __init__(self) -> None:
        self._files = 0
        self.blocks: list[_Block] = []

    def read(self, path: Path, depth: int, around: tuple[Setting, ...]) -> None:
        self._files += 1
        if self._files > MAX_FILES:
            raise ConfigParseError(f"{path}: more than {MAX_FILES} files of configuration")
        conditions = around
        self._begin(conditions)
        for setting in settings(path):
            if setting.name == "match":
                _applies(setting, None)
                conditions = (*around, setting)
                self._begin(conditions)
            elif setting.name == "include":
                if depth >= MAX_DEPTH:
                    raise setting.error(f"more than {MAX_DEPTH} files include each other")
                if not all(setting.arguments):
                    raise setting.error("an empty word")
                for argument in setting.arguments:
                    for inner in included(argument, _FOLDER):
                        self.read(inner, depth + 1, conditions)
                self._begin(conditions)
            elif setting.name not in SERVER_IGNORED:
                self._take(setting)

    def _begin(self, conditions: tuple[Setting, ...]) -> None:
        self.blocks.append(_Block(conditions, []))

    def _take(self, setting: Setting) -> None:
        keyword = SERVER_NAMES.get(setting.name)
        if keyword is None:
            raise setting.error("there is no such keyword")
        block = self.blocks[-1]
        if keyword.scope is Scope.GLOBAL and not block.is_for_all:
            raise setting.error("it may not stand in a Match block")
        taken = Setting(setting.keyword, setting.text, keyword.read(setting), setting.where)
        block.settings.append((keyword.name.lower(), taken))


_CRITERIA: Final = "user group host address localaddress localport version".split()


def _applies(setting: Setting, arrival: Arrival | None) -> bool:
    """Return whether a Match line holds; None: nobody has come, and the line is checked alone."""
    words = list(setting.arguments)
    if words[0].lower() == "all":
        if len(words) > 1:
            raise setting.error(f"{words[0]!r} stands alone")
        return True
    met = True
    while words:
        if words[0].lower() == "invalid-user":
            del words[0]
            met = met and arrival is not None and not arrival.is_known(arrival.user)
            continue
        criterion, equals, argument = words.pop(0).partition("=")
        name = criterion.lower()
        if name not in _CRITERIA:
            raise setting.error(
                f"there is no criterion {criterion!r}; there are all, invalid-user, {', '.join(_CRITERIA)}"
            )
        if not equals:
            argument = words.pop(0) if words else ""
        if not argument:
            raise setting.error(f"{criterion!r} needs an argument")
        met = _holds(setting, name, argument, arrival) and met
    return met


def _holds(setting: Setting, name: str, argument: str, arrival: Arrival | None) -> bool:
    """Return whether one criterion holds; its argument is checked in any case."""
    patterns = argument.split(",")
    match name:
        case "address" | "localaddress":
            return _is_address(setting, argument, arrival, name)
        case "localport":
            if not is_port(argument):
                raise setting.error(f"{argument!r} is no number of a port")
            return arrival is not None and whole(argument) == arrival.local_port
        case "group":
            matches_one(setting, patterns, "")
            if arrival is None:
                return False
            return matches_any_group(setting, patterns, arrival.groups(arrival.user))
        case "host":
            return matches_one(setting, argument.lower().split(","), arrival.host.lower() if arrival else "")
        case "version":
            return matches_one(setting, patterns, arrival.version if arrival else "")
    return matches_one(setting, patterns, arrival.user if arrival else "")


def matches_any_group(setting: Setting, patterns: Sequence[str], groups: Collection[str]) -> bool:
    """Return whether a group matches and none is excluded by a pattern that is negated."""
    excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    if any(matches_one(setting, [pattern], group) for pattern in excluded for group in groups):
        return False
    return any(matches_one(setting, patterns, group) for group in groups)


def _is_address(setting: Setting, argument: str, arrival: Arrival | None, name: str) -> bool:
    with_mask = [entry for entry in argument.split(",") if "/" in entry]
    if with_mask:
        networks(setting, ",".join(with_mask))
    try:
        patterns = HostPatterns(argument)
    except ValueError as error:
        raise setting.error(str(error)) from None
    if arrival is None:
        return False
    text = arrival.address if name == "address" else arrival.local_address
    address = parse_address(text)
    subjects = (text.lower(),) if text else ()
    return patterns.includes(subjects, address) and not patterns.excludes(subjects, address)
