"""Invites: what somebody without a user sees, and what the administrator's log shows of it."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable, Iterable

import pytest

from tests.support.hub import RunningHub, wait_for

pytestmark = [pytest.mark.requires("tmux"), pytest.mark.timeout(600)]

MakeHub = Callable[..., RunningHub]
NOT_VALID = "this invite is not valid; ask for a new one"


def invite(hub: RunningHub, *options: str) -> str:
    """Make an invite and return its code."""
    return code_of(hub, hub.command("invite", *options))


def code_of(hub: RunningHub, said: str) -> str:
    """Return the code in what the command said."""
    code = re.search(r"invite-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", said)
    assert code is not None, said
    assert f"-p {hub.port}" in said
    return code[0]


def test_an_invite_makes_a_user_once(hub: RunningHub) -> None:
    code = code_of(hub, hub.program("invite"))
    terminal = hub.terminal(code, key=hub.key("carol"))
    screen = terminal.wait("user name:")
    assert "the key that your ssh came with   SHA256:" in screen
    terminal.type("Root!\n")
    terminal.wait("cannot be a user name")
    terminal.press("C-u")
    terminal.type("alice\n")
    terminal.wait("Bind this key to alice? [y/n]")
    terminal.type("y")
    terminal.wait("that name is taken")
    terminal.type("carol\n")
    terminal.wait("Bind this key to carol? [y/n]")
    terminal.type("y")
    terminal.wait(f"ssh -p {hub.port} carol@127.0.0.1")
    assert terminal.wait_exit() == 0

    again = hub.terminal(code, key=hub.key("dave"))
    again.wait(NOT_VALID)
    assert again.wait_exit() == 1
    inside = hub.terminal("carol+shell")
    inside.wait("$")
    hub.wait_line(r"enrolled carol \(user\)")
    assert code not in hub.log
    assert code.removeprefix("invite-") not in hub.log


def test_no_leaves_it_unspent_and_a_preset_name_is_shown(hub: RunningHub) -> None:
    code = invite(hub, "--user", "erin")
    first = hub.terminal(code, key=hub.key("erin"))
    first.wait("Bind this key to erin? [y/n]")
    first.type("n")
    first.wait("the invite is not spent")
    assert first.wait_exit() == 1
    second = hub.terminal(code, key=hub.key("erin"))
    second.wait("Bind this key to erin? [y/n]")
    second.press("C-c")
    assert second.wait_exit() == 1
    third = hub.terminal(code.lower(), key=hub.key("erin"))
    third.wait("Bind this key to erin? [y/n]")
    third.type("y")
    assert third.wait_exit() == 0
    assert hub.ssh("erin").run("-T", "--").returncode == 1


def test_expired_used_and_unknown_look_the_same(hub: RunningHub) -> None:
    expired = invite(hub, "--expires", "1s")
    used = invite(hub, "--user", "frank")
    dialogue = hub.terminal(used, key=hub.key("frank"))
    dialogue.wait("[y/n]")
    dialogue.type("y")
    assert dialogue.wait_exit() == 0
    ssh = hub.ssh(expired, key=hub.key("mallory"))
    wait_for(lambda: NOT_VALID.encode() in ssh.run("-tt", "--").stdout, "the first one's end")
    # All at once: each costs a second.
    codes = (expired, used, "invite-7KQ2-M4XD-9PTA", "invite-", "invite-nonsense")
    said = {stdout.replace(b"\r\n", b"\n") for stdout in refused(hub, codes)}
    assert said == {NOT_VALID.encode() + b"\n"}


def refused(hub: RunningHub, codes: Iterable[str]) -> list[bytes]:
    """Come with codes, all at once; returns what each was told."""
    commands = [hub.ssh(code, key=hub.key("mallory")).command("-tt", "--") for code in codes]
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            )
            for command in commands
        ]
        said = [client.communicate(timeout=120)[0] for client in clients]
    assert {client.returncode for client in clients} == {1}
    return said


def test_guessing_is_limited_for_the_whole_hub(make_hub: MakeHub) -> None:
    hub = make_hub()
    code = invite(hub)
    # All at once: each costs a second.
    assert all(NOT_VALID.encode() in said for said in refused(hub, ["invite-0000-0000-0000"] * 20))
    right = hub.terminal(code, key=hub.key("grace"))
    right.wait(NOT_VALID)
    assert right.wait_exit() == 1
    hub.wait_line("too many wrong ones")
    # Keys are not affected.
    assert hub.ssh("alice").run("-T", "--").returncode == 1


def test_an_invite_needs_a_terminal(hub: RunningHub) -> None:
    done = hub.ssh(invite(hub), key=hub.key("heidi")).run("-T", "--")
    assert done.returncode == 1
    assert b"add -t to the ssh command" in done.stderr
