"""Sessions outlive their clients, for as long as they may, and leave nothing behind."""

from __future__ import annotations

import os
import re
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hub import RunningHub, wait_for
from tests.support.proxy import Proxy
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.requires("tmux"), pytest.mark.timeout(600)]

MakeHub = Callable[..., RunningHub]


def shell(hub: RunningHub, user: str = "alice", **options: object) -> Terminal:
    """Open a shell whose prompt is known."""
    terminal = hub.terminal(f"{user}+shell", **options)  # type: ignore[arg-type] # passed on as they are
    terminal.wait("$")
    terminal.type("PS1='ready> '\n")
    terminal.wait(re.compile("^ready>$", re.MULTILINE))
    return terminal


def test_a_killed_client_finds_its_session_again(hub: RunningHub) -> None:
    terminal = shell(hub)
    terminal.type("echo one-$((1000+234))\n")
    terminal.wait("one-1234")
    os.kill(terminal.pid, signal.SIGKILL)
    before = hub.session("detached")
    back = hub.terminal("alice+shell", columns=90, rows=20)
    back.wait("one-1234")
    # For a moment the size is a row off, so that programs paint again.
    back.type("until [ \"$(stty size)\" = '20 90' ]; do :; done; echo two-$((1000+234))\n")
    back.wait("two-1234")
    assert hub.session("attached")["id"] == before["id"]
    back.type("exit 7\n")
    assert back.wait_exit() == 7
    hub.wait_nothing_left()


def test_a_cut_network_leaves_the_session_and_who_comes_back_takes_it_over(hub: RunningHub) -> None:
    with Proxy(hub.port) as proxy:
        terminal = shell(hub, port=proxy.port)
        terminal.type("echo before-$((1000+234))\n")
        terminal.wait("before-1234")
        proxy.cut()
        # The hub cannot know yet. Who comes back at once is asked, and takes the session over.
        early = hub.terminal("alice+shell")
        early.wait("open in another terminal")
        early.wait("start another")
        early.press("Enter")
        early.wait("before-1234")
        early.type("exit\n")
        assert early.wait_exit() == 0
        hub.wait_nothing_left()


def test_keepalive_detaches_who_is_silent(make_hub: MakeHub) -> None:
    hub = make_hub('[keepalive]\ninterval = "1s"\ncount = 10\n')
    with Proxy(hub.port) as proxy:
        terminal = shell(hub, port=proxy.port)
        terminal.type("echo here-$((1000+234))\n")
        terminal.wait("here-1234")
        proxy.cut()
        session = hub.session("detached")
        hub.wait_line("logout alice .*keepalive|logout alice .*respon|logout alice .*: ")
        back = hub.terminal("alice+shell")
        back.wait("here-1234")
        assert hub.session("attached")["id"] == session["id"]


def test_after_its_detached_time_nothing_is_left(make_hub: MakeHub) -> None:
    hub = make_hub('detached = "1s"\n[limits]\nsessions_per_user = 1\n')
    first = shell(hub)
    second = hub.terminal("alice+python")
    second.wait("you have 1 sessions running, the most there may be; end one of them first")
    assert second.wait_exit() == 1
    second.close()
    first.close()
    hub.wait_nothing_left()
    before = hub.descriptors()
    terminal = shell(hub)
    # Children in sessions of their own, that ignore what they can.
    terminal.type("setsid sh -c 'trap \"\" HUP TERM; sleep 1000' & sleep 1001 &\n")
    terminal.type("echo up-$((1000+234))\n")
    terminal.wait("up-1234")
    wait_for(lambda: len(hub.processes()) >= 4, "holder, shell and children")
    os.kill(terminal.pid, signal.SIGKILL)
    hub.wait_nothing_left()
    assert hub.sessions() == []
    wait_for(lambda: hub.descriptors() <= before, "no descriptor left")


def test_a_holder_has_nothing_of_the_hubs(hub: RunningHub) -> None:
    shell(hub)
    pid = hub.session()["pid"]
    here = Path(f"/proc/{pid}/fd")
    targets = {int(each.name): os.readlink(each) for each in here.iterdir()}
    # Never the hub's own output, which may be an administrator's terminal; a log of its own would do.
    own = {"/dev/null", str(hub.state / "run" / f"{hub.session()['id']}.log")}
    assert {targets.pop(number) for number in (0, 1, 2)} <= own
    kinds = {re.sub(r"\d+|/dev/ptmx", "", target).strip(":[]") for target in targets.values()}
    assert kinds <= {"", "socket", "pipe", "anon_inode:[eventpoll", "anon_inode:[pidfd"}, targets
    variables = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"SECRET" not in variables


def test_the_next_hub_finds_the_sessions_of_a_killed_one(hub: RunningHub) -> None:
    terminal = shell(hub)
    terminal.type("echo kept-$((1000+234))\n")
    terminal.wait("kept-1234")
    hub.stop(signal.SIGKILL)
    terminal.wait_exit()
    hub.start()
    hub.wait_line("1 session of the hub before this one")
    hub.session("detached")
    back = hub.terminal("alice+shell")
    back.wait("kept-1234")
    back.type("echo again-$((1000+234))\n")
    back.wait("again-1234")


def test_an_administrator_ends_a_session_and_its_client_is_told(hub: RunningHub) -> None:
    terminal = shell(hub)
    hub.program("session", "end", str(hub.session()["id"]))
    assert terminal.wait_exit() != 0
    hub.wait_nothing_left()


def test_a_removed_user_is_out_and_the_home_stays(hub: RunningHub) -> None:
    hub.add_user("rita")
    terminal = shell(hub, "rita")
    menu = hub.terminal("rita")
    menu.wait("q leaves")
    said = hub.program("user", "remove", "rita")
    assert str(hub.home("rita")) in said
    terminal.wait_exit()
    menu.wait_exit()
    assert hub.home("rita").is_dir()
    hub.wait_nothing_left()
    again = hub.ssh("rita").run("shell")
    assert again.returncode == 255
    assert b"Permission denied" in again.stderr


def test_exits_and_signals_reach_the_client(hub: RunningHub) -> None:
    for code, status in (("exit 0", 0), ("exit 255", 255), ("kill -9 $$", 255)):
        terminal = shell(hub)
        terminal.type(f"{code}\n")
        assert terminal.wait_exit() == status, code


def test_typing_is_echoed_at_once_beside_a_flood(hub: RunningHub) -> None:
    hub.add_user("bob")
    flood = shell(hub)
    flood.type("yes\n")
    flood.wait(re.compile(r"^y\ny\ny\n", re.MULTILINE))
    typist = shell(hub, "bob")
    took = []
    for count in range(15):
        text = f"{count:02d}."
        begun = time.monotonic()
        typist.type(text)
        typist.wait(text)
        took.append(time.monotonic() - begun)
    # Two tmux commands, a process each, are in this time, and the machine may be slow. What waits behind a flood
    # waits for megabytes in all the queues on the way, or for ever.
    assert statistics.median(took) < 2.0, sorted(took)
    flood.press("C-c")
    flood.wait(re.compile("^ready>$", re.MULTILINE))
    hub_memory = _resident_megabytes(hub.pid)
    assert hub_memory < 200, hub_memory


def _resident_megabytes(pid: int) -> float:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_bytes_pass_untouched_and_the_environment_is_the_clients(hub: RunningHub) -> None:
    terminal = hub.terminal(
        "alice+shell", options=("SetEnv LC_TEST=kept COLORTERM=truecolor EVIL=no PYTHONPATH=/evil",)
    )
    terminal.wait("$")
    terminal.type(
        "env | grep -E 'LC_TEST|EVIL|PYTHONPATH|COLORTERM|^USER|SECRET|^HOME' | sort; echo end-$((5+5))\n"
    )
    screen = terminal.wait("end-10")
    assert "LC_TEST=kept" in screen
    assert "COLORTERM=truecolor" in screen
    assert "USER=alice" in screen
    assert f"HOME={hub.home('alice')}" in screen
    for word in ("EVIL=", "PYTHONPATH=", "SECRET_OF"):
        assert word not in screen
    terminal.type("stty raw -echo; printf got; dd bs=1 count=6 2>/dev/null | od -An -tx1; stty sane\n")
    terminal.wait(re.compile("^.*got", re.MULTILINE))
    terminal.paste(b"\xff\xfe\x00\x80\xc3\x28")
    terminal.wait("ff fe 00 80 c3 28")
