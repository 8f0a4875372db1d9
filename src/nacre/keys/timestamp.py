"""Points in time as OpenSSH's files write them (ssh-keygen(1), sshd(8)).

Owns: the form YYYYMMDD[HHMM[SS]][Z]. Must not know: what begins or ends then.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

__all__ = ["parse_timestamp"]

_FORM: Final = r"(?i)([0-9]{8}|[0-9]{12}|[0-9]{14})(Z|UTC)?"


def parse_timestamp(text: str) -> datetime:
    """Return the time that `text` stands for, with its zone.

    Args:
        text: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS; local time, or UTC with a "Z" or "UTC" behind.

    Raises:
        ValueError: it has another form, or there is no such time.
    """
    match = re.fullmatch(_FORM, text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a time: YYYYMMDD[HHMM[SS]][Z]")
    digits = match[1].ljust(14, "0")
    try:
        time = datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - the zone is set below
        return time.replace(tzinfo=UTC) if match[2] else time.astimezone()
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is not a time that exists") from None
