"""The table of a server's keywords."""

from __future__ import annotations

from nacre.trust.config_keywords import Scope
from nacre.trust.config_server_keywords import SERVER, SERVER_IGNORED, SERVER_NAMES


def test_each_name_stands_once() -> None:
    assert len(SERVER_NAMES) == sum(1 + len(keyword.aliases) for keyword in SERVER)
    assert not SERVER_IGNORED & SERVER_NAMES.keys()
    assert not {"match", "include"} & (SERVER_NAMES.keys() | SERVER_IGNORED)


def test_where_they_may_stand() -> None:
    assert SERVER_NAMES["port"].scope is Scope.GLOBAL
    assert SERVER_NAMES["permittty"].scope is Scope.ANYWHERE
