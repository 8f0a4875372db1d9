"""Whether a client has a configuration, and whom it logs in as."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

import pytest

from nacre.config_begin import configuration_files, configured_later, user_of
from nacre.options import SSHClientConnectionOptions as Options


def test_the_default_file_is_read_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert configuration_files(Options()) == ()
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("User bob\n")
    assert configuration_files(Options()) == (tmp_path / ".ssh" / "config",)
    assert configuration_files(Options(config=None)) == ()
    assert configuration_files(Options(config=[])) == ()


def test_what_no_file_says_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    options = Options(host="there")
    with mock.patch("nacre.client_config.configured", side_effect=AssertionError("it was read")):
        assert asyncio.run(configured_later(options)) is options
    config = tmp_path / "config"
    config.write_text("User bob\n")
    configured = asyncio.run(configured_later(Options(host="there", config=[str(config)])))
    assert user_of(configured) == "bob"


def test_a_user_without_a_name_is_not_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "local")
    assert user_of(Options(config=None)) == "local"
    assert user_of(Options(config=None, username="")) == ""
