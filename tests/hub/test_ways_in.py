"""Menu, user+app, command; and one line that says why for everything else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

from tests.support.hub import RunningHub, wait_for

pytestmark = [pytest.mark.requires("tmux"), pytest.mark.timeout(600)]

MakeHub = Callable[..., RunningHub]


def test_the_menu_starts_an_app_and_is_there_again_after_it(hub: RunningHub) -> None:
    terminal = hub.terminal("alice")
    screen = terminal.wait("q leaves")
    for app in ("notebook", "console", "python", "shell"):
        assert app in screen
    assert terminal.asked("alternate_on") == "1"
    terminal.type("sh")
    terminal.wait_gone("console")
    terminal.press("Enter")
    terminal.wait("$")
    assert terminal.asked("alternate_on") == "0"
    terminal.type("exit 3\n")
    terminal.wait("shell ended with status 3")
    terminal.resize(60, 12)
    screen = terminal.wait_until(
        lambda now: now.count("\n") == 12 and "q leaves" in now, "the menu in 12 rows"
    )
    assert max(map(len, screen.split("\n"))) <= 60
    terminal.press("Down", "Up", "j", "k")
    terminal.press("q")
    assert terminal.wait_exit() == 0
    assert terminal.asked("alternate_on") == "0"
    assert terminal.asked("cursor_flag") == "1"
    assert "q leaves" not in terminal.screen


def test_the_menu_offers_running_sessions_first(hub: RunningHub) -> None:
    shell = hub.terminal("alice+shell")
    shell.wait("$")
    shell.type("echo mark-$((1000+234))\n")
    shell.wait("mark-1234")
    shell.close()
    hub.session("detached")
    menu = hub.terminal("alice")
    screen = menu.wait("q leaves")
    assert screen.index("running") < screen.index("start")
    assert re.search(r"for (less than a minute|\d+ min), detached", screen)
    menu.press("Enter")
    menu.wait("mark-1234")
    # Another login takes it over; this terminal is told and is itself again.
    other = hub.terminal("alice")
    other.wait("open in another terminal")
    other.press("Enter")
    other.wait("mark-1234")
    menu.wait("taken over by another login")
    assert menu.wait_exit() == 0
    other.type("exit\n")
    other.wait("q leaves")
    other.press("C-c")
    assert other.wait_exit() == 0


@pytest.mark.parametrize("key", ["q", "C-c", "C-d", "Escape"])
def test_keys_that_leave_the_menu(hub: RunningHub, key: str) -> None:
    terminal = hub.terminal("alice")
    terminal.wait("q leaves")
    terminal.press(key)
    assert terminal.wait_exit() == 0


@pytest.fixture(scope="module")
def with_apps(make_shared_hub: MakeHub) -> RunningHub:
    """Return a hub with apps of its own."""
    return make_shared_hub(
        '[apps.say]\ncommand = ["/bin/sh", "-c", "printf \'[%s]\' \\"$@\\"; echo; read x", "say"]\n'
        'arguments = true\ndescription = "says it"\n'
        "[apps.shell]\narguments = false\n"
        '[apps.secret]\ncommand = ["/bin/true"]\nroles = ["admin"]\n'
        '[apps.fails]\ncommand = ["/bin/sh", "-c", "exit 9"]\n'
        '[apps.missing]\ncommand = ["no-such-program"]\n'
        '[apps.broken]\ncommand = ["/etc/hostname"]\n'
    )


def test_an_app_by_command_with_arguments(with_apps: RunningHub) -> None:
    hub = with_apps
    terminal = hub.terminal("alice", "-t", "--", "say", "one", "'two three'", "'$(id)'", "'*'", "'; id'")
    terminal.wait("[one][two three][$(id)][*][; id]")
    terminal.press("Enter")
    assert terminal.wait_exit() == 0
    refused = hub.terminal("alice", "-t", "--", "shell", "-c", "id")
    refused.wait("shell takes no arguments; type shell alone")
    assert refused.wait_exit() == 1
    quotes = hub.terminal("alice", "-t", "--", "say", "'unclosed")
    quotes.wait("no closing quotation; close the quotes")
    assert quotes.wait_exit() == 1


def test_without_a_terminal_the_line_says_what_to_add(hub: RunningHub) -> None:
    for user, command in (("alice", ()), ("alice", ("python",)), ("alice+notebook", ())):
        done = hub.ssh(user).run("-T", "--", *command)
        assert done.returncode == 1
        assert done.stdout == b""
        assert done.stderr.splitlines()[1:] == [b"an app needs a terminal: add -t to the ssh command"]


def test_an_unknown_app_gives_the_list_of_hers(with_apps: RunningHub) -> None:
    hub = with_apps
    for user, command in (
        ("alice+nope", ()),
        ("alice", ("nope",)),
        ("alice+secret", ()),
        ("alice", ("secret",)),
    ):
        done = hub.ssh(user).run("-T", "--", *command)
        assert done.returncode == 127, done
        text = done.stderr.decode()
        assert f"there is no app {command[0] if command else user[6:]}; yours are:" in text
        assert "  notebook " in text
        assert "  secret" not in text
    terminal = hub.terminal("alice+nope")
    terminal.wait("  shell ")
    assert terminal.wait_exit() == 127


def test_what_is_not_in_this_version_is_one_line(hub: RunningHub) -> None:
    ssh = hub.ssh("alice")
    for program, name in ((hub.openssh.sftp, "sftp"), (hub.openssh.scp, "sftp")):
        command = [str(program), *ssh.command()[1:]]
        where = command.index("-p")
        command[where : command.index("127.0.0.1") + 1] = ["-P", str(hub.port)]
        target = "alice@127.0.0.1:" if name == "sftp" and program == hub.openssh.sftp else "alice@127.0.0.1:x"
        arguments = [target] if program == hub.openssh.sftp else [target, str(hub.directory / "x")]
        done = subprocess.run(
            [*command, *arguments], capture_output=True, timeout=120, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode != 0
        assert f"{name} is not in this version of the hub".encode() in done.stderr, done
    old = hub.ssh("alice").run("-T", "--", "scp", "-t", "x")
    assert old.returncode == 1
    assert b"scp is not in this version of the hub" in old.stderr
    forward = hub.ssh("alice", "ExitOnForwardFailure yes").run("-T", "-W", "127.0.0.1:1", "--")
    assert forward.returncode == 255
    assert b"TCP forwarding is not in this version" in forward.stderr


def test_everybody_gets_the_banner_and_strangers_learn_nothing(hub: RunningHub) -> None:
    public = hub.key("bob").with_suffix(".pub")
    assert "added bob, role user, 1 key" in hub.program("user", "add", "bob", "--key", str(public))
    hub.command("user", "remove", "bob")
    answers = set()
    for user in ("alice", "bob", "nobody", "root", "alice+shell"):
        done = hub.ssh(user, key=hub.key("stranger")).run("-T", "--")
        assert done.returncode == 255
        assert b"ssh-keygen -t ed25519" in done.stderr
        answers.add(done.stderr.replace(user.encode(), b"NAME"))
    assert len(answers) == 1, answers
    fingerprint = subprocess.run(
        [hub.openssh.ssh_keygen, "-lf", hub.key("stranger")], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    for user in ("alice", "bob", "nobody"):
        wait_for(
            lambda user=user: f"refused {user} from 127.0.0.1 port" in hub.log, f"the log line of {user}"
        )
    assert fingerprint in hub.log
    nokey = hub.ssh("alice", key=None)
    done = subprocess.run(
        [*nokey.command("-o", "PubkeyAuthentication no", "--")], capture_output=True, timeout=120, check=False
    )
    assert b"ssh-keygen -t ed25519" in done.stderr


def test_an_app_that_fails_at_once_and_one_that_is_not_there(with_apps: RunningHub) -> None:
    hub = with_apps
    hub.wait_line(r"missing \(there is no program no-such-program")
    for _ in range(
        5
    ):  # "at once" is two seconds: less than its start may take where others keep the machine busy
        fails = hub.terminal("alice+fails")
        assert fails.wait_exit() == 9
        if "fails ended at once, with status 9" in fails.screen:
            break
    else:
        pytest.fail(fails.screen)
    missing = hub.terminal("alice+missing")
    missing.wait("there is no app missing")
    assert missing.wait_exit() == 127
    menu = hub.terminal("alice")
    menu.wait("q leaves")
    menu.type("fails")
    menu.press("Enter")
    menu.wait("fails ended with status 9")
    assert "Traceback" not in hub.log
