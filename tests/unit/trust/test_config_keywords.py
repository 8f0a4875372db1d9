"""The table of keywords."""

from __future__ import annotations

from nacre.trust.config_keywords import (
    CLIENT,
    CLIENT_IGNORED,
    CLIENT_NAMES,
    CONDITIONS,
    Keyword,
    by_name,
    ignored,
)
from nacre.trust.config_values import flag


def test_each_name_stands_once() -> None:
    assert len(CLIENT_NAMES) == sum(1 + len(keyword.aliases) for keyword in CLIENT)
    assert not CLIENT_IGNORED & CLIENT_NAMES.keys()
    assert not CONDITIONS & (CLIENT_NAMES.keys() | CLIENT_IGNORED)


def test_names_and_aliases() -> None:
    keyword = Keyword("SomeThing", flag, aliases=("other",))
    assert by_name([keyword]) == {"something": keyword, "other": keyword}
    assert CLIENT_NAMES["keepalive"].name == "TCPKeepAlive"


def test_apples_own_is_known_on_its_system() -> None:
    assert ignored("darwin") - ignored("linux") == {"usekeychain"}
    assert CLIENT_IGNORED in (ignored("darwin"), ignored("linux"))
