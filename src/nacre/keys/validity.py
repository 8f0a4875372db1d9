"""Points in time as programs write them: when a certificate begins to be valid, and when it ends to be.

Owns: the forms that count from now, and the reading of the clock for them; the others are those of
`nacre.keys.timestamp`. Must not know: certificates.

A verdict on a login is told the time; here the clock is read, because a program that makes a
certificate for the next hour means its own.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from nacre.keys.timestamp import parse_timestamp

__all__ = ["FOREVER", "TimeArgument", "seconds_since_epoch", "wall_clock"]

#: The end that never comes (PROTOCOL.certkeys).
FOREVER: Final = (1 << 64) - 1

TimeArgument = int | float | str | datetime

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_RELATIVE: Final = r"(?i)([+-]?)((?=[0-9])(?:[0-9]{1,9}[smhdw]){0,9}(?:[0-9]{1,9})?)"
_PART: Final = r"(?i)([0-9]+)([smhdw]?)"
#: A date has more digits than any count of seconds that is meant.
_ABSOLUTE: Final = r"[0-9]{8}"


def wall_clock() -> float:
    """Return the seconds since 1970-01-01 UTC."""
    return datetime.now(UTC).timestamp()


def seconds_since_epoch(value: TimeArgument) -> int:
    """Return a point in time as whole seconds since 1970-01-01 UTC.

    Args:
        value: such seconds; a datetime, local time if it has no zone; "now"; a date as YYYYMMDD or
            with a time as YYYYMMDDHHMM or YYYYMMDDHHMMSS, local time unless a "Z" follows; or what
            is to be added to now: "+1h30m", "-1d", with the units s, m, h, d and w.

    Raises:
        ValueError: it is none of these, or before 1970.
        TypeError: it is of another type.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, datetime)):
        raise TypeError(f"a time is a number, a str or a datetime, not {type(value).__name__}")
    if isinstance(value, str):
        value = _from_text(value)
    elif isinstance(value, datetime):
        value = value.timestamp()
    try:
        seconds = int(value)
    except (OverflowError, ValueError):  # an infinity, or what is no number
        raise ValueError(f"{value} is no time") from None
    if not 0 <= seconds <= FOREVER:
        raise ValueError(f"{value} is no time from 1970-01-01 on")
    return seconds


def _from_text(text: str) -> float:
    if text.lower() == "now":
        return wall_clock()
    if re.match(_ABSOLUTE, text):
        return parse_timestamp(text).timestamp()
    relative = re.fullmatch(_RELATIVE, text)
    if relative is None:
        raise ValueError(f"{text[:40]!r} is no time: write 20301231, 20301231120000Z, +52w, -1h or now")
    amount = sum(int(count) * _UNITS[unit.lower()] for count, unit in re.findall(_PART, relative[2]))
    return wall_clock() + (-amount if relative[1] == "-" else amount)
