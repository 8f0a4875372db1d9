"""Faults of files, terminals, logs and the hub (rows 83 to 103), put back.

Owns: these faults. Must not know: the tests that they turn red.
"""

from __future__ import annotations

import operator
from typing import Any, Final

import pytest

from nacre import acceptor, option_values
from nacre.aio import incoming, log, tasks
from nacre.crypto.ciphers import ctr
from nacre.hub import control, paths, route
from nacre.keys import files, name_pattern, openssh_cipher, pem
from nacre.trust import pattern, shared_file
from tests.security.registry import Fault, replaced, rewritten

__all__ = ["SURROUNDINGS"]


def _backtracks(self: Any, text: str) -> bool:
    """Match as a matcher does that tries every way."""
    return _matches(self.text, text)


def _matches(wanted: str, text: str) -> bool:
    if not wanted:
        return not text
    if wanted[0] == "*":
        return any(_matches(wanted[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and wanted[0] in ("?", text[0]) and _matches(wanted[1:], text[1:])


def _quadratic(patch: pytest.MonkeyPatch) -> None:
    """A matcher that looks at the text again for every star."""
    real = pattern.Glob.matches

    def matches(self: Any, text: str) -> bool:
        return any(real(self, text[start:]) for start in range(len(text)))

    patch.setattr(pattern.Glob, "matches", matches)


SURROUNDINGS: Final = (
    Fault(
        92,
        "a peer's text gets into the log as it is",
        replaced(acceptor, "plain", str),
    ),
    Fault(92, "a log line may be of any length", rewritten(log.plain, "shown[:_LONGEST] + ", "shown + ")),
    Fault(
        93,
        "what somebody typed is shown as it is",
        replaced(route, "one_line", str),
    ),
    Fault(
        94,
        "an account is looked at when its command is done",
        rewritten(
            control.ControlServer._serve,
            '_log.warning("control: refused a connection of uid %d", uid)',
            "await self._answer(reader)",
        ),
    ),
    Fault(
        95,
        "a host key may be read by others",
        rewritten(paths.refuse_open_file, "if status.st_mode & 0o077:", "if False:"),
    ),
    Fault(
        96,
        "a link is followed",
        rewritten(files.replace_file, "path = expand(filename)", "path = expand(filename).resolve()"),
    ),
    Fault(96, "what is added follows a link", rewritten(files.append_file, "| _NOFOLLOW", "")),
    Fault(
        97,
        "anything is read",
        rewritten(files.read_file, "if not stat.S_ISREG(status.st_mode):", "if False:"),
    ),
    Fault(97, "a file of any size is read", rewritten(files.read_file, "if room <= 0:", "if False:")),
    Fault(
        97,
        "what is changed is read whatever its size",
        rewritten(shared_file.SharedFile._read, "if size > MAX_FILE:", "if False:"),
    ),
    Fault(98, "a pattern is tried from every place", _quadratic),
    Fault(98, "a pattern may be of any length", replaced(name_pattern, "MAX_PATTERN", 1 << 30)),
    Fault(
        99,
        "rounds of bcrypt are not bounded",
        rewritten(openssh_cipher.derive, "<= MAX_ROUNDS", "<= 1 << 40"),
    ),
    Fault(99, "rounds of PBKDF2 are not looked at", replaced(pem, "check_work", lambda data: None)),
    Fault(
        100,
        "a damaged file raises what the library raises",
        replaced(pem, "_DAMAGED", ZeroDivisionError),
    ),
    Fault(101, "MACs are compared byte by byte", replaced(ctr, "equal", operator.eq)),
    Fault(
        102,
        "a handler may end the program",
        rewritten(tasks._Contained.send, "except SystemExit as error:", "except ZeroDivisionError as error:"),
    ),
    Fault(
        102,
        "a handler that was cancelled leaves its channel open",
        rewritten(tasks.Tasks._ended, "if failed is not None and not self._over():", "if False:"),
    ),
    Fault(
        102,
        "who is told of a failed login may end the program",
        replaced(acceptor, "FAILURES", Exception),
    ),
    Fault(
        102,
        "a callback may end the program",
        replaced(incoming, "FAILURES", Exception),
    ),
    Fault(
        103,
        "numbers may be negative",
        rewritten(option_values.count, "if integer(value) < 0:", "if integer(value) is None:"),
    ),
)
