"""How listeners come about: host keys, options, sockets, and connections the other way round."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

import nacre
from tests.support.authenticator import any_key
from tests.support.face import (
    HOST,
    OpenServer,
    asynctest,
    client_options,
    connected,
    host_key,
    serving,
)


@asynctest
async def test_a_socket_that_is_there_and_create_server() -> None:
    sock = socket.socket()
    sock.bind((HOST, 0))
    listener = await nacre.create_server(OpenServer, sock=sock, server_host_keys=[host_key()])
    async with listener, connected(listener):
        assert listener.get_port() == sock.getsockname()[1]
    assert sock.fileno() == -1


@asynctest
async def test_a_port_in_use_is_one_clear_line() -> None:
    async with serving() as listener:
        with pytest.raises(OSError, match=f"port {listener.get_port()}: address already in use"):
            await nacre.listen(HOST, listener.get_port(), server_host_keys=[host_key()])


@asynctest
async def test_host_keys(tmp_path: Path) -> None:
    for none in ((), [], None):
        with pytest.raises(ValueError, match="host key"):
            await nacre.listen(HOST, 0, server_host_keys=none)
    path = tmp_path / "key"
    host_key().write_private_key(path, passphrase="open", rounds=1, ignore_few_rounds=True)
    with pytest.raises(nacre.KeyImportError):
        await nacre.listen(HOST, 0, server_host_keys=[str(path)])

    async def passphrase(filename: str) -> str:
        return "open"

    async with serving(server_host_keys=[str(path)], passphrase=passphrase) as listener, connected(listener):
        pass


@asynctest
async def test_options_can_be_changed_for_later_connections() -> None:
    async with serving(server_version="first") as listener:
        async with connected(listener) as connection:
            assert connection.get_extra_info("server_version") == "SSH-2.0-first"
            listener.update(server_version="second")
            async with connected(listener) as later:
                assert later.get_extra_info("server_version") == "SSH-2.0-second"
        with pytest.raises(TypeError):
            listener.update(no_such=1)


@asynctest
async def test_a_listener_that_would_have_to_move_says_that_it_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = tmp_path / "sshd_config"
    config.write_text("MaxSessions 3\n")
    async with serving() as listener:
        listener.update(config=str(config), max_channels=5)
        assert "stays" not in caplog.text
        listener.update(port=listener.get_port() ^ 1)
        assert "a listener stays where it is" in caplog.text
        async with connected(listener) as connection:
            assert connection.get_extra_info("username") is not None


@asynctest
async def test_host_keys_can_be_changed(tmp_path: Path) -> None:
    other = nacre.generate_private_key("ssh-ed25519")
    async with serving() as listener:
        with pytest.raises(OSError, match="missing"):
            listener.update(server_host_keys=str(tmp_path / "missing"))
        with pytest.raises(ValueError, match="host key"):
            listener.update(server_host_keys=[])
        async with connected(listener) as connection:
            assert connection.get_server_host_key() == host_key().convert_to_public()
        listener.update(server_host_keys=[other])
        async with connected(listener) as connection:
            assert connection.get_server_host_key() == other.convert_to_public()

        async def passphrase(filename: str) -> str:
            return ""

        with pytest.raises(nacre.NotSupportedYet, match="coroutine"):
            listener.update(passphrase=passphrase)
        with pytest.raises(OSError, match="missing"):
            listener.update(authorized_client_keys=str(tmp_path / "missing"))


@asynctest
async def test_a_configuration_that_is_read_anew_has_its_own_host_keys(tmp_path: Path) -> None:
    keys = [nacre.generate_private_key("ssh-ed25519") for _ in range(2)]
    config = tmp_path / "sshd_config"
    for number, key in enumerate(keys):
        key.write_private_key(tmp_path / f"{number}")
    config.write_text(f"HostKey {tmp_path}/0\n")
    async with serving(config=config, server_host_keys=()) as listener:

        async def shown() -> nacre.SSHKey | None:
            async with connected(listener) as connection:
                return connection.get_server_host_key()

        assert await shown() == keys[0].convert_to_public()
        config.write_text(f"HostKey {tmp_path}/1\nHostKeyAlgorithms rsa-sha2-512\n")
        with pytest.raises(ValueError, match="HostKeyAlgorithms has nothing of what the host keys sign with"):
            listener.update(config=config)
        assert await shown() == keys[0].convert_to_public()
        config.write_text(f"HostKey {tmp_path}/1\n")
        listener.update(config=config)
        assert await shown() == keys[1].convert_to_public()
        config.write_text(f"HostKey {tmp_path}/1\nHostKeyAlgorithms rsa-sha2-512\n")
        with pytest.raises(ValueError, match="HostKeyAlgorithms has nothing of what the host keys sign with"):
            listener.update(max_sessions=3)
        assert await shown() == keys[1].convert_to_public()


@asynctest
async def test_a_client_that_listens_for_a_server_that_dials_out() -> None:
    logged_in: asyncio.Future[nacre.SSHClientConnection] = asyncio.get_running_loop().create_future()
    failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    trusted = f"{HOST} {host_key().export_public_key().decode()}"
    async with nacre.listen_reverse(
        HOST,
        0,
        acceptor=logged_in.set_result,
        error_handler=lambda _, error: failed.set_result(error),
        **client_options(known_hosts=trusted.encode()),
    ) as listener:
        port = listener.get_port()
        keys = {"server_host_keys": [host_key()]}
        async with nacre.connect_reverse(
            HOST, port, server_factory=OpenServer, process_factory=lambda process: process.exit(4), **keys
        ) as server:
            assert isinstance(server, nacre.SSHServerConnection)
            assert server.get_extra_info("username") == "user"
            client = await logged_in
            assert (await client.run("x")).exit_status == 4
        await client.wait_closed()
        # The listener refuses a host that shows another key, and who dials out hears of it.
        other = nacre.generate_private_key("ssh-ed25519")
        with pytest.raises(nacre.DisconnectError):
            await nacre.connect_reverse(HOST, port, server_host_keys=[other])
        assert isinstance(await failed, nacre.HostKeyNotVerifiable)
        listener.update(username="other")
        with pytest.raises(nacre.NotSupportedYet, match="client_keys"):
            listener.update(client_keys=[other])


@asynctest
async def test_dialling_out_has_a_time_limit_and_needs_a_key() -> None:
    with socket.socket() as silent:
        silent.bind((HOST, 0))
        silent.listen()
        port = silent.getsockname()[1]
        with pytest.raises(TimeoutError):
            await nacre.connect_reverse(HOST, port, server_host_keys=[host_key()], connect_timeout=0.05)
        with pytest.raises(ValueError, match="host key"):
            await nacre.connect_reverse(HOST, port)


@asynctest
async def test_a_stranger_who_says_nothing_to_a_client_that_listens() -> None:
    options = client_options(ident_timeout=0.05)
    async with nacre.listen_reverse(HOST, 0, **options) as listener:
        reader, writer = await asyncio.open_connection(HOST, listener.get_port())
        assert (await reader.read()).startswith(b"SSH-2.0-")
        writer.close()
        await writer.wait_closed()
    async with nacre.listen_reverse(HOST, 0, **client_options()) as listener:
        assert listener._side.connection()._options.ident_timeout == 10


@asynctest
async def test_what_is_not_in_this_version() -> None:
    for option in (
        {"tunnel": "jump"}, {"sftp_factory": True}, {"allow_scp": True},
        {"x11_forwarding": True},
    ):  # fmt: skip
        with pytest.raises(nacre.NotSupportedYet, match=next(iter(option))):
            await nacre.listen(HOST, 0, server_host_keys=[host_key()], **option)


@asynctest
async def test_a_security_key_is_no_host_key() -> None:
    with pytest.raises(ValueError, match="cannot be a host key"):
        await nacre.listen("127.0.0.1", 0, server_host_keys=[any_key("sk-ssh-ed25519@openssh.com")])
