"""Rows 83 to 103 of the history: files, terminals, logs, the hub, and the program around the protocol.

One test a row, without arguments: `test_faults.py` runs them again with a fault put back.
"""

from __future__ import annotations

import ast
import asyncio
import functools
import gc
import hmac
import logging
import os
import random
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import nacre
from nacre.crypto import constant_time
from nacre.crypto.ciphers import chacha, ctr
from nacre.errors import KeyEncryptionError, KeyImportError
from nacre.hub import control, hostkey
from nacre.hub.config import load
from nacre.hub.control import ControlServer
from nacre.hub.paths import prepare
from nacre.hub.problem import HubProblem, StateError
from nacre.hub.route import Refusal, route
from nacre.keys import read_private_key
from nacre.keys.files import MAX_FILE
from nacre.keys.openssh_cipher import MAX_ROUNDS
from nacre.testing import raw_client
from nacre.trust import import_known_hosts, read_authorized_keys, read_known_hosts
from nacre.trust.config import Subject, applying
from nacre.trust.config_server import read_server_files
from nacre.trust.known_hosts_changes import forget_host, keep_key
from nacre.trust.pattern import MAX_PATTERN, Glob
from nacre.wire.fields import encode_string, encode_uint32
from tests.meta.test_sources import FORBIDDEN_MODULES, _dangers
from tests.security.registry import covers
from tests.support.face import HOST, PasswordServer, asynctest, connect, connected, reported, serving

HOST_KEY = nacre.generate_private_key("ssh-ed25519")
SOURCES = sorted(Path(nacre.__file__).parent.rglob("*.py"))


@functools.cache
def trees() -> dict[Path, ast.Module]:
    """The sources, parsed once, and spared the collector: it would look at all of them after each test."""
    gc.disable()
    try:
        return {path: ast.parse(path.read_text()) for path in SOURCES}
    finally:
        gc.freeze()
        gc.enable()


#: What does something to a terminal, or begins a line of its own in a log.
CONTROL = (
    "\x1b]52;c;ZWNobyBwd25lZA==\x07",  # OSC 52 writes the clipboard
    "\x1bP$qm\x1b\\",  # DECRQSS has the terminal type an answer
    "\x1b]2;x\x07\x1b[21t",  # so has the report of the title
    "\x9b2J\x90\x9d",  # the same as C1 controls
    "\x08\x08\x7f\r\nroot logged in",
    "\u202eevil\u2066\u200b",  # bidi and what is not seen
)


def plain(text: str) -> bool:
    """Whether text is nothing but itself on a terminal."""
    return all(character.isprintable() for character in text)


@contextmanager
def folder() -> Iterator[Path]:
    """A directory of this test's own."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@contextmanager
def logged() -> Iterator[list[str]]:
    """What nacre logs."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]  # a recorder
    logger = logging.getLogger("nacre")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@covers(92)
def test_cve_2019_6109_a_peers_text_moves_no_cursor() -> None:
    hidden = "".join(CONTROL)

    class Server(PasswordServer):
        def validate_password(self, username: str, password: str) -> Any:
            self.conn.disconnect(nacre.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, hidden)
            return False

    async def refused(listener: nacre.SSHAcceptor) -> None:
        for name in ("user" + CONTROL[0], "user"):  # by hand: nacre's client gives no such name
            async with raw_client(HOST, listener.get_port()) as peer:
                with pytest.raises(AssertionError, match="DISCONNECT"):
                    await peer.log_in(name, "x")

    @asynctest
    async def talk() -> None:
        with logged() as lines:
            async with serving(server_factory=Server) as listener:
                await refused(listener)
            async with serving() as listener, connected(listener) as connection:
                connection.send_debug(hidden)
                connection.disconnect(2, hidden)
            async with (
                serving(process_factory=lambda process: process.exit(0)) as listener,
                connected(listener) as connection,
            ):
                await connection.run("x" + hidden, env={"A" + CONTROL[2]: hidden})
        assert lines
        assert not [line for line in lines if not plain(line)]

    talk()
    for text in CONTROL:
        assert plain(str(HubProblem(f"no {text}", text)))
        assert plain(nacre.aio.log.plain(text + "x" * 1000))
        assert len(nacre.aio.log.plain(text * 1000)) < 2000


@covers(93)
def test_hub_what_one_says_is_text_to_another() -> None:
    for text in CONTROL:
        for asked in ({"command": f"{text} x"}, {"command": None, "subsystem": text}):
            refusal = route((), None, asked.get("command"), asked.get("subsystem"), terminal=True)
            assert isinstance(refusal, Refusal)
            assert all(plain(line) and len(line) < 500 for line in refusal.lines), text
        refusal = route((), "app" + text, None, None, terminal=True)
        assert isinstance(refusal, Refusal)
        assert all(plain(line) for line in refusal.lines)


@covers(94)
def test_cve_2026_22253_whoever_may_not_does_nothing() -> None:
    acted: list[Mapping[str, object]] = []

    async def act(arguments: Mapping[str, object]) -> object:
        acted.append(arguments)
        return None

    def ask(path: Path) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(120)
            with control.socket_address(path) as address:
                connection.connect(address)
            try:
                connection.sendall(b'{"operation": "act", "arguments": {}}\n')
                return connection.recv(4096)
            except OSError:
                return b""

    async def hub(root: Path) -> None:
        paths = prepare(root / "state")
        server = ControlServer(paths, {"act": act})
        await server.start()
        try:
            with mock.patch.object(control, "_peer_uid", return_value=os.geteuid() + 1):
                assert await asyncio.to_thread(ask, paths.control) == b""
        finally:
            await server.close()

    with folder() as root:
        asyncio.run(hub(root))
    assert acted == []
    # Nothing here fetches what a user names: there is no client of HTTP to turn against the inside.
    for path, tree in trees().items():
        imported = {
            name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in (
                [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            )
        }
        assert not imported & {"urllib", "http", "requests", "httpx", "aiohttp"}, path


@covers(95)
def test_cve_2022_45047_nothing_is_unpickled_and_host_keys_are_private() -> None:
    assert {"pickle", "marshal"} <= FORBIDDEN_MODULES
    assert not [path for path, tree in trees().items() if [*_dangers(tree)]]
    with folder() as root:
        paths = prepare(root / "state")
        made = hostkey.load_or_make(paths)
        assert paths.host_key.stat().st_mode & 0o777 == 0o600
        assert hostkey.load_or_make(paths).fingerprint == made.fingerprint
        for mode in (0o640, 0o604, 0o620):
            paths.host_key.chmod(mode)
            with pytest.raises(StateError, match="chmod 600"):
                hostkey.load_or_make(paths)
        moved = root / "elsewhere"
        paths.host_key.chmod(0o600)
        paths.host_key.rename(moved)
        paths.host_key.symlink_to(moved)
        with pytest.raises(StateError):
            hostkey.load_or_make(paths)


@covers(96)
def test_dropbear_2026_92_writers_follow_no_links() -> None:
    key = nacre.generate_private_key("ssh-ed25519")
    with folder() as root:
        victim, link = root / "victim", root / "link"
        for write, shown in ((key.write_private_key, b"PRIVATE"), (key.write_public_key, b"ssh-ed25519")):
            victim.write_text("precious")
            link.unlink(missing_ok=True)
            link.symlink_to(victim)
            write(link)
            assert victim.read_text() == "precious"
            assert not link.is_symlink()
            assert shown in link.read_bytes()
        link.unlink()
        link.symlink_to(victim)
        with pytest.raises(OSError):
            key.append_public_key(link)
        assert victim.read_text() == "precious"


@covers(97)
def test_cve_2026_0965_devices_and_huge_files_are_not_read() -> None:
    readers: list[Callable[[Path], object]] = [
        read_authorized_keys, read_known_hosts, read_private_key, nacre.read_public_key, load,
        lambda path: keep_key(path, "host", 22, HOST_KEY), lambda path: forget_host(path, "host"),
        lambda path: applying([path], Subject("host", "", "me", path)), lambda path: read_server_files([path]),
    ]  # fmt: skip
    with folder() as root:
        fifo, huge = root / "fifo", root / "huge"
        os.mkfifo(fifo)
        with huge.open("wb") as file:
            file.truncate(MAX_FILE + 1)
        for reader in readers:
            for path in (fifo, Path("/dev/zero"), huge, root):
                with pytest.raises((OSError, ValueError, HubProblem)) as caught:
                    reader(path)
                assert "regular" in str(caught.value) or "larger" in str(caught.value) or path == root


class _Steps(Exception):
    """More was done than there is reason to."""


@contextmanager
def at_most(lines: int) -> Iterator[None]:
    """Raise when more lines of Python are run than that: work, whatever the machine is."""
    left = lines

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left < 0:
                raise _Steps
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@covers(98)
def test_cve_2026_0967_patterns_are_matched_in_linear_time() -> None:
    for pattern in ("*a" * 2000 + "b", "*" * 4000 + "b", "?*" * 2000 + "b"):
        glob = Glob(pattern)
        with at_most(4 * 4000 + 50):
            assert not glob.matches("a" * 4000)
    assert Glob("*a*b?").matches("xxaxxbx")
    with pytest.raises(ValueError):
        Glob("a" * (MAX_PATTERN + 1))
    with pytest.raises(ValueError):
        import_known_hosts("\n" * 10_001)


@covers(99)
def test_go_b315afd_the_work_for_a_key_file_is_bounded() -> None:
    kdf = encode_string(encode_string(bytes(16)) + encode_uint32(MAX_ROUNDS + 1))
    public = nacre.generate_private_key("ssh-ed25519").public_data
    body = (
        b"openssh-key-v1\0" + encode_string(b"aes256-ctr") + encode_string(b"bcrypt") + kdf
        + encode_uint32(1) + encode_string(public) + encode_string(bytes(160))
    )  # fmt: skip
    file = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + _base64(body) + b"-----END OPENSSH PRIVATE KEY-----\n"
    with mock.patch("bcrypt.kdf", return_value=bytes(48)) as work:
        with pytest.raises(KeyEncryptionError, match="rounds"):
            nacre.import_private_key(file, "passphrase")
        assert not work.called
    # PKCS#8: SEQUENCE { SEQUENCE { PBES2, { { PBKDF2, { salt, 2^31 rounds } }, … } }, OCTET STRING }
    rounds = b"\x30\x10\x04\x08" + bytes(8) + b"\x02\x04\x7f\xff\xff\xff"
    derivation = _sequence(bytes.fromhex("06092a864886f70d01050c") + rounds)
    cipher = _sequence(bytes.fromhex("0609608648016503040102") + b"\x04\x10" + bytes(16))
    scheme = _sequence(bytes.fromhex("06092a864886f70d01050d") + _sequence(derivation + cipher))
    der = _sequence(scheme + b"\x04\x30" + bytes(48))
    pem = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + _base64(der) + b"-----END ENCRYPTED PRIVATE KEY-----\n"
    with (
        mock.patch("nacre.keys.pem._load", side_effect=AssertionError("it was computed")),
        pytest.raises(KeyEncryptionError),
    ):
        nacre.import_private_key(pem, "passphrase")


def _sequence(content: bytes) -> bytes:
    assert len(content) < 128
    return b"\x30" + bytes([len(content)]) + content


def _base64(data: bytes) -> bytes:
    import base64

    return base64.encodebytes(data)


@covers(100)
def test_russh_0363fde_damaged_key_files_are_refused_and_nothing_else() -> None:
    chance = random.Random(100)
    kinds = [("ssh-ed25519", {}), ("ecdsa-sha2-nistp256", {})]
    for algorithm, options in kinds:
        key = nacre.generate_private_key(algorithm, **options)
        for form in ("openssh", "pkcs8-pem", "pkcs8-der"):
            whole = key.export_private_key(form)
            for _ in range(150):
                damaged = bytearray(whole)
                for _ in range(chance.choice((1, 1, 2, 8))):
                    where = chance.randrange(len(damaged))
                    match chance.randrange(4):
                        case 0:
                            damaged[where] ^= 1 << chance.randrange(8)
                        case 1:
                            del damaged[where : where + chance.randrange(1, 9)]
                        case 2:
                            damaged[where:where] = damaged[: chance.randrange(1, 9)]
                        case _:
                            damaged[where : where + 4] = b"\xff\xff\xff\xff"
                with suppress(KeyImportError, KeyEncryptionError):
                    nacre.import_private_key(bytes(damaged))


#: What a secret is called; whatever is called so is compared with `constant_time.equal`.
_SECRETS = ("password", "passphrase", "secret", "mac", "tag", "token", "digest", "cookie")


@covers(101)
def test_russh_46c927a_secrets_are_compared_in_constant_time() -> None:
    assert constant_time.equal is hmac.compare_digest
    assert chacha.equal is ctr.equal is constant_time.equal
    found = []
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                for side in (node.left, node.comparators[0]):
                    name = getattr(side, "attr", getattr(side, "id", "")).strip("_").lower()
                    if name in _SECRETS:
                        found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    assert not [line for line in found if not line.startswith(_NOT_SECRET)]


#: Comparisons of what has such a name and is none: the tag of a value in DER.
_NOT_SECRET = ("der.py:",)


#: What a handler or a callback may raise, and only its own channel or connection notices.
_ERRORS: tuple[BaseException, ...] = (
    ValueError("x"),
    SystemExit(0),
    SystemExit("x"),
    GeneratorExit(),
    asyncio.CancelledError(),
    MemoryError(),
)


@covers(102)
def test_wish_14b2efd_a_handler_that_fails_ends_its_own_channel_alone() -> None:
    failing: list[BaseException] = []

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        if process.command == "sibling":
            process.stdout.write(await process.stdin.readline())
            process.exit(0)
        elif process.command == "later":
            await asyncio.sleep(0)
            raise failing[0]
        raise failing[0]

    class Session(nacre.SSHServerSession[str]):
        def shell_requested(self) -> bool:
            return True

        def data_received(self, data: str, datatype: int | None) -> None:
            raise failing[0]

    class Server(nacre.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

        def session_requested(self) -> Any:
            return Session()

    @functools.partial(asynctest, time_limit=240)
    async def processes() -> None:
        async with serving(process_factory=handler) as listener, connected(listener) as connection:
            sibling = await connection.create_process("sibling")
            for error in _ERRORS:
                failing[:] = [error]
                for command in ("now", "later"):
                    done = await connection.run(command)
                    assert done.exit_status == 1, (error, command)
            sibling.stdin.write("alive\n")
            assert (await sibling.wait()).stdout == "alive\n"
        async with serving(server_factory=Server) as listener, connected(listener) as connection:
            for error in _ERRORS:
                failing[:] = [error]
                process = await connection.create_process()
                process.stdin.write("x")
                assert (await process.wait()).exit_status == 1, error
            assert not connection.is_closed()
        reported()

    processes()
    _around()


@functools.partial(asynctest, time_limit=240)
async def _around() -> None:
    """What is called when a connection begins, and when a login fails."""
    failing: list[BaseException] = []

    def fails(*_: Any) -> None:
        raise failing[0]

    server = {"server_factory": PasswordServer, "acceptor": fails, "error_handler": fails}
    async with serving(**server) as listener:
        for error in _ERRORS:
            failing[:] = [error]
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, password="wrong")
            async with connected(listener, password="secret"):
                pass
    reported()


@covers(103)
def test_openssh_78d549857_edges_of_the_configuration() -> None:
    most = 2**32 - 1
    said: list[str] = []
    for name, values in {
        "max_sessions": (0, 1, most),
        "max_channels": (1, 2, most),
        "login_timeout": (0, 0.001, most),
        "keepalive_count_max": (0, 1, most),
        "rekey_bytes": (1, most),
        "window": (1, most),
    }.items():
        for value in values:
            try:
                nacre.SSHServerConnectionOptions(server_host_keys=[], **{name: value})
            except ValueError as error:
                said.append(str(error))
        for value in (-1, "x") if name != "window" else ("x",):
            with pytest.raises((ValueError, TypeError)):
                nacre.SSHServerConnectionOptions(server_host_keys=[], **{name: value})

    assert all(plain(text) for text in said)

    @asynctest
    async def small() -> None:
        for sessions in (0, 1):
            async with (
                serving(process_factory=_stays, max_sessions=sessions, max_channels=1) as listener,
                connected(listener) as connection,
            ):
                opened = 0
                for _ in range(3):
                    try:
                        await connection.create_process("x")
                    except nacre.ChannelOpenError:
                        continue
                    opened += 1
                assert opened == sessions

    small()


async def _stays(process: nacre.SSHServerProcess[str]) -> None:
    await process.wait_closed()
