"""The key exchange, first and later ones, for both roles (RFC 4253 section 7, RFC 5656, RFC 8308).

Owns: KEXINIT to NEWKEYS, the exchange hash, the keys of both directions, EXT_INFO, and when new
keys are due. Must not know: how shares are computed and what the messages of a method are, users, channels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import Enum
from struct import Struct
from typing import Final

from nacre.crypto import derive_all, make_opener, make_sealer
from nacre.crypto.kdf import new_hash
from nacre.crypto.registry import Family, lookup
from nacre.errors import (
    ConnectionLost,
    DisconnectError,
    GssError,
    HostKeyNotVerifiable,
    KeyExchangeFailed,
    KeyImportError,
    LocalProtocolError,
    ProtocolError,
)
from nacre.keys import X509_ALGORITHMS, signature_of
from nacre.keys.shown import Shown, decode_shown
from nacre.protocol import limits
from nacre.protocol.core import Core
from nacre.protocol.events import HostKeyQuestion, KeysExchanged, Verdict
from nacre.protocol.gss import GssContext
from nacre.protocol.lane import Lane
from nacre.protocol.methods import Ecdh, Method, Reply, make_method
from nacre.protocol.negotiate import (
    EXT_INFO,
    NULL_HOST_KEY,
    STRICT,
    agree,
    guess_is_wrong,
    is_gss,
    offer,
    preferred,
    read_kexinit,
)
from nacre.protocol.settings import HostKey, Negotiated, Role
from nacre.protocol.state import ExtInfoTurn, KexStep, Phase
from nacre.wire.kex import KexInit, NewKeys
from nacre.wire.message import Message
from nacre.wire.transport import ExtInfo

_KEXINIT: Final = bytes((KexInit.number,))
_METHOD_NUMBERS: Final = range(30, 50)
_LENGTH: Final = Struct(">I")
#: RFC 4253 section 7.2: of the key, the IV and the MAC key of what a role sends.
_LETTERS_OF_CLIENT: Final = (b"C", b"A", b"E")
_LETTERS_OF_SERVER: Final = (b"D", b"B", b"F")
_NEWKEYS: Final = NewKeys()
_PING: Final = ("ping@openssh.com", b"0")
_IN_AUTH: Final = ("ext-info-in-auth@openssh.com", b"0")
_FROM_CLIENT: Final = (_IN_AUTH, _PING)
_HOSTBOUND: Final = ("publickey-hostbound@openssh.com", b"0")


class Trust(Enum):
    """What we know of the server's host key. A positive token: nothing else lets a client on."""

    UNKNOWN = "unknown"
    VERIFIED = "verified"


class Handshake:
    """All key exchanges of one connection.

    Attributes:
        step: what is expected of the peer.
        strict: strict key exchange is in force.
        ext_info: whether the peer may send EXT_INFO now.
    """

    __slots__ = (
        "_core",
        "_deadline",
        "_exchange_hash",
        "_floods",
        "_last_exchange",
        "_method",
        "_negotiated",
        "_opener_limit",
        "_ours",
        "_ours_payload",
        "_peer_newkeys_first",
        "_peer_takes_ext_info",
        "_secret",
        "_skip_guess",
        "_theirs_payload",
        "ext_info",
        "lane",
        "peer_prefers",
        "sealer_limit",
        "step",
        "strict",
        "trust",
    )

    def __init__(self, core: Core) -> None:
        self._core = core
        self.step = KexStep.NONE
        self.strict = False
        self.ext_info = ExtInfoTurn.NO
        self.lane = Lane(core, Handshake._unexpected, 0, self)
        self.trust = Trust.UNKNOWN
        self._ours: KexInit | None = None
        self._ours_payload = b""
        self._theirs_payload = b""
        self._skip_guess = False
        #: Client: what the server is expected to prefer: where that is ours, the first share goes with the KEXINIT.
        self.peer_prefers: tuple[str, str] | None = None
        self._negotiated: Negotiated | None = None
        self._method: Method | None = None
        self._secret = b""
        self._exchange_hash = b""
        self._peer_takes_ext_info = False
        self._peer_newkeys_first = True
        self._deadline: float | None = None
        self._last_exchange = 0.0
        self._floods = 0.0
        self._opener_limit = limits.REKEY_BYTES
        self.sealer_limit = limits.REKEY_BYTES

    # ------------------------------------------------------------ state for the judge

    @property
    def first(self) -> bool:
        """Whether the first key exchange is not complete yet."""
        return self._core.phase is Phase.KEYS

    @property
    def expected(self) -> range | None:
        """The message numbers that may come next in `AWAIT_METHOD`."""
        if self._skip_guess:
            return _METHOD_NUMBERS
        if self._method is None:
            return None
        expected = self._method.expected
        return expected if isinstance(expected, range) else range(expected, expected + 1)

    @property
    def secure(self) -> bool:
        """Whether what we send is encrypted, to a host whose key was verified (client)."""
        if not self._core.outbound.encrypted:
            return False
        return self._core.role is Role.SERVER or self.trust is Trust.VERIFIED

    def _unexpected(self, item: object) -> None:
        raise LocalProtocolError(f"{item!r} in the lane of the key exchange")

    # ------------------------------------------------------------ KEXINIT

    def release(self) -> None:
        """The connection is over: there will be no other key exchange."""
        self._method = None
        self.lane.release()

    def start(self) -> None:
        """Send our KEXINIT, unless a key exchange is under way already."""
        if self.step is not KexStep.NONE:
            return
        self._send_kexinit()
        self.step = KexStep.AWAIT_KEXINIT

    def _send_kexinit(self) -> None:
        core = self._core
        # A key that GSS-API vouched for serves for new keys: they need no ticket then (RFC 4462 section 2.1).
        gss = core.phase is Phase.KEYS or core.role is Role.SERVER or not core.info.host_key_blob
        first = core.phase is Phase.KEYS
        self._ours, rest = offer(core.role, core.settings, first=first, gss=gss)
        guess = self._guess(self._ours) if first and self.peer_prefers is not None else None
        if guess is not None:
            rest = rest[:-5] + b"\1" + rest[-4:]  # first_kex_packet_follows, before a reserved uint32
        self._ours_payload = _KEXINIT + core.sources.random(16) + rest
        core.outbound.send_now(self._ours_payload)
        core.outbound.in_exchange = True
        core.deadline_moved = True
        if guess is not None:
            self._method = guess
            guess.begin()
        if not first:
            self._deadline = core.now + limits.REKEY_TIMEOUT

    def _guess(self, ours: KexInit) -> Method | None:
        """Client: return the method whose first message goes with our first KEXINIT, None where none does."""
        wanted = preferred(ours)
        if self._core.role is Role.SERVER or wanted != self.peer_prefers or is_gss(wanted[0]):
            return None
        method = self._make_method(wanted[0])
        return method if isinstance(method, Ecdh) else None  # the shares of others are computed elsewhere

    def received_kexinit(self, payload: bytes) -> None:
        """Take the peer's KEXINIT, answer it with ours where that is not out, and choose."""
        core = self._core
        theirs = read_kexinit(payload)
        if self.step is KexStep.NONE:
            self._count_flood()
            self._send_kexinit()
        ours = self._ours
        if ours is None:
            raise LocalProtocolError("a KEXINIT was answered before ours was made")
        self._theirs_payload = payload
        first_of_theirs = preferred(theirs)
        if core.phase is Phase.KEYS:
            if core.role is Role.CLIENT:
                core.info.peer_prefers = first_of_theirs
            peer = core.role.peer
            self.strict = STRICT[peer] in theirs.kex_algorithms
            self._peer_takes_ext_info = EXT_INFO[peer] in theirs.kex_algorithms
            if self.strict and core.inbound.sequence != 1:
                raise ProtocolError("strict key exchange: KEXINIT must be the first packet")
        self._negotiated = agree(core.role, ours, theirs, (self._ours_payload, payload), strict=self.strict)
        self._skip_guess = guess_is_wrong(ours, theirs)
        self.step = KexStep.AWAIT_METHOD
        if self._method is not None and preferred(ours) == first_of_theirs:
            return  # our guess was right, and is under way
        # What was sent for a wrong one, the server ignores (RFC 4253 section 7.1).
        self._method = self._make_method(self._negotiated.kex)
        if core.role is Role.CLIENT:
            self._method.begin()

    def _make_method(self, name: str) -> Method:
        core = self._core
        if not is_gss(name):
            return make_method(core, self.lane, core.sources.exchange(name), self)
        if core.settings.gss is None:
            raise LocalProtocolError("a key exchange of GSS-API, without GSS-API")
        from nacre.crypto.kex.gss import make_gss_exchange  # few connections need it
        from nacre.protocol.gss_kex import GssKex

        return GssKex(core, self.lane, make_gss_exchange(name), self, core.settings.gss.context())

    def _count_flood(self) -> None:
        """A peer that asks for new keys though it has hardly used the old ones, and they are not old."""
        age = self._core.now - self._last_exchange
        earned = self._moved() / limits.REKEY_FLOOD_BYTES + age / limits.REKEY_FLOOD_SECONDS
        self._floods = max(0.0, self._floods - earned) + 1
        if self._floods > limits.REKEY_FLOOD:
            raise ProtocolError("too many key exchanges with next to nothing sent between them")

    def _moved(self) -> int:
        return self._core.inbound.octets + self._core.outbound.octets

    # ------------------------------------------------------------ the method

    def received_method(self, payload: bytes) -> None:
        """Take a message 30 to 49 that was expected."""
        if self._skip_guess:
            self._skip_guess = False  # RFC 4253 section 7.1: dropped once, silently
        else:
            (self._method or self._running()).received(payload)

    def serve(self, parts: bytes, secret: bytes, reply: Reply) -> None:
        """Server: sign what was agreed; asked by the method."""
        agreed = self._negotiated or self._agreed()
        host_key = self._host_key(agreed.host_key)
        self._secret = secret
        self._hash(host_key.public_data, parts)
        signature = host_key.sign(self._exchange_hash, agreed.host_key)
        self._core.info.host_key_blob = host_key.public_data
        self._core.send(reply(host_key.public_data, signature))
        self._send_newkeys()

    def _host_key(self, algorithm: str) -> HostKey:
        for key in self._core.settings.host_keys:
            if algorithm in key.host_key_algorithms:
                return key
        raise KeyExchangeFailed(f"no host key for {algorithm}")

    def finish(self, parts: bytes, secret: bytes, host_key: bytes, signature: bytes) -> None:
        """Client: verify the server's signature of what was agreed; asked by the method."""
        agreed = self._negotiated or self._agreed()
        self._secret = secret
        self._hash(host_key, parts)
        key = _shown(agreed.host_key, host_key)
        if key.verify(self._exchange_hash, signature, agreed.host_key) is not True:
            raise HostKeyNotVerifiable("the server's signature of the key exchange is wrong")
        if self.trust is Trust.VERIFIED:
            if host_key != self._core.info.host_key_blob:
                raise HostKeyNotVerifiable("the server shows another host key than at first")
            self._send_newkeys()
        else:
            self._core.info.host_key_blob = host_key
            self._core.info.host_key_signature = signature
            self.lane.ask(lambda token: HostKeyQuestion(token, agreed.host_key, host_key, key), self._judged)

    # ------------------------------------------------------------ the method, with GSS-API

    def without_host_key(self) -> bool:
        """Whether "null" was agreed on (RFC 4462 section 5); asked by the method."""
        return self._agreed().host_key == NULL_HOST_KEY

    def shown_host_key(self) -> bytes:
        """Server: return the key of the algorithm agreed on, or b""; asked by the method."""
        # OpenSSH's client (Debian's patch for GSS-API, of 9.2 and 10.0) cannot read on after SSH_MSG_KEXGSS_HOSTKEY.
        if self.without_host_key() or "-OpenSSH_" in self._core.info.peer_version:
            return b""
        return self._host_key(self._agreed().host_key).public_data

    def serve_gss(
        self,
        parts: bytes,
        secret: bytes,
        host_key: bytes,
        context: GssContext,
        reply: Callable[[bytes], Message],
    ) -> None:
        """Server: sign what was agreed with the context; asked by the method."""
        self._secret = secret
        self._hash(host_key, parts)
        try:
            mic = context.sign(self._exchange_hash)
        except GssError as exc:
            raise KeyExchangeFailed("GSS-API failed", hint=str(exc)) from None
        info = self._core.info
        if self.first:
            # RFC 4462 section 4: a login by the context takes that of the initial key exchange, no other.
            info.gss = context
            info.host_key_blob = host_key
        self._core.send(reply(mic))
        self._send_newkeys()

    def finish_gss(
        self, parts: bytes, secret: bytes, host_key: bytes, context: GssContext, mic: bytes
    ) -> None:
        """Client: verify the server's signature by the context; asked by the method."""
        self._secret = secret
        self._hash(host_key, parts)
        if context.verify(self._exchange_hash, mic) is not True:
            raise KeyExchangeFailed("the server's GSS-API signature of the key exchange is wrong")
        info = self._core.info
        if self.first:
            info.gss = context
            info.host_key_blob = host_key
            if host_key:
                algorithm = self._agreed().host_key
                key = _shown(algorithm, host_key)
                self.lane.ask(
                    lambda token: HostKeyQuestion(token, algorithm, host_key, key, by_gss=True), self._judged
                )
                return
            self.trust = Trust.VERIFIED
        elif host_key and info.host_key_blob and host_key != info.host_key_blob:
            raise HostKeyNotVerifiable("the server shows another host key than at first")
        self._send_newkeys()

    def _judged(self, value: object) -> None:
        """Take the answer to the host key question."""
        if isinstance(value, DisconnectError):
            raise value
        if value is not Verdict.TRUSTED:
            raise HostKeyNotVerifiable("the server's host key is not trusted")
        self.trust = Trust.VERIFIED
        self._send_newkeys()

    def _running(self) -> Method:
        if self._method is None:
            raise LocalProtocolError("no key exchange is under way")
        return self._method

    def _agreed(self) -> Negotiated:
        if self._negotiated is None:
            raise LocalProtocolError("nothing was negotiated yet")
        return self._negotiated

    def _hash(self, host_key: bytes, parts: bytes) -> None:
        """Compute the exchange hash (RFC 4253 section 8) and, the first time, the session id."""
        core = self._core
        ours = (core.info.own_version, self._ours_payload)
        theirs = (core.info.peer_version, self._theirs_payload)
        client, server = (ours, theirs) if core.role is Role.CLIENT else (theirs, ours)
        digest = new_hash((self._method or self._running()).hash_name)
        strings = (client[0].encode("ascii"), server[0].encode("ascii"), client[1], server[1], host_key)
        for part in strings:
            digest.update(_LENGTH.pack(len(part)))  # each is a string (RFC 4251 section 5)
            digest.update(part)
        digest.update(parts)
        digest.update(self._secret)
        self._exchange_hash = digest.digest()
        if not core.info.session_id:
            core.info.session_id = self._exchange_hash

    # ------------------------------------------------------------ NEWKEYS

    def _send_newkeys(self) -> None:
        core = self._core
        method, agreed = self._method or self._running(), self._negotiated or self._agreed()
        core.send(_NEWKEYS)
        self.step = KexStep.AWAIT_NEWKEYS
        ours_first = core.role is Role.CLIENT
        cipher = agreed.cipher_client_to_server if ours_first else agreed.cipher_server_to_client
        mac = agreed.mac_client_to_server if ours_first else agreed.mac_server_to_client
        key = self._direction_keys(method.hash_name, cipher, mac, core.role)
        core.outbound.activate(make_sealer(cipher, mac, *key), reset_sequence=self.strict)
        core.compress_outbound(agreed)
        self.sealer_limit = self._limit(cipher)
        if core.phase is Phase.KEYS:
            core.info.negotiated = agreed
            self._send_ext_info()
        core.outbound.release()

    def received_newkeys(self) -> None:
        """Take the peer's NEWKEYS: what it sends from now on is sealed with the new keys."""
        core = self._core
        method, agreed = self._method or self._running(), self._negotiated or self._agreed()
        theirs_first = core.role is Role.SERVER
        cipher = agreed.cipher_client_to_server if theirs_first else agreed.cipher_server_to_client
        mac = agreed.mac_client_to_server if theirs_first else agreed.mac_server_to_client
        key = self._direction_keys(method.hash_name, cipher, mac, core.role.peer)
        core.inbound.activate(make_opener(cipher, mac, *key), reset_sequence=self.strict)
        core.decompress_inbound(agreed)
        self._opener_limit = self._limit(cipher)
        first = core.phase is Phase.KEYS
        core.info.negotiated = agreed
        self.step = KexStep.NONE
        self._method = None
        self._secret = b""
        self._ours = None
        self._ours_payload = self._theirs_payload = b""
        self._deadline = None
        self._last_exchange = core.now
        if first:
            core.phase = Phase.SERVICE
            self.ext_info = ExtInfoTurn.NEXT
        else:
            core.deadline_moved = True
        core.emit(KeysExchanged(first))

    def _direction_keys(
        self, hash_name: str, cipher: str, mac: str, sender: Role
    ) -> tuple[bytes, bytes, bytes]:
        """Derive key, IV and MAC key for what `sender` sends (RFC 4253 section 7.2)."""
        letters = _LETTERS_OF_CLIENT if sender is Role.CLIENT else _LETTERS_OF_SERVER
        algorithm = lookup(Family.CIPHER, cipher)
        mac_size = lookup(Family.MAC, mac).key_size if mac else 0
        sizes = (algorithm.key_size, algorithm.iv_size, mac_size)
        wanted = zip(letters, sizes, strict=True)
        session_id = self._core.info.session_id
        key, iv, mac_key = derive_all(hash_name, self._secret, self._exchange_hash, wanted, session_id)
        return key, iv, mac_key

    # ------------------------------------------------------------ EXT_INFO

    def _send_ext_info(self) -> None:
        """Announce extensions directly after our first NEWKEYS (RFC 8308 section 2.4)."""
        if not self._peer_takes_ext_info:
            return
        core = self._core
        core.outbound.send_now(_our_ext_info(self._told if core.role is Role.SERVER else None))

    @property
    def _told(self) -> tuple[str, ...]:
        """What a client is told at first that its users may sign with."""
        announced = self._core.settings.announced_algorithms
        return tuple(self._core.settings.signature_algorithms) if announced is None else announced

    def announce(self, algorithms: tuple[str, ...]) -> None:
        """Server: tell a client that takes it what its user may sign with, unless it has heard that (OpenSSH PROTOCOL).

        Args:
            algorithms: by whole names, some for certificates. X.509, which none of them is, stays announced.
        """
        core = self._core
        told = self._told
        now = tuple(dict.fromkeys(map(signature_of, algorithms)))
        now += tuple(name for name in told if name in X509_ALGORITHMS)
        if core.info.updates_sig_algs and set(now) != set(told):
            core.info.updates_sig_algs = False  # once
            core.send(ExtInfo((("server-sig-algs", ",".join(now).encode("ascii")),)))

    def received_ext_info(self, payload: bytes) -> None:
        """Take the peer's extensions; the newer server-sig-algs replaces the older."""
        if self.ext_info is ExtInfoTurn.IN_AUTH:
            self.ext_info = ExtInfoTurn.NO
        short = len(payload) <= limits.EXT_INFO_REMEMBERED_LENGTH
        algorithms, hostbound, updates = (_announced_again if short else _announced)(payload)
        if self._core.role is not Role.CLIENT:
            self._core.info.updates_sig_algs = updates and self._peer_takes_ext_info
            return
        if algorithms is not None:
            self._core.info.server_sig_algs = algorithms
        if hostbound:
            self._core.info.hostbound = True

    def authentication_requested(self) -> None:
        """Client: the first USERAUTH_REQUEST is out; one more EXT_INFO may come before SUCCESS."""
        if self._peer_takes_ext_info:
            self.ext_info = ExtInfoTurn.IN_AUTH

    # ------------------------------------------------------------ when new keys are due

    def _limit(self, cipher: str) -> int:
        cap = lookup(Family.CIPHER, cipher).rekey_bytes
        wanted = self._core.settings.rekey_bytes or limits.REKEY_BYTES
        return wanted if cap is None else min(wanted, cap)

    def limits_changed(self) -> None:
        """Take note of other limits in the settings; both directions are sealed already."""
        agreed = self._core.info.negotiated
        if agreed is None:
            return
        ciphers = (agreed.cipher_client_to_server, agreed.cipher_server_to_client)
        ours_first = self._core.role is Role.CLIENT
        self.sealer_limit, self._opener_limit = map(self._limit, ciphers if ours_first else ciphers[::-1])
        self._core.deadline_moved = True

    def due(self) -> bool:
        """Whether so much was sent or received that new keys are due.

        At least one packet gets through between two key exchanges.
        """
        core = self._core
        outbound, inbound = core.outbound, core.inbound
        if self.step is not KexStep.NONE or core.phase is not Phase.OPEN:
            return False
        return (
            outbound.octets >= self.sealer_limit
            or inbound.octets >= self._opener_limit
            or outbound.packets >= limits.REKEY_PACKETS
            or inbound.packets >= limits.REKEY_PACKETS
        )

    def next_deadline(self) -> float | None:
        """When `tick` must be called at the latest."""
        if self._deadline is not None:
            return self._deadline
        seconds = self._core.settings.rekey_seconds
        if self._core.phase is Phase.OPEN and self.step is KexStep.NONE and seconds:
            return self._last_exchange + seconds
        return None

    def tick(self) -> None:
        """Act on the time."""
        deadline = self.next_deadline()
        if deadline is None or self._core.now < deadline:
            return
        if self._deadline is not None:
            raise ConnectionLost(f"the peer left a key exchange unanswered for {limits.REKEY_TIMEOUT:.0f} s")
        self.start()


def _shown(algorithm: str, host_key: bytes) -> Shown:
    try:
        return decode_shown(algorithm, host_key)
    except KeyImportError as exc:
        raise HostKeyNotVerifiable(f"the server's host key is not usable: {exc}") from None


@functools.lru_cache(limits.KEXINIT_REMEMBERED)
def _our_ext_info(algorithms: tuple[str, ...] | None) -> bytes:
    """Return our EXT_INFO: a server's, with these signature algorithms; None: a client's."""
    if algorithms is None:
        return ExtInfo(_FROM_CLIENT).encode()
    return ExtInfo((("server-sig-algs", ",".join(algorithms).encode("ascii")), _HOSTBOUND, _PING)).encode()


def _announced(payload: bytes) -> tuple[tuple[str, ...] | None, bool, bool]:
    """Return what the last server-sig-algs of an EXT_INFO names, None where there is none; of hostbound keys; of later ones."""
    found = None
    extensions = ExtInfo.decode(payload).extensions
    for name, value in extensions:
        if name == "server-sig-algs":
            names = value[: limits.SIG_ALGS].decode("ascii", "replace").split(",")
            found = tuple(filter(None, names))
    return found, _HOSTBOUND in extensions, _IN_AUTH in extensions


#: Peers of one kind send the same one again and again.
_announced_again = functools.lru_cache(limits.KEXINIT_REMEMBERED)(_announced)
