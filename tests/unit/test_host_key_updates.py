"""What a client is told of a server's other host keys, and what a server proves."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.protocol import host_keys, limits
from nacre.testing import ScriptedPeer, raw_server
from nacre.testing.pair import host_key
from nacre.trust import known_hosts_line
from nacre.wire.fields import encode_string
from nacre.wire.requests import HostKeys
from tests.support.face import HOST, OpenServer, asynctest, connect, connected, reported, serving

KEYS = [nacre.generate_private_key("ssh-ed25519") for _ in range(4)]
BLOBS = [key.public_data for key in KEYS]


class Told:
    """A handler that keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[list[list[int]]] = []
        self.called = asyncio.Event()
        self.answer: bool | None = None

    async def __call__(self, *lists: list[nacre.SSHKey]) -> bool | None:
        self.calls.append([[BLOBS.index(key.public_data) for key in keys] for keys in lists])
        self.called.set()
        return self.answer


def publics(*numbers: int) -> list[nacre.SSHKey]:
    return [KEYS[number].convert_to_public() for number in numbers]


@pytest.mark.parametrize(
    ("trusted", "revoked", "expected"),
    [
        ([0], [], [[1, 2], [], [0], []]),
        ([0, 1, 2], [], [[], [], [0, 1, 2], []]),
        ([0, 3], [], [[1, 2], [3], [0], []]),
        ([0, 3], [2], [[1], [3], [0], [2]]),
    ],
)
@asynctest
async def test_what_the_handler_is_told(trusted: Any, revoked: Any, expected: Any) -> None:
    told = Told()
    known = (publics(*trusted), [], publics(*revoked))
    async with (
        serving(server_host_keys=KEYS[:3], send_server_host_keys=True) as listener,
        connected(listener, known_hosts=known, server_host_keys_handler=told),
    ):
        await told.called.wait()
    assert told.calls == [expected]


@asynctest
async def test_when_it_is_not_called() -> None:
    for server, known in (({}, (publics(0), [], [])), ({"send_server_host_keys": True}, None)):
        told = Told()
        async with (
            serving(server_host_keys=KEYS[:3], **server) as listener,
            connected(listener, known_hosts=known, server_host_keys_handler=told) as connection,
        ):
            # An answer to something that was asked later: the announcement has been dealt with.
            await connection.link.global_request("unheard-of", b"")
        assert told.calls == []


class Announcing(OpenServer):
    """Announces what it is told to, and proves it as it is told to."""

    conn: nacre.SSHServerConnection

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self.conn = conn

    def announce(self, blobs: list[bytes]) -> None:
        self.conn.link.protocol.global_request(host_keys.ANNOUNCE, HostKeys(tuple(blobs)).encode(), False)
        self.conn.link.touch()


class Warned(logging.Handler):
    """Keeps the first warning of nacre."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.message: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def emit(self, record: logging.LogRecord) -> None:
        if not self.message.done():
            self.message.set_result(record.getMessage())


@pytest.mark.parametrize(
    ("blobs", "message"),
    [
        ([BLOBS[0], BLOBS[1], BLOBS[3]], "could not prove"),  # the last is not the server's
        ([b"%d" % number for number in range(limits.HOST_KEYS + 1)], "an announcement of 33 host keys"),
    ],
)
@asynctest
async def test_announcements_that_are_not_believed(blobs: list[bytes], message: str) -> None:
    server, told, warned = Announcing(), Told(), Warned()
    nacre.logger.addHandler(warned)
    async with (
        serving(server_factory=lambda: server, server_host_keys=KEYS[:2]) as listener,
        connected(listener, known_hosts=(publics(0), [], []), server_host_keys_handler=told) as connection,
    ):
        server.announce(blobs)
        assert message in await warned.message
        server.announce([BLOBS[0]])  # the first one counts
        await server.conn.link.global_request("unheard-of", b"")
        await connection.link.global_request("unheard-of", b"")
    nacre.logger.removeHandler(warned)
    assert told.calls == []


@asynctest
async def test_kinds_of_keys_that_nacre_does_not_have_are_left_out() -> None:
    server, told = Announcing(), Told()
    async with (
        serving(server_factory=lambda: server, server_host_keys=KEYS[:1]) as listener,
        connected(listener, known_hosts=(publics(0, 1), [], []), server_host_keys_handler=told),
    ):
        server.announce([b"\0\0\0\x05other", BLOBS[0], BLOBS[0]])
        await told.called.wait()
    assert told.calls == [[[], [1], [0], []]]


@asynctest
async def test_a_handler_that_raises_is_reported() -> None:
    called = asyncio.Event()

    def handler(*lists: Any) -> None:
        called.set()
        raise ValueError("the program's")

    async with (
        serving(server_host_keys=KEYS[:1], send_server_host_keys=True) as listener,
        connected(listener, known_hosts=(publics(0), [], []), server_host_keys_handler=handler) as connection,
    ):
        await called.wait()
        await connection.link.global_request("unheard-of", b"")
        assert not connection.is_closed()
    assert [str(report["exception"]) for report in reported()] == ["the program's"]


@asynctest
async def test_a_connection_that_ends_before_the_proofs_is_no_failure_of_the_handler() -> None:
    async def silent(peer: ScriptedPeer) -> None:
        await peer.let_in()
        peer.send("GLOBAL_REQUEST", name="hostkeys-00@openssh.com", data=encode_string(BLOBS[0]))
        assert (await peer.receive("GLOBAL_REQUEST")).message.name == "hostkeys-prove-00@openssh.com"

    told = Told()
    known = ([host_key().convert_to_public()], [], [])
    async with (
        raw_server(silent) as port,
        nacre.connect(
            HOST, port, username="u", config=None, known_hosts=known, server_host_keys_handler=told
        ) as connection,
    ):
        await connection.wait_closed()
    assert told.calls == []
    assert reported() == []


@asynctest
async def test_a_server_proves_no_more_than_it_has_to() -> None:
    async with (
        serving(server_host_keys=KEYS[:2], send_server_host_keys=True) as listener,
        connected(listener) as connection,
    ):

        async def ask(*blobs: bytes) -> bool:
            success, _ = await connection.link.global_request(host_keys.PROVE, HostKeys(blobs).encode())
            return success

        assert await ask(*BLOBS[:2])
        for blobs in ((BLOBS[0], BLOBS[0]), (BLOBS[2],), (b"",), ()):
            assert not await ask(*blobs)
        answers = [await ask(BLOBS[0]) for _ in range(limits.HOST_KEY_PROOFS)]
        assert answers.count(True) < limits.HOST_KEY_PROOFS
        assert answers[-1] is False
    async with serving(server_host_keys=KEYS[:2]) as listener, connected(listener) as connection:
        success, _ = await connection.link.global_request(host_keys.PROVE, HostKeys((BLOBS[0],)).encode())
        assert not success


@pytest.mark.parametrize("patience", [None, 120.0])
@asynctest
async def test_whoever_awaits_the_connection_has_it_before_the_handler_is_called(
    patience: float | None,
) -> None:
    """Nothing is to be proven: the announcement comes with the end of the login."""
    held: list[nacre.SSHClientConnection] = []
    seen: list[int] = []
    called = asyncio.Event()

    def handler(*lists: list[nacre.SSHKey]) -> None:
        seen.append(len(held))
        called.set()

    async with serving(server_host_keys=KEYS[:1], send_server_host_keys=True) as listener:
        wanted = connect(listener, known_hosts=(publics(0), [], []), server_host_keys_handler=handler)
        held.append(await (wanted if patience is None else asyncio.wait_for(wanted, patience)))
        await called.wait()
        held[0].close()
        await held[0].wait_closed()
    assert seen == [1]


# ---------------------------------------------------------------- known_hosts follows


def lines(port: int, *numbers: int, host: str = HOST, mark: str = "") -> str:
    return "".join(f"{mark}{known_hosts_line(host, port, KEYS[number])}\n" for number in numbers)


def known_numbers(path: Path, port: int) -> list[int]:
    """Return which keys a file has for the server."""
    found = nacre.read_known_hosts(path).match(HOST, "", port)[0]
    return sorted(BLOBS.index(key.public_data) for key in found)


async def announcements_are_dealt_with(connection: nacre.SSHClientConnection) -> None:
    """Wait until what came before is done: the answer to a request, and the tasks of the connection."""
    await connection.link.global_request("unheard-of", b"")
    await connection.link.tasks.wait()


@pytest.mark.parametrize(
    ("wish", "answer", "changed"),
    [
        ("yes", None, True),
        ("ask", True, True),
        ("ask", False, False),
        ("ask", None, False),
        ("no", True, False),
    ],
)
@asynctest
async def test_known_hosts_follows(wish: str, answer: bool | None, changed: bool, tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    told = Told()
    told.answer = answer
    async with serving(server_host_keys=KEYS[:3], send_server_host_keys=True) as listener:
        port = listener.get_port()
        path.write_text(f"# mine\n{lines(port, 0, 3)}")
        before = path.read_text()
        async with connected(
            listener, known_hosts=path, update_host_keys=wish, server_host_keys_handler=told
        ) as connection:
            await told.called.wait()
            await announcements_are_dealt_with(connection)
    assert told.calls == [[[1, 2], [3], [0], []]]
    if changed:
        assert path.read_text() == f"# mine\n{lines(port, 0, 1, 2)}"
        assert (tmp_path / "known_hosts.old").read_text() == before
    else:
        assert path.read_text() == before


@pytest.mark.parametrize(
    "why",
    [
        "pattern",
        "port alone",
        "authority",
        "another name",
        "revoked",
        "new",
        "callback",
        "system",
        "no file",
        "ask",
    ],
)
@asynctest
async def test_when_known_hosts_is_left_alone(why: str, tmp_path: Path) -> None:
    path, system = tmp_path / "known_hosts", tmp_path / "system"

    class Trusts(nacre.SSHClient):
        def validate_host_public_key(self, *where: Any) -> bool:
            return True

    async with serving(server_host_keys=KEYS[:2], send_server_host_keys=True) as listener:
        port = listener.get_port()
        content = {
            "pattern": f"* {known_hosts_line('x', 22, KEYS[0])[2:]}\n",
            "port alone": lines(22, 0),
            "authority": lines(port, 0) + lines(port, 2, mark="@cert-authority "),
            "another name": lines(port, 0) + lines(22, 0, host="other"),
            "revoked": lines(port, 0) + lines(port, 1, mark="@revoked "),
        }.get(why, lines(port, 0))
        known: Any = path
        options: dict[str, Any] = {"update_host_keys": "ask" if why == "ask" else "yes"}
        if why == "new":
            content, options["strict_host_key_checking"] = "", "accept-new"
        elif why == "callback":
            content, options["client_factory"] = "", Trusts
        elif why == "system":
            system.write_text(content)
            content, known = "", ()
            config = tmp_path / "config"
            config.write_text(f"UserKnownHostsFile {path}\nGlobalKnownHostsFile {system}\n")
            options["config"] = config
        elif why == "no file":
            known = content.encode()
        path.write_text(content)
        async with connected(listener, known_hosts=known, **options) as connection:
            await announcements_are_dealt_with(connection)
        expected = lines(port, 0) if why == "new" else content
        assert path.read_text() == expected
        assert system.exists() == (why == "system")


@asynctest
async def test_what_the_program_confirmed_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"

    class Trusts(nacre.SSHClient):
        def validate_host_public_key(self, *where: Any) -> bool:
            return True

    async with serving(server_host_keys=KEYS[:2], send_server_host_keys=True) as listener:
        async with connected(
            listener,
            known_hosts=path,
            update_host_keys=True,
            strict_host_key_checking="ask",
            hash_known_hosts=True,
            client_factory=Trusts,
        ) as connection:
            await announcements_are_dealt_with(connection)
        assert known_numbers(path, listener.get_port()) == [0, 1]
        assert all(text.startswith("|1|") for text in path.read_text().splitlines())


@asynctest
async def test_what_was_not_proven_is_not_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "known_hosts"
    server = Announcing()
    async with serving(server_factory=lambda: server, server_host_keys=KEYS[:2]) as listener:
        path.write_text(lines(listener.get_port(), 0))
        with caplog.at_level(logging.WARNING, "nacre"):
            async with connected(listener, known_hosts=path, update_host_keys="yes") as connection:
                server.announce([BLOBS[0], BLOBS[1], BLOBS[3]])
                await server.conn.link.global_request("unheard-of", b"")
                await announcements_are_dealt_with(connection)
        assert "could not prove" in caplog.text
        assert path.read_text() == lines(listener.get_port(), 0)


@asynctest
async def test_kinds_of_keys_that_would_not_be_taken_are_not_learned(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    ecdsa = nacre.generate_private_key("ecdsa-sha2-nistp256")
    async with serving(server_host_keys=[KEYS[0], KEYS[1], ecdsa], send_server_host_keys=True) as listener:
        port = listener.get_port()
        path.write_text(lines(port, 0))
        async with connected(listener, known_hosts=path, update_host_keys="yes") as connection:
            await announcements_are_dealt_with(connection)
        assert path.read_text() == lines(port, 0, 1)


@asynctest
async def test_a_file_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "known_hosts"

    async def replaced(*lists: Any) -> bool:
        path.unlink()
        path.mkdir()
        return True

    async with serving(server_host_keys=KEYS[:2], send_server_host_keys=True) as listener:
        path.write_text(lines(listener.get_port(), 0))
        with caplog.at_level(logging.WARNING, "nacre"):
            async with connected(
                listener, known_hosts=path, update_host_keys="ask", server_host_keys_handler=replaced
            ) as connection:
                await announcements_are_dealt_with(connection)
        assert "known_hosts is not updated" in caplog.text
