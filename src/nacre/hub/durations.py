"""Durations as people write them: "90s", "1h30m", "7d", or a number of seconds.

Owns: reading and writing them. Must not know: what lasts so long.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MAX_DURATION", "format_duration", "parse_duration"]

#: A thousand years: more is a mistake, and would overflow a date somewhere.
MAX_DURATION: Final = 1000.0 * 366 * 86400

_UNITS: Final = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_NUMBER: Final = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_PARTS: Final = re.compile(
    r"(?=\d)(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,12}(?:\.\d{1,6})?)s)?", re.ASCII
)


def parse_duration(value: object) -> float:
    """Return a duration in seconds.

    Args:
        value: a number of seconds, or a text such as "90", "90s", "2m", "1h30m" or "7d".

    Raises:
        ValueError: it is none, is negative, or longer than a thousand years.
    """
    seconds: float | None = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        # An integer of any size and NaN compare without a fault; float() of them may not.
        seconds = float(value) if 0 <= value <= MAX_DURATION else None
    elif isinstance(value, str):
        seconds = _parse_text(value.strip())
    if seconds is None or not 0 <= seconds <= MAX_DURATION:
        raise ValueError(f"{value!r} is not a duration")
    return seconds


def _parse_text(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    match = _PARTS.fullmatch(text)
    if match is None:
        return None
    return sum(float(part or 0) * scale for part, scale in zip(match.groups(), _UNITS.values(), strict=True))


def format_duration(seconds: float) -> str:
    """Return a duration as `parse_duration` reads it, to the millisecond."""
    whole, rest = divmod(round(seconds * 1000), 1000)
    if rest:
        return f"{whole + rest / 1000:.3f}".rstrip("0") + "s"
    parts = []
    for unit, scale in _UNITS.items():
        count, whole = divmod(whole, scale)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
