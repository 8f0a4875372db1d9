"""What an end is told: safe defaults, nothing secret shown."""

from __future__ import annotations

import os

import pytest

from nacre.crypto.registry import Family, default_names
from nacre.protocol import limits
from nacre.protocol.settings import Info, Role, Settings, Sources


def test_roles_have_each_other_as_peers():
    assert (Role.CLIENT.peer, Role.SERVER.peer) == (Role.SERVER, Role.CLIENT)


def test_defaults_are_the_default_algorithms_and_the_bounds():
    settings = Settings()
    assert settings.kex_algorithms == default_names(Family.KEX)
    assert settings.ciphers == default_names(Family.CIPHER)
    assert settings.macs == default_names(Family.MAC)
    assert settings.compressions == ("none",)
    assert settings.host_keys == ()
    assert (settings.ident_timeout, settings.login_timeout) == (10, 60)
    assert settings.receive_budget == limits.RECEIVE_BUDGET
    assert settings.max_sessions == limits.MAX_SESSIONS


def test_settings_are_those_that_there_are():
    with pytest.raises(AttributeError):
        Settings().user = "root"
    with pytest.raises(TypeError):
        Settings(user="root")


def test_randomness_is_the_systems_unless_given():
    assert Sources().random is os.urandom
    assert Sources().exchange("curve25519-sha256").hash_name == "sha256"


def test_the_session_id_is_not_shown():
    assert "beef" not in repr(Info(session_id=b"\xde\xad\xbe\xef")).replace("\\x", "")
    assert "session_id" not in repr(Info(session_id=b"x"))
