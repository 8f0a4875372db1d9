"""The canonical name of a host, by rules that a table of names answers."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.canonical_host import CanonicalRules, canonical_name

NAMES = {
    "web.one.example.": "",
    "db.two.example.": "db7.pool.example",
    "www": "www.one.example",
    "web.two.example.": "",
    "full.example.": "",
}
RULES: dict[str, Any] = {
    "wanted": True,
    "domains": ("one.example", "two.example"),
    "cnames": (("*.two.example,www", "*.Pool.example,www.*"),),
}


def name(host: str, **changes: Any) -> str:
    asked: list[str] = []

    def resolve(wanted: str) -> tuple[bool, str]:
        asked.append(wanted)
        return wanted in NAMES, NAMES.get(wanted, "")

    found = canonical_name(host, CanonicalRules(**{**RULES, **changes}), resolve)
    return f"{found} {len(asked)}"


def test_suffixes_are_tried_in_order() -> None:
    assert name("web") == "web.one.example 1"
    assert name("db") == "db7.pool.example 2"  # its alias may be followed
    assert name("db", cnames=()) == "db.two.example 2"
    assert name("full.example.") == "full.example 1"
    assert name("web", wanted=False, cnames=()) == "web 0"


def test_what_is_left_alone() -> None:
    assert name("a.b.c", cnames=()) == "a.b.c 0"
    assert name("a.b", cnames=(), max_dots=0) == "a.b 0"
    assert name("::0001") == "::1 0"
    assert name("web", direct=False) == "web 0"
    assert name("web", direct=False, wanted="always") == "web.one.example 1"
    assert name("nobody", cnames=()) == "nobody 2"


def test_a_name_that_is_found_by_the_system_may_be_an_alias() -> None:
    assert name("www") == "www.one.example 3"
    assert name("www", wanted=False) == "www.one.example 1"
    assert name("www", wanted=False, cnames=(("x", "*"),)) == "www 1"


def test_names_that_are_nowhere() -> None:
    with pytest.raises(OSError, match=r"in none of the domains one.example, two.example"):
        name("nobody", fallback_local=False)
    with pytest.raises(OSError, match="'nobody' has no address"):
        name("nobody")
