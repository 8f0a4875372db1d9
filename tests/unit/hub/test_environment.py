"""What a session's program finds in its environment."""

import os
from pathlib import Path

import pytest

from nacre.hub.environment import SEARCH_PATH, child_environment, prepare_home

HOME = Path("/srv/homes/alice")


def made(client=None, term="xterm", more=()):
    return child_environment("alice", HOME, term, client or {}, more)


def test_nothing_of_the_hub_s_own_environment_gets_in(monkeypatch):
    monkeypatch.setenv("NACRE_SECRET", "x")
    monkeypatch.setenv("COLORTERM", "of-the-hub")
    environment = made()
    assert "NACRE_SECRET" not in environment
    assert "COLORTERM" not in environment
    assert environment["PATH"] == SEARCH_PATH


def test_what_every_session_has():
    environment = made()
    assert environment["USER"] == environment["LOGNAME"] == "alice"
    assert environment["HOME"] == str(HOME)
    assert environment["LANG"] == "C.UTF-8"
    for name, value in environment.items():
        if name.startswith(("XDG_", "JUPYTER_")) or name in ("IPYTHONDIR", "TMPDIR"):
            assert Path(value).is_relative_to(HOME), name


@pytest.mark.parametrize("name", ["COLORTERM", "LANG", "LC_ALL", "LC_CTYPE", "NO_COLOR"])
def test_the_client_may_set(name):
    assert made({name: "value"})[name] == "value"


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "LD_PRELOAD",
        "PYTHONPATH",
        "BASH_ENV",
        "USER",
        "TERM",
        "SHELL",
        "LC_",
        "LC_ALL=x",
        "LC_ä",
        "XDG_CONFIG_HOME",
    ],
)
def test_the_client_may_not_set(name):
    environment = made({name: "/evil"})
    assert environment.get(name) != "/evil" or name == "LC_"


@pytest.mark.parametrize("value", ["a\0b", "a\nb", "\x1b[2J", "x" * 257, "\udcff", "a\u202eb"])
def test_values_that_are_not_plain_are_dropped(value):
    assert made({"COLORTERM": value}).get("COLORTERM") is None


def test_the_administrator_s_names_are_allowed_too():
    client = {"GIT_AUTHOR_NAME": "Alice", "GIT_X": "1", "OTHER": "2"}
    environment = made(client, more=("GIT_*",))
    assert environment["GIT_AUTHOR_NAME"] == "Alice"
    assert "OTHER" not in environment


def test_nobody_s_names_override_what_every_session_has():
    assert made({"HOME": "/evil", "PATH": "/evil"}, more=("*",))["HOME"] == str(HOME)


@pytest.mark.parametrize("term", ["", "x" * 65, "a b", "a\nb", "../../x\0"])
def test_a_strange_term_becomes_a_plain_one(term):
    assert made(term=term)["TERM"] == "xterm-256color"


def test_term_passes():
    assert made(term="tmux-256color")["TERM"] == "tmux-256color"


def test_the_directories_are_made_private(tmp_path):
    prepare_home(tmp_path, None)
    assert (tmp_path / ".local/share/jupyter").is_dir()
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
    prepare_home(tmp_path, None)  # again does nothing


def test_a_link_in_a_home_is_not_followed(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (home / ".local").symlink_to(elsewhere)
    (home / ".config").write_text("a file")
    prepare_home(home, None)
    assert list(elsewhere.iterdir()) == []
    assert (home / ".ipython").is_dir()


@pytest.mark.requires("root")
def test_the_directories_belong_to_the_user(tmp_path):
    os.chown(tmp_path, 61001, 61001)
    prepare_home(tmp_path, 61001)
    for path in tmp_path.rglob("*"):
        assert (path.stat().st_uid, path.stat().st_gid) == (61001, 61001)
