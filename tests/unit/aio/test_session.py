"""The defaults of the session classes: what a program gets that overrides nothing."""

from __future__ import annotations

import nacre


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
