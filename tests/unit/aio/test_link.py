"""A connection's runtime: questions, global requests, the order of its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nacre
from nacre.aio.link import LinkState
from tests.support.face import (
    Recorder,
    SessionServer,
    asynctest,
    connect,
    connected,
    reported,
    serving,
    two_sessions,
)


@asynctest
async def test_unknown_kinds_of_channels_are_refused() -> None:
    from nacre.aio.channel import SSHChannel

    async with serving() as listener, connected(listener) as connection:
        for kind, code in (
            ("unheard-of@example.com", nacre.OPEN_UNKNOWN_CHANNEL_TYPE),
            ("direct-tcpip", nacre.OPEN_ADMINISTRATIVELY_PROHIBITED),
            ("direct-streamlocal@openssh.com", nacre.OPEN_ADMINISTRATIVELY_PROHIBITED),
            ("tun@openssh.com", nacre.OPEN_ADMINISTRATIVELY_PROHIBITED),
        ):
            with pytest.raises(nacre.ChannelOpenError) as info:
                await SSHChannel[str](connection._link).open(kind, b"\xff" * 10, Recorder)
            assert info.value.code == code
        assert not connection._link.channels


@asynctest
async def test_a_client_opens_no_session_for_a_server() -> None:
    from nacre.aio.channel import SSHChannel

    async with two_sessions() as (_, server, _):
        with pytest.raises(nacre.ChannelOpenError):
            await SSHChannel[str](server.chan._link).open("session", b"", Recorder)


@asynctest
async def test_global_requests_are_answered_in_order() -> None:
    async with serving() as listener, connected(listener) as connection:
        answers = await asyncio.gather(
            *(
                connection._link.global_request(name, b"\0\0\0\0\0\0\0\0")
                for name in ("tcpip-forward", "unheard-of", "streamlocal-forward@openssh.com")
            )
        )
        assert answers == [(False, b"")] * 3


@asynctest
async def test_a_global_request_that_waits_hears_of_the_end() -> None:
    async with two_sessions() as (_, server, connection):
        task = asyncio.create_task(connection._link.global_request("unheard-of", b""))
        await asyncio.sleep(0)
        connection.abort()
        with pytest.raises(nacre.DisconnectError):
            await task
        await server.closed.wait()


@asynctest
async def test_the_order_of_the_end() -> None:
    order: list[str] = []

    class Session(Recorder):
        def connection_lost(self, exc: Exception | None) -> None:
            order.append("channel")
            super().connection_lost(exc)

    class Client(nacre.SSHClient):
        def connection_lost(self, exc: Exception | None) -> None:
            order.append("connection")

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("task")

    from tests.support.face import SessionServer

    async with serving(server_factory=lambda: SessionServer(Recorder, [])) as listener:
        connection = await connect(listener, client_factory=Client)
        for _ in range(2):
            await connection.create_session(Session, "x")
        connection.create_task(for_ever())
        await asyncio.sleep(0)
        connection.close()
        await connection.wait_closed()
        assert order == ["channel", "channel", "connection", "task"]


@asynctest
async def test_closing_in_every_state_leaves_nothing() -> None:
    """Closed at once, in the handshake, in the login, with a channel under way, twice."""
    gate = asyncio.Event()
    inside = asyncio.Event()

    class Slow(nacre.SSHServer):
        async def begin_auth(self, username: str) -> bool:
            if username == "slow":
                inside.set()
                await gate.wait()
            return False

        async def session_requested(self) -> Any:
            inside.set()
            await gate.wait()
            return Recorder()

    made: list[Any] = []

    class Client(nacre.SSHClient):
        def connection_made(self, conn: Any) -> None:
            made.append(conn)

    for end in ("close", "abort", "server"):
        async with serving(server_factory=Slow) as listener:
            # In the login.
            inside.clear()
            task = asyncio.create_task(connect(listener, username="slow", client_factory=Client))
            await inside.wait()
            if end == "server":
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            else:
                getattr(made[-1], end)()
                with pytest.raises(nacre.DisconnectError):
                    await task
            # At once, before the handshake.
            task = asyncio.create_task(connect(listener, client_factory=Client))
            count = len(made)
            while len(made) == count:
                await asyncio.sleep(0)
            made[-1].abort() if end == "abort" else made[-1].close()
            with pytest.raises(nacre.DisconnectError):
                await task
            # With a channel under way.
            inside.clear()
            connection = await connect(listener, client_factory=Client)
            opening = asyncio.create_task(connection.create_session(Recorder, "x"))
            await inside.wait()
            for _ in range(2):
                connection.abort() if end == "abort" else connection.close()
            with pytest.raises(nacre.Error):
                await opening
            await connection.wait_closed()
            await connection.wait_closed()
            with pytest.raises(nacre.ChannelOpenError) as refused:
                await connection.run("x")
            assert refused.value.code == nacre.OPEN_CONNECT_FAILED
            assert isinstance(refused.value.__cause__, nacre.DisconnectError)
            assert connection.is_closed()


@asynctest
async def test_a_question_whose_callback_is_cancelled_by_itself_is_refused() -> None:
    class Cancels(nacre.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        async def validate_password(self, username: str, password: str) -> bool:
            if password == "cancel":
                raise asyncio.CancelledError
            return True

    class Client(nacre.SSHClient):
        passwords = iter(("cancel", "good"))

        def kbdint_auth_requested(self) -> Any:
            return None

        def password_auth_requested(self) -> Any:
            return next(self.passwords)

    async with serving(server_factory=Cancels) as listener, connected(listener, client_factory=Client):
        pass


@asynctest
async def test_the_state_follows() -> None:
    async with two_sessions() as (_, _, connection):
        link = connection._link
        assert link.state is LinkState.OPEN
        connection.close()
        assert link.state is LinkState.ENDING
        await connection.wait_closed()
        assert link.state is LinkState.GONE
        connection.close()
        connection.abort()
        assert isinstance(link.lost_error(), nacre.ConnectionLost)
    assert not reported()


@asynctest
async def test_a_disconnect_reaches_the_peer_with_its_reason() -> None:
    async with two_sessions() as (client, server, connection):
        server.chan.get_connection().disconnect(nacre.DISC_TOO_MANY_CONNECTIONS, "full, come back later")
        await client.closed.wait()
        assert isinstance(client.error, nacre.DisconnectError)
        assert (client.error.code, client.error.reason) == (12, "full, come back later")
        await connection.wait_closed()


@asynctest
async def test_at_the_end_one_session_can_still_speak_to_another() -> None:
    """As a relay does: the first channel that hears of the end closes its partner."""
    met: list[Exception] = []
    sessions: list[Recorder] = []

    class Relay(Recorder):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            for other in sessions:
                if other is not self:
                    try:
                        other.chan.write("so long")
                    except BrokenPipeError:
                        pass
                    except Exception as error:
                        met.append(error)
                    other.chan.close()

    made: list[Any] = []

    def make() -> Relay:
        sessions.append(Relay())
        return sessions[-1]

    async with (
        serving(server_factory=lambda: SessionServer(make, made)) as listener,
        connected(listener) as connection,
    ):
        for _ in range(2):
            await connection.create_session(Recorder, "x")
        connection.abort()
        for session in sessions:
            await session.closed.wait()
    assert met == []
    assert reported() == []


@asynctest
async def test_a_session_whose_connection_went_as_it_began_hears_of_the_end() -> None:
    class Leaver(Recorder):
        def connection_made(self, chan: Any) -> None:
            super().connection_made(chan)
            chan.get_connection().abort()

    session, made = Leaver(), []
    async with serving(server_factory=lambda: SessionServer(lambda: session, made)) as listener:
        connection = await connect(listener)
        with pytest.raises(nacre.Error):
            await connection.create_session(Recorder, "x")
        await session.closed.wait()
        await connection.wait_closed()
