"""The parsers: each is fed, and may raise what its documentation says, nothing else.

What can be written again must be read again as the same.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
from pathlib import Path
from typing import Any, Final

import nacre
from fuzz.feed import Feed
from nacre.agent import messages as agent
from nacre.aio import limits as aio_limits
from nacre.aio.proxy_header import HeaderError
from nacre.aio.proxy_header import parse as parse_proxy
from nacre.crypto import make_exchange, make_opener
from nacre.crypto.kex.dh import DhExchange
from nacre.crypto.kex.groups import Group, best_for, check_size, modp
from nacre.crypto.registry import Family, lookup, names
from nacre.errors import DisconnectError, Error, KeyEncryptionError, KeyImportError, WireError
from nacre.hub import config as hub_config
from nacre.keys import decode_public_key
from nacre.keys.algorithms import signature_algorithms
from nacre.keys.certificate import MAX_PRINCIPALS, SSHCertificate, parse_certificate
from nacre.protocol import limits
from nacre.protocol.ident import IdentReader
from nacre.protocol.inbound import Inbound
from nacre.protocol.negotiate import guess_is_wrong, negotiate, our_kexinit
from nacre.protocol.settings import Role, Settings
from nacre.trust.config import Subject, applying
from nacre.trust.config_server import Arrival, read_server_files
from nacre.trust.known_hosts_changes import entries, hashed_lines
from nacre.trust.known_hosts_rotation import plan_for
from nacre.wire import auth, connection, gss, kex, requests, transport
from nacre.wire.fields import Reader, encode_string
from nacre.wire.message import Message, Structure

BOTH: Final = (Role.CLIENT, Role.SERVER)
CIPHERS: Final = ("none", *names(Family.CIPHER))


def ident(data: bytes) -> None:
    """The identification string, in pieces (RFC 4253 section 4.2)."""
    feed = Feed(data)
    reader = IdentReader(feed.pick(BOTH))
    step = 1 + feed.byte()
    stream, at, end = feed.rest(), 0, 0
    while end < len(stream):
        end += step
        try:
            used, version = reader.feed(memoryview(stream)[at:end])
        except DisconnectError:
            return
        assert 0 <= used <= end - at
        at += used
        if version is not None:
            assert version.startswith("SSH-")
            assert version.isascii()
            assert version.isprintable()
            assert len(version) <= limits.IDENT_LINE
            return
        assert end - at <= limits.IDENT_BANNER_LINE


def framing(data: bytes) -> None:
    """Packets, in the clear and with each cipher, in pieces (RFC 4253 section 6)."""
    feed = Feed(data)
    inbound = Inbound()
    cipher, mac = feed.pick(CIPHERS), feed.pick(names(Family.MAC))
    if cipher != "none":
        algorithm = lookup(Family.CIPHER, cipher)
        mac = "" if algorithm.name.endswith(("gcm@openssh.com", "poly1305@openssh.com")) else mac
        mac_size = lookup(Family.MAC, mac).key_size if mac else 0
        opener = make_opener(
            cipher, mac, bytes(algorithm.key_size), bytes(algorithm.iv_size), bytes(mac_size)
        )
        inbound.activate(opener, reset_sequence=True)
    if feed.byte() & 1:
        inbound.limit = limits.PACKET
    while feed:
        piece = feed.block()
        room = inbound.receive_buffer()
        assert len(room)
        size = min(len(piece), len(room))
        room[:size] = piece[:size]
        room.release()
        inbound.received(size)
        try:
            while (found := inbound.next_payload()) >= 0:
                # Nothing that was not sealed with the key gets through; a tag cannot be guessed.
                assert cipher == "none"
                assert 1 <= found <= limits.PACKET
        except DisconnectError:
            return
        assert inbound.has_room
        assert len(inbound.peek()) <= limits.RECEIVE_CAPACITY


def _again(message: Structure) -> None:
    """What can be written is read as the same."""
    written = message.encode()
    assert type(message).decode(written) == message


def _any(kinds: tuple[type[Structure], ...], data: bytes) -> Structure | None:
    feed = Feed(data)
    kind = feed.pick(kinds)
    body = feed.rest()
    if issubclass(kind, Message):
        body = bytes((kind.number,)) + body
    try:
        found = kind.decode(body)
    except DisconnectError:
        return None
    _again(found)
    repr(found)
    return found


def _kinds(*modules: Any) -> tuple[type[Structure], ...]:
    found = [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Structure)
        and getattr(kind, "codecs", None) is not None
    ]
    return tuple(sorted(set(found) - {Message, Structure}, key=lambda kind: kind.__name__))


TRANSPORT: Final = _kinds(transport)
USERAUTH: Final = _kinds(auth, gss)
CONNECTION: Final = _kinds(connection, requests)


def transport_messages(data: bytes) -> None:
    """The messages of the transport protocol but for the key exchange's."""
    _any(TRANSPORT, data)


def userauth_messages(data: bytes) -> None:
    """The messages of authentication, and what its methods carry."""
    _any(USERAUTH, data)


def connection_messages(data: bytes) -> None:
    """The messages of the connection protocol, what its requests carry, and terminal modes."""
    found = _any(CONNECTION, data)
    if isinstance(found, requests.PtyRequest):
        with contextlib.suppress(DisconnectError):
            modes = requests.decode_terminal_modes(found.modes)
            assert requests.decode_terminal_modes(requests.encode_terminal_modes(modes)) == modes


SETTINGS: Final = {
    Role.CLIENT: Settings(username="alice"),
    Role.SERVER: Settings(host_keys=(nacre.generate_private_key("ssh-ed25519"),)),
}


def kexinit(data: bytes) -> None:
    """KEXINIT, and what is agreed upon with it (RFC 4253 section 7.1)."""
    feed = Feed(data)
    role = feed.pick(BOTH)
    strict = bool(feed.byte() & 1)
    ours = our_kexinit(role, SETTINGS[role], bytes(16), first=bool(feed.byte() & 1))
    try:
        theirs = kex.KexInit.decode(b"\x14" + feed.rest())
        _again(theirs)
        agreed = negotiate(role, ours, theirs, strict=strict)
    except DisconnectError:
        return
    guess_is_wrong(ours, theirs)
    assert agreed.kex in ours.kex_algorithms
    assert agreed.kex in theirs.kex_algorithms
    assert agreed.cipher_client_to_server in ours.encryption_client_to_server
    assert not agreed.kex.startswith(("ext-info", "kex-strict"))


#: The methods of one share each way; "" is Diffie-Hellman in finite fields.
METHODS: Final = (*(name for name in names(Family.KEX) if not name.startswith("diffie-hellman")), "")
FINITE_FIELDS: Final = tuple(kind for kind in _kinds(kex) if kind.__name__.startswith("KexDh"))


def _finite_fields(data: bytes) -> None:
    """The messages of Diffie-Hellman, the groups and shares in them (RFC 4253 section 8, RFC 4419)."""
    found = _any(FINITE_FIELDS, data)
    exchange = DhExchange("sha256", modp(2048), bytes)
    exchange.draw(bytes)
    with contextlib.suppress(DisconnectError):
        if isinstance(found, kex.KexDhGexRequest):
            best_for(found.least, found.wanted, found.most)
        elif isinstance(found, kex.KexDhGexGroup):
            check_size(Group(found.prime, found.generator))
        elif isinstance(found, kex.KexDhInit | kex.KexDhGexInit):
            exchange.secret_power(found.client_share)
        elif found is not None:
            exchange.secret_power(found.server_share)


def key_exchange(data: bytes) -> None:
    """The shares of each key exchange, both ways (RFC 5656, RFC 8731, ML-KEM, finite fields)."""
    feed = Feed(data)
    method = feed.pick(METHODS)
    if not method:
        _finite_fields(feed.rest())
        return
    exchange: Any = make_exchange(method)
    number = feed.pick((kex.KexEcdhInit.number, kex.KexEcdhReply.number))
    body = bytes((number,)) + feed.rest()
    try:
        if number == kex.KexEcdhInit.number:
            _, secret = exchange.server_respond(kex.KexEcdhInit.decode(body).client_share)
        else:
            exchange.client_share()
            secret = exchange.client_finish(kex.KexEcdhReply.decode(body).server_share)
    except DisconnectError:
        return
    assert secret


def public_key(data: bytes) -> None:
    """Public key blobs, and signatures by such keys."""
    feed = Feed(data)
    algorithm = feed.pick(tuple(signature_algorithms()))
    signature = feed.block()
    try:
        key = decode_public_key(feed.rest())
    except KeyImportError:
        return
    assert decode_public_key(key.public_data).public_data == key.public_data
    assert key.verify(b"data", signature, algorithm) in (True, False)


def certificate(data: bytes) -> None:
    """Certificates: what they say, without the signature that a fuzzer cannot make; and with it."""
    with contextlib.suppress(KeyImportError, nacre.NotSupportedYet):  # which X.509 is
        nacre.import_certificate(data)
    try:
        statement, signed, _ = parse_certificate(data)
        found = SSHCertificate(statement, data, "none")
    except (KeyImportError, WireError):
        return
    assert 0 < signed < len(data)
    assert len(statement.principals) <= MAX_PRINCIPALS
    repr(found)
    try:
        networks = found.restrictions.source_address
    except KeyImportError:
        # Whoever reads a certificate is told so; a server is once it trusts the authority, before it asks for options.
        return
    assert networks is None or networks
    assert isinstance(found.options, dict)
    for name in (*found.principals[:4], "", "*", b"\xff"):
        for kind in (1, 2):
            with contextlib.suppress(ValueError):
                found.validate(kind, name, statement.valid_after)
                assert found.names(name)
                assert not found.restrictions.unknown
    # What is said again is read as the same.
    again, _, _ = parse_certificate(statement.encode() + encode_string(b""))
    assert again.encode() == statement.encode()


def private_key(data: bytes) -> None:
    """Private key files of every format; what needs many rounds is not asked for a passphrase."""
    with contextlib.suppress(KeyImportError, KeyEncryptionError):
        key = nacre.import_private_key(data)
        assert key.public_data
    with contextlib.suppress(KeyImportError):
        nacre.import_public_key(data)


def authorized_keys(data: bytes) -> None:
    """Lines of authorized_keys."""
    try:
        found = nacre.import_authorized_keys(data)
    except ValueError:
        return
    found.validate(_key(), "host", "192.0.2.1")


def known_hosts(data: bytes) -> None:
    """Lines of known_hosts."""
    try:
        found = nacre.import_known_hosts(data)
    except ValueError:
        return
    for host in ("example.org", "192.0.2.1"):
        found.match(host, "192.0.2.1", 22)
    text = data.decode("utf-8", "surrogateescape")
    known = {_key().public_data: _key()}
    plan_for([text], "example.org", 22, known, known)
    for entry in entries(text):
        for line in hashed_lines(entry):
            parsed = list(entries(line))
            assert (entry.line is None) == (not parsed or parsed[0].line is None)


def agent_answers(data: bytes) -> None:
    """What an agent answers (RFC 9987)."""
    feed = Feed(data)
    parse = feed.byte() & 1
    reader = Reader(feed.rest())
    try:
        if parse:
            agent.identities(reader)
        else:
            agent.signature(reader, "ssh-ed25519")
    except (Error, KeyImportError, ValueError):
        return


def proxy_header(data: bytes) -> None:
    """The header of a load balancer."""
    try:
        header = parse_proxy(data)
    except HeaderError:
        return
    if header is None:
        assert len(data) < aio_limits.PROXY_HEADER
        return
    assert 0 < header.size <= len(data)
    assert parse_proxy(data[: header.size]) == header


def configurations(data: bytes) -> None:
    """The hub's configuration, and OpenSSH's of clients and servers."""
    feed = Feed(data)
    kind = feed.byte() % 3
    path = _file()
    path.write_bytes(feed.rest())
    if kind == 1:
        config, problems = hub_config.examine(path)
        assert all(str(problem).isprintable() for problem in problems)
        if not problems:
            hub_config.describe(config)
        return
    if b"include" in path.read_bytes().lower():
        return  # what this machine's files are must not decide
    if kind == 2:
        with contextlib.suppress(nacre.ConfigParseError, OSError):
            files = read_server_files([path])
            files.everywhere()
            files.for_arrival(
                Arrival("alice", "host", "10.1.2.3", "::1", 22, lambda name: True, lambda name: ("staff",))
            )
        return
    with contextlib.suppress(nacre.ConfigParseError, OSError):
        found, _ = applying([path], Subject("example.org", "", "alice", path.parent))
        assert all(settings and all(setting.arguments for setting in settings) for settings in found.values())


@functools.cache
def _key() -> Any:
    return nacre.generate_private_key("ssh-ed25519")


@functools.cache
def _file() -> Path:
    folder = tempfile.mkdtemp(prefix="nacre-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    return Path(folder) / "config"
