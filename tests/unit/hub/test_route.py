"""What a client gets for what it asked."""

import pytest

from nacre.hub.apps import App
from nacre.hub.route import Login, Menu, Refusal, Start, parse_login, route

NOTEBOOK = App("notebook", ("/usr/bin/nb",), arguments=True, description="notebooks")
SHELL = App("shell", ("/bin/bash", "-l"), arguments=False, description="a shell")
APPS = (NOTEBOOK, SHELL)


def ask(command=None, *, app=None, subsystem=None, terminal=True, apps=APPS):
    return route(apps, app, command, subsystem, terminal=terminal)


@pytest.mark.parametrize(
    ("name", "login"),
    [
        ("alice", Login("alice")),
        ("alice+notebook", Login("alice", "notebook")),
        ("alice+", Login("alice", "")),
        ("a+b+c", Login("a", "b+c")),
        ("", Login("")),
    ],
)
def test_login_names(name, login):
    assert parse_login(name) == login


def test_a_terminal_and_nothing_else_is_the_menu():
    assert ask() == Menu()
    assert ask("   ") == Menu()


def test_an_app_by_name_or_by_command():
    assert ask(app="shell") == Start(SHELL, ("/bin/bash", "-l"), resume=True)
    assert ask("shell") == Start(SHELL, ("/bin/bash", "-l"), resume=True)


def test_arguments_are_split_and_only_where_allowed():
    wanted = ("/usr/bin/nb", "a b.ipynb", "--dark", "$HOME;reboot")
    assert ask("notebook 'a b.ipynb' --dark '$HOME;reboot'") == Start(NOTEBOOK, wanted, resume=False)
    assert ask("x.ipynb", app="notebook") == Start(NOTEBOOK, ("/usr/bin/nb", "x.ipynb"), resume=False)
    refused = ask("shell -c id")
    assert isinstance(refused, Refusal)
    assert refused.status == 1
    assert len(refused.lines) == 1
    assert isinstance(ask("notebook 'unbalanced"), Refusal)


def test_an_unknown_app_is_answered_with_the_list_and_127():
    for refused in (ask("nosuch"), ask(app="nosuch"), ask("nosuch", terminal=False), ask(app="")):
        assert isinstance(refused, Refusal)
        assert refused.status == 127
        assert [line.split()[0] for line in refused.lines[1:]] == ["notebook", "shell"]


def test_a_plus_without_a_name_is_told_so():
    assert ask(app="").lines[0] == "no app is named behind the +; yours are:"


def test_the_client_s_words_are_escaped_and_bounded_in_ours():
    line = ask("\x1b]0;title\x07" + "x" * 500).lines[0]
    assert line.isprintable()
    assert len(line) < 150


def test_without_a_terminal():
    for refused in (ask(terminal=False), ask("notebook", terminal=False), ask(app="shell", terminal=False)):
        assert refused.status == 1
        assert len(refused.lines) == 1
        assert "-t" in refused.lines[0]


@pytest.mark.parametrize(
    "command", ["scp -t x", "scp -f /etc/passwd", "/usr/bin/rsync --server", "sftp-server"]
)
def test_transfers_are_not_in_this_version(command):
    refused = ask(command, terminal=False)
    assert refused.status == 1
    assert "not in this version" in refused.lines[0]


def test_subsystems():
    for name in ("sftp", "netconf", "\x1b[2J"):
        refused = ask(subsystem=name, terminal=False)
        assert refused.status == 1
        assert refused.lines[0].isprintable()
        assert "not in this version" in refused.lines[0]


def test_a_user_without_apps():
    refused = ask("shell", apps=())
    assert refused.status == 127
    assert len(refused.lines) == 1
