"""Invites: codes, how they are written, hashed and redacted, and how often one may guess.

Owns: the code's alphabet and entropy, its normal form and hash, the record, the limiter. Must not
know: the database or the login. Times are arguments.

A code is 12 symbols of Crockford's base 32: 60 random bits. With that much, one fast hash is
enough for storing it; nobody counts up to 2^60 even offline.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from nacre.hub.problem import HubProblem
from nacre.hub.users import INVITE_PREFIX, Role

__all__ = [
    "ALPHABET",
    "Invite",
    "InviteError",
    "InviteFault",
    "InviteLimiter",
    "digest",
    "is_invite_name",
    "new_code",
    "normalise",
    "redact",
]

#: Digits and capitals without I, L, O and U.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SYMBOLS: Final = 12
GROUP: Final = 4

#: What somebody may have typed for what they read.
_LOOKALIKES: Final = str.maketrans("OIL", "011")

#: Longer than any way to write a code; nothing longer is looked at.
_MAX_TEXT: Final = 64

_IN_TEXT: Final = re.compile(r"invite-[0-9a-z-]+", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Invite:
    """An invite, without its code: that is known only to who was given it.

    Attributes:
        number: of the record.
        user: the name that it presets, or None when its user chooses one.
        role: of the user that it makes.
        uses: how many are left.
        created: wall-clock time in seconds.
        expires: wall-clock time in seconds; from then on it is void.
        first: whether it makes the administrator of a hub that has no user yet.
    """

    number: int
    user: str | None
    role: Role
    uses: int
    created: float
    expires: float
    first: bool


class InviteFault(Enum):
    """Why an invite was not redeemed."""

    UNKNOWN = auto()
    EXPIRED = auto()
    USED = auto()
    NAME_INVALID = auto()
    NAME_TAKEN = auto()
    NAME_PRESET = auto()
    KEY_KNOWN = auto()


_TEXTS: Final = {
    InviteFault.UNKNOWN: ("this invite is not valid", "ask for a new one"),
    InviteFault.EXPIRED: ("this invite has expired", "ask for a new one"),
    InviteFault.USED: ("this invite has been used up", "ask for a new one"),
    InviteFault.NAME_INVALID: (
        "that cannot be a user name",
        "use 1 to 32 of a-z, 0-9, '_', '.' and '-', beginning with a letter or '_'",
    ),
    InviteFault.NAME_TAKEN: ("that name is taken", "choose another"),
    InviteFault.NAME_PRESET: ("this invite is for another name", "use the name that it shows"),
    InviteFault.KEY_KNOWN: ("this key is bound to that user already", "log in without the invite"),
}


class InviteError(HubProblem):
    """An invite could not be redeemed; it has not lost a use.

    Attributes:
        fault: why.
    """

    def __init__(self, fault: InviteFault) -> None:
        super().__init__(*_TEXTS[fault])
        self.fault = fault


def new_code() -> str:
    """Return a new code, such as "invite-7KQ2-M4XD-9PTA"."""
    symbols = "".join(secrets.choice(ALPHABET) for _ in range(SYMBOLS))
    return INVITE_PREFIX + "-".join(symbols[start : start + GROUP] for start in range(0, SYMBOLS, GROUP))


def is_invite_name(text: str) -> bool:
    """Tell whether an SSH user name is meant as an invite, whether or not there is such a one."""
    return text[: len(INVITE_PREFIX)].lower() == INVITE_PREFIX


def normalise(text: str) -> str | None:
    """Return the symbols of a code, however they were typed; None when it cannot be one."""
    if len(text) > _MAX_TEXT or not text.isascii() or not is_invite_name(text):
        return None
    symbols = text[len(INVITE_PREFIX) :].replace("-", "").upper().translate(_LOOKALIKES)
    if len(symbols) != SYMBOLS or any(symbol not in ALPHABET for symbol in symbols):
        return None
    return symbols


def digest(symbols: str) -> bytes:
    """Return what is stored of a code, given in its normal form."""
    return hashlib.sha256(b"nacre invite\0" + symbols.encode("ascii")).digest()


def redact(text: str) -> str:
    """Return `text` with every code in it replaced, for a log."""
    return _IN_TEXT.sub("invite-…", text)


class InviteLimiter:
    """How often a wrong code may be tried, counted for the whole hub.

    Whoever guesses comes from many addresses, so the address does not count. While the limit is
    reached every invite is answered as a wrong one; keys are not affected.

    Args:
        failures: how many within the window are tolerated.
        window: in seconds.
    """

    def __init__(self, failures: int = 20, window: float = 600.0) -> None:
        if failures < 1 or window <= 0:
            raise ValueError("a limiter needs at least one failure and some time")
        self._failures = failures
        self._window = window
        self._times: deque[float] = deque(maxlen=failures)

    def _forget(self, now: float) -> None:
        while self._times and now - self._times[0] >= self._window:
            self._times.popleft()

    def allowed(self, now: float) -> bool:
        """Tell whether a code may be tried at `now` (monotonic, seconds)."""
        self._forget(now)
        return len(self._times) < self._failures

    def failed(self, now: float) -> None:
        """Count a wrong code."""
        self._forget(now)
        self._times.append(now)

    def wait(self, now: float) -> float:
        """Return how long no code may be tried from `now` on, in seconds."""
        if self.allowed(now):
            return 0.0
        return self._times[0] + self._window - now
