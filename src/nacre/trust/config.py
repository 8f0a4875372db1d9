"""OpenSSH's client configuration (ssh_config(5)): which of its lines apply to a host, and what they say.

Owns: Host, Match and Include, what is checked of lines that do not apply, and the second reading for Match final.
Must not know: what becomes of a keyword, how names are resolved or programs are run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Final

from nacre.errors import ConfigParseError
from nacre.keys.files import expand
from nacre.trust.config_keywords import CLIENT_IGNORED, CLIENT_NAMES, count
from nacre.trust.config_lines import MAX_DEPTH, MAX_FILES, Setting, included, matches_one, settings
from nacre.trust.config_tokens import ALL, Tokens, substituted
from nacre.trust.config_values import networks
from nacre.trust.pattern import HostPatterns, IPAddress
from nacre.wire.record import record

__all__ = ["Found", "Setting", "Subject", "Surroundings", "applying"]

#: Settings by keyword, in lower case and by its first name; their arguments as `ssh -G` shows them.
Found = dict[str, list[Setting]]


@record
class Subject:
    """Whom a configuration is asked about.

    Attributes:
        host: as the program named it.
        user: whom the program wants to log in as; "": the configuration says, or else `local_user`.
        local_user: whom this process belongs to.
        folder: where relative names of Include are looked for.
        port: the port that the program names, 0: none.
        tag: a tag that the program gives; "": none.
        command: what is to run there, or the name of a subsystem; "": a shell.
        session: "shell", "exec", "subsystem" or "none".
        version: what Match version looks at.
        local_host: the name of this machine.
        uid: the number of the local user; "": there is none here.
        home: the local user's home directory.
        environment: this process's variables.
    """

    host: str
    user: str
    local_user: str
    folder: Path
    port: int = 0
    tag: str = ""
    command: str = ""
    session: str = "shell"
    version: str = ""
    local_host: str = ""
    uid: str = ""
    home: str = ""
    environment: Mapping[str, str] = {}


@record
class Surroundings:
    """What conditions ask of the machine.

    Attributes:
        run: runs a command of Match exec, given the line, the command and its tokens; returns whether it ended well.
        addresses: returns the addresses of this machine's interfaces.
    """

    run: Callable[[Setting, str, Tokens], bool]
    addresses: Callable[[Setting], Sequence[IPAddress]]


def _refused(setting: Setting, *_: object) -> bool:
    raise setting.error("exec runs a program: give config_exec=True if this file may have it run")


def _nowhere(setting: Setting) -> Sequence[IPAddress]:
    raise setting.error("localnetwork: the addresses of this machine are not known here")


class _Scope(Enum):
    """Whether the lines from here on apply."""

    ON = "on"
    OFF = "off"
    NEVER = "never"  # in a file whose Include does not apply


def applying(
    filenames: Sequence[str | Path],
    subject: Subject,
    surroundings: Surroundings = Surroundings(_refused, _nowhere),  # noqa: B008 - never changed
    canonical: tuple[str, Found] | None = None,
    check: Callable[[Path], None] | None = None,
) -> tuple[Found, bool]:
    """Return what applies, and whether a second reading is asked for.

    Args:
        filenames: the files, read one after the other.
        subject: whom it is about.
        surroundings: what conditions ask of the machine.
        canonical: in the second reading, the host's name now, and what the first has found.
        check: raises what is wrong with a file before it is read.

    Raises:
        ConfigParseError: a line, be it one that does not apply, is not as ssh_config(5) has it; it names file and line.
        OSError: a file cannot be read.
    """
    reading = _Reading(subject, surroundings, canonical, check)
    for filename in filenames:
        reading.read(expand(filename), 0, _Scope.ON)
    return reading.found, reading.wants_final


class _Reading:
    def __init__(
        self,
        subject: Subject,
        surroundings: Surroundings,
        canonical: tuple[str, Found] | None,
        check: Callable[[Path], None] | None,
    ) -> None:
        self._check = check
        self._subject = subject
        self._surroundings = surroundings
        self._files = 0
        self._canonical = None if canonical is None else canonical[0]
        self.found: Found = {} if canonical is None else canonical[1]
        self.wants_final = False

    def read(self, path: Path, depth: int, around: _Scope) -> None:
        """Take what applies of one file."""
        self._files += 1
        if self._files > MAX_FILES:
            raise ConfigParseError(f"{path}: more than {MAX_FILES} files of configuration")
        if self._check is not None:
            self._check(path)
        scope = around
        for setting in settings(path):
            match setting.name:
                case "host":
                    applies = self._host(setting)
                case "match":
                    applies = self._match(setting, around)
                case "include":
                    self._include(setting, depth, scope)
                    continue
                case _:
                    self._take(setting, scope)
                    continue
            if around is not _Scope.NEVER:
                scope = _Scope.ON if applies else _Scope.OFF

    def _include(self, setting: Setting, depth: int, scope: _Scope) -> None:
        if depth >= MAX_DEPTH:
            raise setting.error(f"more than {MAX_DEPTH} files include each other")
        inner = scope if scope is _Scope.ON else _Scope.NEVER
        if not all(setting.arguments):
            raise setting.error("an empty word")
        for argument in setting.arguments:
            pattern = argument
            if scope is _Scope.ON and ("%" in argument or "${" in argument):
                pattern = substituted(setting, argument, ALL, self.tokens(), self._subject.environment)
            for path in included(pattern, self._subject.folder):
                self.read(path, depth + 1, inner)

    def _take(self, setting: Setting, scope: _Scope) -> None:
        keyword = CLIENT_NAMES.get(setting.name)
        if keyword is None:
            if setting.name in CLIENT_IGNORED or self._may_be_unknown(setting):
                return
            raise setting.error(
                "there is no such keyword; IgnoreUnknown, on a line before, names those that other programs have"
            )
        taken = Setting(setting.keyword, setting.text, keyword.read(setting), setting.where)
        if scope is _Scope.ON:
            count(keyword, self.found.setdefault(keyword.name.lower(), []), taken)

    def _may_be_unknown(self, setting: Setting) -> bool:
        """Return whether the configuration said before that this keyword may mean nothing here."""
        patterns = self._first("ignoreunknown")
        return patterns is not None and matches_one(setting, patterns.lower().split(","), setting.name)

    # ------------------------------------------------------------ conditions

    def _host(self, setting: Setting) -> bool:
        if not all(setting.arguments):
            raise setting.error("an empty pattern")
        return matches_one(setting, setting.arguments, self._canonical or self._subject.host)

    def _match(self, setting: Setting, around: _Scope) -> bool:
        """Return whether every criterion is met; all of them are looked at, whatever the first ones say."""
        words = _criteria(setting)
        met, count = True, 0
        while words:
            count += 1
            word = words.pop(0)
            criterion = word.lower().removeprefix("!")
            wanted = not word.startswith("!")
            if criterion == "all":
                if words or count > 2:
                    raise setting.error("'all' stands alone")
                return met and wanted
            if criterion in ("canonical", "final"):
                self.wants_final = self.wants_final or criterion == "final"
                met = met and (self._canonical is not None) is wanted
                continue
            if criterion not in _CRITERIA:
                raise setting.error(f"there is no criterion {criterion!r}; there are {', '.join(_CRITERIA)}")
            if not words:
                raise setting.error(f"{criterion!r} needs an argument")
            argument = words.pop(0)
            if criterion == "exec":
                if met and around is not _Scope.NEVER:
                    met = self._surroundings.run(setting, argument, self.tokens()) is wanted
            elif criterion == "localnetwork":
                if "!" in argument:
                    raise setting.error("'localnetwork' takes networks, and excludes none")
                networks(setting, argument)
                met = met and self._is_here(setting, argument) is wanted
            else:
                met = (self._compares(setting, criterion, argument) is wanted) and met
        return met

    def _is_here(self, setting: Setting, text: str) -> bool:
        patterns = HostPatterns(text)
        found = self._surroundings.addresses(setting)
        return any(
            patterns.includes((str(address),), address) and not patterns.excludes((str(address),), address)
            for address in found
        )

    def _compares(self, setting: Setting, criterion: str, argument: str) -> bool:
        """Return whether what was set so far, or the subject, matches a list of patterns."""
        looked_at = self._looked_at(criterion)
        if criterion in ("host", "originalhost"):
            argument, looked_at = argument.lower(), looked_at.lower()
        if not argument and criterion not in ("tagged", "command"):
            raise setting.error(f"{criterion!r} needs an argument")
        if criterion in ("tagged", "command") and not (argument and looked_at):
            return not argument and not looked_at  # none is none, and no pattern matches it
        return matches_one(setting, argument.split(","), looked_at)

    def _looked_at(self, criterion: str) -> str:
        subject = self._subject
        match criterion:
            case "host":
                return self._hostname()
            case "originalhost":
                return subject.host
            case "user":
                return self._user()
            case "localuser":
                return subject.local_user
            case "tagged":
                return subject.tag or self._first("tag") or ""
            case "command":
                return subject.command
            case "sessiontype":
                return subject.session
        return subject.version

    def _hostname(self) -> str:
        """Return the host's name as it stands now."""
        if self._canonical is not None:
            return self._canonical
        hostname = self._first("hostname")
        given = self._subject.host
        if hostname is None:
            return given
        return substituted(self.found["hostname"][0], hostname, "%h", Tokens({"%": "%", "h": given}))

    def _user(self) -> str:
        return self._subject.user or self._first("user") or self._subject.local_user

    def tokens(self) -> Tokens:
        """Return what each token stands for, by what was set so far."""
        subject = self._subject
        port = str(subject.port or self._first("port") or 22)
        return Tokens.of(subject, self._hostname(), self._user(), port, self.first_text)

    def first_text(self, name: str) -> str:
        """Return what the first line of a keyword says, or ""."""
        return self._first(name) or ""

    def _first(self, name: str) -> str | None:
        found = self.found.get(name)
        return found[0].arguments[0] if found else None


_CRITERIA: Final = (
    "host originalhost user localuser tagged command sessiontype version localnetwork exec".split()
)


def _criteria(setting: Setting) -> list[str]:
    """Return criteria and their arguments in turn; `host=x` is two words, an argument with `=` is one."""
    found: list[str] = []
    for word in setting.arguments:
        criterion, equals, argument = word.partition("=")
        name = criterion.lower().removeprefix("!")
        expected = len(found) == 0 or _complete(found)
        if equals and expected and name in _CRITERIA:
            found += [criterion, argument]
        else:
            found.append(word)
    return found


def _complete(words: list[str]) -> bool:
    """Return whether the last criterion has its argument."""
    waiting = False
    for word in words:
        waiting = not waiting and word.lower().removeprefix("!") not in ("all", "canonical", "final")
    return not waiting
