"""How a hub ends: people are told, terminals restored, sessions kept."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.support.hub import RunningHub, wait_for

pytestmark = [pytest.mark.requires("tmux"), pytest.mark.timeout(600)]

MakeHub = Callable[..., RunningHub]
#: Takes the whole terminal: alternate screen, no cursor, mouse, bracketed paste.
FULL = (
    '[apps.full]\ncommand = ["/bin/sh", "-c", '
    "'printf \"\\\\033[?1049h\\\\033[?25l\\\\033[?1000h\\\\033[?2004hpainted\"; read x']\n"
)


def restored(terminal: object) -> None:
    """Check that a terminal is as it was."""
    asked = terminal.asked  # type: ignore[attr-defined] # a Terminal
    assert asked("alternate_on") == "0"
    assert asked("cursor_flag") == "1"
    assert asked("mouse_any_flag") == "0"


@pytest.fixture(scope="module")
def patient(make_shared_hub: MakeHub) -> RunningHub:
    """Return a hub whose grace lasts longer than any test."""
    return make_shared_hub('grace = "1h"\n' + FULL)


@pytest.fixture
def hub(patient: RunningHub) -> RunningHub:
    """Return it as a new one."""
    patient.renew()
    return patient


def test_term_tells_everybody_and_who_leaves_is_not_waited_for(hub: RunningHub) -> None:
    full = hub.terminal("alice+full")
    full.wait("painted")
    menu = hub.terminal("alice")
    menu.wait("q leaves")
    hub.send(signal.SIGTERM)
    full.wait("the hub shuts down in 3600 s; your sessions go on")
    menu.wait("the hub is shutting down; your sessions go on")
    menu.wait_exit()
    restored(menu)
    new = hub.ssh("alice+shell").run("-tt", "--")
    assert b"the hub is shutting down; your sessions go on" in new.stdout
    full.press("Enter")
    assert full.wait_exit() == 0
    assert hub.stop(None) == 0
    assert "Traceback" not in hub.log
    wait_for(lambda: not hub.processes(), "no process left")
    hub.start()
    # A holder that has ended, but that nobody has waited for yet, is found again and swept after the start.
    hub.wait_nothing_left()


def test_a_second_interrupt_ends_at_once_and_restores_too(hub: RunningHub) -> None:
    full = hub.terminal("alice+full")
    full.wait("painted")
    hub.send(signal.SIGINT)
    full.wait("the hub shuts down in 3600 s")
    assert hub.stop(signal.SIGINT) == 0
    full.wait_exit()
    restored(full)
    hub.start()
    hub.session("detached")


def test_nobody_there_ends_at_once(hub: RunningHub) -> None:
    idle = subprocess.Popen(hub.ssh("alice").command("-N", "--"), stderr=subprocess.DEVNULL)
    try:
        hub.wait_line("login alice")
        assert hub.stop(signal.SIGTERM) == 0
        assert idle.wait(120) == 255
    finally:
        idle.kill()
        idle.wait()


def test_after_its_grace_it_ends_and_the_next_hub_has_the_session(make_hub: MakeHub) -> None:
    hub = make_hub('grace = "1s"\n' + FULL)
    full = hub.terminal("alice+full")
    full.wait("painted")
    hub.send(signal.SIGTERM)
    full.wait_exit()
    restored(full)
    full.wait("the hub is shutting down; your sessions go on")
    assert hub.stop(None) == 0
    assert "Traceback" not in hub.log
    hub.start()
    back = hub.terminal("alice+full")
    wait_for(lambda: back.asked("alternate_on") == "1", "the alternate screen again")
    hub.session("attached")


def test_detached_zero_ends_sessions_with_their_client_and_with_the_hub(make_hub: MakeHub) -> None:
    hub = make_hub("grace = 0\ndetached = 0\n" + FULL)
    full = hub.terminal("alice+full")
    full.wait("painted")
    os.kill(full.pid, signal.SIGKILL)
    hub.wait_nothing_left()
    full = hub.terminal("alice+full")
    full.wait("painted")
    assert hub.stop() == 0
    full.wait_exit()
    restored(full)
    wait_for(lambda: not hub.processes(), "no process left")
