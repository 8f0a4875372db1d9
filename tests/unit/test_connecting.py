"""Opening client connections: addresses, sockets, time limits and what is raised."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.wire.fields import encode_text, encode_uint32
from tests.support.face import (
    HOST,
    OpenServer,
    PasswordServer,
    asynctest,
    client_options,
    connect,
    connected,
    host_key,
    serving,
)


@asynctest
async def test_connect_and_create_connection() -> None:
    async with serving(server_factory=PasswordServer) as listener:
        options = nacre.SSHClientConnectionOptions(
            **client_options(port=listener.get_port(), password="secret")
        )
        async with await nacre.connect(HOST, options=options) as connection:
            assert isinstance(connection, nacre.SSHClientConnection)
        connection, client = await nacre.create_connection(nacre.SSHClient, HOST, options=options)
        assert isinstance(client, nacre.SSHClient)
        assert connection.get_owner() is client
        connection.close()
        await connection.wait_closed()
        named = {"host": HOST, "options": options, "local_addr": (HOST, 0), "family": socket.AF_INET}
        async with await nacre.connect(**named) as connection:
            assert connection.get_extra_info("sockname")[0] == HOST


@asynctest
async def test_an_address_without_a_listener() -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        with pytest.raises(ConnectionRefusedError):
            await nacre.connect(HOST, unused.getsockname()[1], **client_options())


@asynctest
async def test_time_limits() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(TimeoutError, match=rf"{HOST}, port {port}: no login within 0.05 seconds"):
        await nacre.connect(HOST, port, **client_options(connect_timeout=0.05))
    with pytest.raises(nacre.ConnectionLost, match="too long"):
        await nacre.connect(HOST, port, **client_options(login_timeout=0.05))
    server.close()
    await asyncio.sleep(0)


@asynctest
async def test_a_cancelled_connect_leaves_nothing() -> None:
    made = asyncio.Event()

    class Server(OpenServer):
        async def begin_auth(self, username: str) -> bool:  # type: ignore[override]  # it may be a coroutine
            made.set()
            await asyncio.Event().wait()
            return False

    async with serving(server_factory=Server) as listener:
        task = asyncio.create_task(connect(listener))
        await made.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("family", ["UNIX", "INET"])
@asynctest
async def test_both_roles_over_a_socket_that_is_there(family: str) -> None:
    if family == "UNIX":
        ours, theirs = socket.socketpair()
    else:
        with socket.socket() as listening:
            listening.bind((HOST, 0))
            listening.listen()
            ours = socket.create_connection(listening.getsockname())
            theirs, _ = listening.accept()

    def handler(process: Any) -> None:
        process.stdout.write("hello")
        process.exit(0)

    server = asyncio.create_task(
        nacre.run_server(
            theirs, server_factory=OpenServer, server_host_keys=[host_key()], process_factory=handler
        )
    )
    client = await nacre.run_client(ours, **client_options())
    served = await server
    assert served.get_extra_info("username") == "user"
    # Nobody was called by a name: none is made up, and no key of another host counts.
    assert client.get_extra_info("host") == ""
    assert (await client.run("x")).stdout == "hello"
    client.close()
    await client.wait_closed()
    await served.wait_closed()


@asynctest
async def test_a_login_that_fails_over_a_socket_that_is_there() -> None:
    ours, theirs = socket.socketpair()
    server = asyncio.create_task(
        nacre.run_server(theirs, server_factory=PasswordServer, server_host_keys=[host_key()])
    )
    with pytest.raises(nacre.PermissionDenied):
        await nacre.run_client(ours, **client_options())
    with pytest.raises(nacre.DisconnectError):
        await server


@pytest.mark.parametrize("given", ["", "here"])
@asynctest
async def test_a_connected_socket_is_trusted_by_its_address_and_the_name_given(given: str) -> None:
    asked: list[Any] = []

    def known_hosts(host: str, addr: str, port: int | None) -> Any:
        asked.append((host, addr, port))
        return [host_key()], [], []

    async with serving(server_factory=OpenServer) as listener:
        port = listener.get_port()
        sock = socket.create_connection((HOST, port))
        options = client_options(known_hosts=known_hosts)
        async with nacre.connect(given, sock=sock, **options) as connection:
            assert connection.get_extra_info("host") == given
    assert asked == [(given or HOST, HOST, 22 if given else port)]


@asynctest
async def test_a_user_without_a_name_is_one() -> None:
    async with serving(server_factory=OpenServer) as listener, connected(listener, username="") as connection:
        assert connection.get_extra_info("username") == ""


@asynctest
async def test_the_host_key_without_a_login() -> None:
    async with serving(server_factory=nacre.SSHServer) as listener:
        key = await nacre.get_server_host_key(HOST, listener.get_port())
        assert key is not None
        assert key.public_data == host_key().public_data
        with pytest.raises(nacre.KeyExchangeFailed):
            await nacre.get_server_host_key(HOST, listener.get_port(), server_host_key_algs=["rsa-sha2-512"])


@asynctest
async def test_the_methods_of_a_server_without_a_login() -> None:
    async with serving(server_factory=PasswordServer) as listener:
        found = await nacre.get_server_auth_methods(HOST, listener.get_port(), username="any")
        assert found == ["keyboard-interactive", "password"]
    async with serving() as listener:
        assert await nacre.get_server_auth_methods(HOST, listener.get_port()) == ["none"]


@pytest.mark.parametrize(
    ("code", "error"),
    [(9, nacre.HostKeyNotVerifiable), (14, nacre.PermissionDenied), (2, nacre.ProtocolError), (12, None)],
)
@asynctest
async def test_a_server_that_says_no_at_once(code: int, error: type[Exception] | None) -> None:
    payload = b"\1" + encode_uint32(code) + encode_text("go away") + encode_text("")
    padding = -(5 + len(payload)) % 8 + 8
    packet = encode_uint32(1 + len(payload) + padding) + bytes((padding,)) + payload + bytes(padding)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"SSH-2.0-busy\r\n" + packet)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        for call in (
            nacre.connect(HOST, port, **client_options()),
            nacre.get_server_host_key(HOST, port, config=None),
            nacre.get_server_auth_methods(HOST, port, config=None),
        ):
            with pytest.raises(error or nacre.DisconnectError, match="go away") as caught:
                await call
            assert type(caught.value) is (error or nacre.DisconnectError)


@asynctest
async def test_a_known_hosts_file_that_is_not_there_is_an_error_before_anybody_is_called(
    tmp_path: Path,
) -> None:
    (tmp_path / "there").touch()
    for known_hosts in (str(tmp_path / "missing"), [tmp_path / "there", tmp_path / "missing"]):
        with pytest.raises(FileNotFoundError, match="missing"):
            await nacre.connect(HOST, 1, **client_options(known_hosts=known_hosts))
        with pytest.raises(FileNotFoundError, match="missing"):
            await nacre.listen_reverse(HOST, 0, **client_options(known_hosts=known_hosts))


@asynctest
async def test_what_is_not_in_this_version() -> None:
    for option in (
        {"x11_forwarding": True},
        {"x11_display": ":0"},
    ):
        with pytest.raises(nacre.NotSupportedYet, match=next(iter(option))):
            await nacre.connect(HOST, 22, **option)
    with pytest.raises(TypeError, match="no_such"):
        await nacre.connect(HOST, 22, no_such=1)


@asynctest
async def test_the_local_user_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "local-user")
    async with serving() as listener:
        async with await connect(listener, username=()) as connection:
            assert connection.get_extra_info("username") == "local-user"

        def nobody() -> str:
            raise KeyError

        monkeypatch.setattr("getpass.getuser", nobody)
        with pytest.raises(ValueError, match="username="):
            await connect(listener, username=())


@asynctest
async def test_a_success_without_a_credential_can_be_refused() -> None:
    async with serving() as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, disable_trivial_auth=True)
