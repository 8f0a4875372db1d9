"""The hub as a whole, in this process: what it says, refuses and leaves. With ssh: tests/hub."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from nacre.hub import app
from nacre.hub.app import Hub
from nacre.hub.config import IsolationChoice
from nacre.hub.control import call
from nacre.hub.ground import HubOptions, open_ground
from nacre.hub.isolation import Isolation, Mode
from nacre.hub.problem import HubProblem
from tests.support.face import asynctest


@pytest.fixture(autouse=True)
def _no_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of this file starts a session; what isolation works here is not its matter."""
    monkeypatch.setattr(
        app, "choose", lambda choice, paths: Isolation(Mode.NONE, choice is IsolationChoice.NONE)
    )


def options(tmp_path: Path, listen: str = "127.0.0.1:0") -> HubOptions:
    return HubOptions(state=str(tmp_path / "state"), listen=listen)


async def serving(hub: Hub, capsys: pytest.CaptureFixture[str]) -> tuple[asyncio.Task[int], list[str]]:
    """Start a hub and wait until it has introduced itself."""
    introduced = asyncio.Event()
    introduce = hub._introduce

    def watched() -> None:
        introduce()
        introduced.set()

    hub._introduce = watched  # type: ignore[method-assign] # to learn when
    task = asyncio.create_task(hub.serve())
    waiting = asyncio.create_task(introduced.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        task.result()
    return task, capsys.readouterr().out.splitlines()


@asynctest
async def test_it_serves_until_it_is_told_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_ground(options(tmp_path)) as ground:
        task, lines = await serving(Hub(ground), capsys)
        assert lines[0].startswith("  nacre hub · 127.0.0.1:")
        assert lines[0].endswith(f"(made now) · state in {tmp_path / 'state'}")
        # Not a terminal: the first invite is not shown.
        assert not any("invite-" in line for line in lines)
        answer = await asyncio.to_thread(call, ground.paths, "ping", {})
        assert answer == {"pid": os.getpid(), "running": True}
        os.kill(os.getpid(), signal.SIGTERM)
        assert await task == 0
        assert not ground.paths.control.exists()


@asynctest
async def test_the_line_of_an_invite_has_the_real_port(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ground(options(tmp_path)) as ground:
        ground.state.add_user("alice")
        task, lines = await serving(Hub(ground), capsys)
        port = lines[0].split(":")[1].split()[0]
        assert lines[-1] == f"  log in with   ssh -p {port} alice@127.0.0.1"
        made = await asyncio.to_thread(call, ground.paths, "invite.create", {"user": "alice"})
        assert isinstance(made, dict)
        assert made["type"].startswith(f"ssh -p {port} invite-")
        os.kill(os.getpid(), signal.SIGINT)
        assert await task == 0


@asynctest
async def test_a_port_in_use_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with (
            open_ground(options(tmp_path, f"127.0.0.1:{port}")) as ground,
            pytest.raises(HubProblem) as caught,
        ):
            await serving(Hub(ground), capsys)
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1 port {port}: {os.strerror(errno.EADDRINUSE)}; "
        "is another hub running there? Choose another port with --port"
    )


@asynctest
async def test_another_machine_s_address_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("listen = '127.0.0.1:0'\n")
    for host in ("192.0.2.1", "no-such-host.invalid"):
        with open_ground(HubOptions(state=str(tmp_path / "state"), config=str(file))) as ground:
            ground.config = replace(ground.config, host=host)
            hub = Hub(ground)
            hub._isolation = Isolation(Mode.UID, by_admin=True)
            with pytest.raises(HubProblem) as caught:
                await serving(hub, capsys)
        assert str(caught.value).startswith(f"{file}:1: listen: cannot listen on {host}: ")


@asynctest
async def test_beyond_loopback_users_are_kept_apart_or_it_is_configured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        open_ground(options(tmp_path, "0.0.0.0:0")) as ground,
        pytest.raises(HubProblem, match='set isolation = "none"'),
    ):
        await serving(Hub(ground), capsys)


@asynctest
async def test_a_person_at_a_terminal_is_shown_the_first_invite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_ground(options(tmp_path)) as ground:
        hub = Hub(ground)
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        line = hub._invitation()
        assert "No user yet. Become the administrator, within an hour:   ssh -p" in line
        assert "invite-" in line
        assert capsys.readouterr().out == ""


@asynctest
async def test_sessions_and_ends_for_the_administration(tmp_path: Path) -> None:
    with open_ground(options(tmp_path)) as ground:
        hub = Hub(ground)
        assert await hub.sessions() == []
        assert await hub.end_session("nothing") is False
        assert await hub.end_user_sessions("nobody") == 0
