"""The defaults of the session classes: what a program gets that overrides nothing; and coroutines in vain."""

from __future__ import annotations

import pytest

import nacre
from nacre.aio.session import PLAIN, require_plain
from tests.support.cases import each_case
from tests.support.face import Recorder, SessionServer, asynctest, connected, reported, serving


def test_client_defaults() -> None:
    session: nacre.SSHClientSession[str] = nacre.SSHClientSession()
    session.connection_made(None)  # type: ignore[arg-type]  # what stands in for it is enough
    session.session_started()
    session.data_received("x", None)
    assert not session.eof_received()
    session.pause_writing()
    session.resume_writing()
    session.xon_xoff_requested(True)
    session.exit_status_received(0)
    session.exit_signal_received("TERM", False, "", "")
    session.connection_lost(None)


def test_server_defaults_grant_a_terminal_and_nothing_else() -> None:
    session: nacre.SSHServerSession[str] = nacre.SSHServerSession()
    session.connection_made(None)  # type: ignore[arg-type]  # what stands in for it is enough
    assert session.pty_requested("xterm", (80, 24, 0, 0), {}) is True
    assert session.shell_requested() is False
    assert session.exec_requested("x") is False
    assert session.subsystem_requested("x") is False
    assert session.break_received(1) is False
    session.signal_received("TERM")
    session.soft_eof_received()
    session.terminal_size_changed(1, 1, 0, 0)
    assert not session.eof_received()
    session.connection_lost(None)


@each_case("name", PLAIN)
def test_a_callback_that_nothing_waits_for_is_no_coroutine(name: str) -> None:
    async def coroutine(self: object, *args: object) -> None:
        raise AssertionError("never run")

    with pytest.raises(TypeError, match=name):
        require_plain(type("Session", (nacre.SSHServerSession,), {name: coroutine})())
    require_plain(nacre.SSHServerSession())
    require_plain(nacre.SSHClientSession())


@asynctest
async def test_such_a_session_is_refused_at_both_ends() -> None:
    class Wrong(Recorder):
        async def data_received(self, data: str, datatype: int | None) -> None:
            raise AssertionError("never run")

    sessions: list[Recorder] = [Recorder(), Wrong()]
    async with (
        serving(server_factory=lambda: SessionServer(sessions.pop, [])) as listener,
        connected(listener) as connection,
    ):
        with pytest.raises(nacre.ChannelOpenError, match="could not be opened"):
            await connection.create_session(Recorder, "x")
        (report,) = reported()
        assert "data_received of a session" in str(report["exception"])
        with pytest.raises(TypeError, match="data_received of a session"):
            await connection.create_session(Wrong, "x")
        assert not connection.is_closed()
