"""A peer that follows a script, against both ends."""

from __future__ import annotations

import pytest

import nacre
from nacre.guesses import remember
from nacre.testing import Transcript, connected_pair, raw_client, raw_server, recording
from tests.support.face import HOST, PasswordServer, asynctest, client_options, connected, serving


def greet(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write("hello\n")
    process.exit(3)


@asynctest
async def test_a_client_by_hand():
    async with serving(process_factory=greet) as listener, raw_client(HOST, listener.get_port()) as peer:
        assert (await peer.log_in("alice")).name == "USERAUTH_SUCCESS"
        peer.send(
            "CHANNEL_OPEN",
            kind="session",
            sender_channel=7,
            initial_window_size=1000,
            maximum_packet_size=500,
        )
        opened = await peer.receive("CHANNEL_OPEN_CONFIRMATION")
        assert opened.recipient_channel == 7
        peer.send("CHANNEL_REQUEST", recipient_channel=opened.sender_channel, name="shell", want_reply=True)
        await peer.receive("CHANNEL_SUCCESS")
        assert (await peer.receive("CHANNEL_DATA")).data == b"hello\n"
        status = await peer.until("CHANNEL_REQUEST")
        assert (status.name, status.message.name, status.data[-1]) == ("CHANNEL_REQUEST", "exit-status", 3)
        await peer.until("CHANNEL_CLOSE")


@asynctest
async def test_anything_may_be_sent_at_any_time():
    async with serving() as listener:
        async with raw_client(HOST, listener.get_port()) as peer:
            peer.send("CHANNEL_OPEN", kind="session")  # before anything
            await peer.closed()
        async with raw_client(HOST, listener.get_port()) as peer:
            peer.send_bytes(b"GET / HTTP/1.0\r\n\r\n")
            await peer.closed()
        for payload in (b"\x5a", b"\xff" * 20, b"\x32" + b"\0\0\0\1a" * 3):
            async with raw_client(HOST, listener.get_port()) as peer:
                await peer.exchange_keys()
                peer.send(payload)
                end = await peer.closed()
                assert end is not None
                assert end.code == nacre.DISC_PROTOCOL_ERROR
        async with raw_client(HOST, listener.get_port()) as peer:
            await peer.log_in()
            peer.send(98, b"\0\0\0\x63", b"\0\0\0\1x\0")  # as `send_packet` takes it: a request on no channel
            assert "channel" in (await peer.closed()).description


@asynctest
async def test_keys_again_and_messages_after_them():
    async with serving() as listener, raw_client(HOST, listener.get_port(), strict=False) as peer:
        await peer.log_in()
        for _ in range(2):
            peer.send("IGNORE", data=bytes(40_000))
            peer.send("IGNORE", data=bytes(40_000))
            await peer.exchange_keys()
        peer.send("PING", data=b"still there?")
        assert (await peer.receive("PONG")).data == b"still there?"


@asynctest
async def test_passwords():
    async with serving(server_factory=PasswordServer) as listener:
        async with raw_client(HOST, listener.get_port()) as peer:
            answer = await peer.log_in("alice", "wrong")
            assert answer.name == "USERAUTH_FAILURE"
            assert "password" in answer.methods
        async with raw_client(HOST, listener.get_port()) as peer:
            assert (await peer.log_in("alice", "secret")).name == "USERAUTH_SUCCESS"


@asynctest
async def test_a_server_by_hand():
    async def script(peer):
        request = await peer.let_in()
        assert (request.username, request.method) == ("user", "none")
        opened = await peer.receive("CHANNEL_OPEN")
        peer.send(
            "CHANNEL_OPEN_FAILURE", recipient_channel=opened.sender_channel, code=2, description="not today"
        )
        await peer.closed()

    async with raw_server(script) as port, nacre.connect(HOST, port, **client_options()) as connection:
        with pytest.raises(nacre.ChannelOpenError, match="not today"):
            await connection.run("x")


@asynctest
async def test_a_server_that_breaks_the_rules_is_left():
    async def script(peer):
        await peer.exchange_keys()
        peer.send("USERAUTH_SUCCESS")
        await peer.closed()

    async with raw_server(script) as port:
        with pytest.raises(nacre.ProtocolError, match="52"):
            await nacre.connect(HOST, port, **client_options())


@asynctest
async def test_a_client_that_guesses_wrong_is_served():
    async def script(peer):
        await peer.let_in()
        await peer.closed()

    async with raw_server(script) as port:
        # As after another server there that preferred what this one does not have.
        remember(HOST, port, ("mlkem768x25519-sha256", "ssh-ed25519"))
        async with nacre.connect(HOST, port, **client_options()) as connection:
            assert connection.get_extra_info("kex") != "mlkem768x25519-sha256"


@asynctest
async def test_what_a_script_raises_is_raised():
    async def script(peer):
        await peer.let_in()
        await peer.receive("CHANNEL_DATA")

    async def client():
        async with raw_server(script) as port, nacre.connect(HOST, port, **client_options()) as connection:
            with pytest.raises(nacre.ConnectionLost):
                await connection.run("x")

    with pytest.raises(AssertionError, match="CHANNEL_DATA was expected"):
        await client()


@asynctest
async def test_wrong_names_are_said():
    async with serving() as listener, raw_client(HOST, listener.get_port()) as peer:
        with pytest.raises(ValueError, match="no message 'CHANEL_OPEN'"):
            peer.send("CHANEL_OPEN")
        with pytest.raises(ValueError, match="no field size"):
            peer.send("CHANNEL_OPEN", size=1)
        await peer.exchange_keys()


@asynctest
async def test_silence_has_an_end():
    async with serving() as listener, raw_client(HOST, listener.get_port()) as peer:
        await peer.log_in()
        peer._time_limit = 0.01
        with pytest.raises(TimeoutError):
            await peer.receive("CHANNEL_DATA")


# ---------------------------------------------------------------- transcripts


async def recorded() -> tuple[Transcript, Transcript]:
    """Return what a client and a server say of one conversation."""
    with recording() as record:
        async with connected_pair(
            server={"server_factory": PasswordServer, "process_factory": greet},
            client={"password": "secret", "username": "alice"},
        ) as pair:
            await pair.client.run("a secret command")
    client, server = record.connections.values()
    return (client, server) if "KEX_ECDH_INIT" in client.names(sent=True) else (server, client)


@asynctest
async def test_a_client_against_the_transcript_of_one():
    client, _ = await recorded()
    again = Transcript.parse(str(client))
    async with raw_server(lambda peer: peer.play(again)) as port:
        options = client_options(username="alice", password="secret")
        async with nacre.connect(HOST, port, **options) as connection:
            done = await connection.run("a secret command")
            assert (done.stdout, done.exit_status) == ("\0" * 6, 3)


@asynctest
async def test_a_server_against_the_transcript_of_one():
    _, server = await recorded()
    options = {"server_factory": AnyPassword, "process_factory": greet}
    async with serving(**options) as listener, raw_client(HOST, listener.get_port()) as peer:
        await peer.play(server)


class AnyPassword(PasswordServer):
    """Lets in with any password: a transcript has none."""

    def validate_password(self, username, password):
        return True


@asynctest
async def test_a_client_that_does_something_else_is_noticed():
    client, _ = await recorded()

    async def other():
        async with raw_server(lambda peer: peer.play(client)) as port:
            with pytest.raises(nacre.DisconnectError):
                await nacre.connect(HOST, port, **client_options(username="bob", password="secret"))

    with pytest.raises(AssertionError, match="the transcript goes on with"):
        await other()


@asynctest
async def test_a_connection_of_nacre_goes_on_as_always():
    async with serving(process_factory=greet) as listener, connected(listener) as connection:
        assert (await connection.run("")).stdout == "hello\n"
