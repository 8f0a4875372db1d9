"""A peer that can do a key exchange as either role and then send anything at all. Bytes in, bytes out.

Owns: `RawPeer`: identification, KEXINIT, the exchange and the keys, step by step, at the caller's
word. Must not know: the end under test, whose order and legality it does not share (it uses the
packet layer and the algorithms alone); sockets.
"""

from __future__ import annotations

import hashlib
import os

from nacre.crypto import KeyExchange, Opener, derive, make_exchange, make_opener, make_sealer
from nacre.crypto.kex.dh import DhExchange
from nacre.crypto.registry import Family, lookup
from nacre.errors import HostKeyNotVerifiable, LocalProtocolError, NotSupportedYet
from nacre.keys import SSHKey, decode_public_key
from nacre.protocol import limits
from nacre.protocol.inbound import Inbound
from nacre.protocol.outbound import Outbound
from nacre.protocol.settings import Role
from nacre.wire.fields import encode_string
from nacre.wire.kex import KexEcdhInit, KexEcdhReply, KexInit

STRICT = {Role.CLIENT: "kex-strict-c-v00@openssh.com", Role.SERVER: "kex-strict-s-v00@openssh.com"}
EXT_INFO = {Role.CLIENT: "ext-info-c", Role.SERVER: "ext-info-s"}


class RawPeer:
    """One raw peer.

    Args:
        role: which end it plays.
        host_key: a server's.
        strict: announce strict key exchange.
        ext_info: announce that EXT_INFO is understood.
        kex, cipher, mac: the one algorithm of each kind that it offers.

    Attributes:
        received: payloads of the other end, in order, not yet taken.
        sequences: the sequence number of each of them.
    """

    def __init__(
        self,
        role: Role,
        *,
        host_key: SSHKey | None = None,
        strict: bool = True,
        ext_info: bool = True,
        kex: str = "curve25519-sha256",
        cipher: str = "aes128-gcm@openssh.com",
        mac: str = "hmac-sha2-256-etm@openssh.com",
    ) -> None:
        self.role = role
        self.host_key = host_key
        self.strict = strict
        self.ext_info = ext_info
        self.kex, self.cipher, self.mac = kex, cipher, mac
        self.inbound = Inbound()
        self.inbound.limit = limits.PACKET
        self.outbound = Outbound(os.urandom)
        self.received: list[bytes] = []
        self.version = "SSH-2.0-raw"
        self.peer_version = ""
        self.session_id = b""
        self.first = True
        self._ours = self._theirs = b""
        self._secret = self._hash = b""
        self._share = b""
        self._exchange = self._run()

    # ------------------------------------------------------------ bytes

    def ident(self) -> None:
        """Queue the identification string."""
        self.outbound.send_line(self.version.encode() + b"\r\n")

    def send(self, payload: bytes) -> None:
        """Queue a packet, whatever is in it."""
        self.outbound.send_now(payload)

    def output(self) -> bytes:
        """Take what is queued."""
        return b"".join(bytes(segment) for segment in self.outbound.take())

    def feed(self, data: bytes) -> None:
        """Receive bytes."""
        view = memoryview(data)
        while view:
            room = self.inbound.receive_buffer()
            size = min(len(room), len(view))
            room[:size] = view[:size]
            room.release()
            self.inbound.received(size)
            view = view[size:]
            self._read()

    def _read(self) -> None:
        if not self.peer_version:
            line, newline, _ = bytes(self.inbound.peek()).partition(b"\n")
            if not newline:
                return
            self.peer_version = line.rstrip(b"\r").decode()
            self.inbound.skip(len(line) + 1)
        while (size := self.inbound.next_payload()) >= 0:
            payload = bytes(self.inbound.scratch[1 : 1 + size])
            self.received.append(payload)
            self._note(payload)

    def _note(self, payload: bytes) -> None:
        """What must be acted upon at once, since it changes how the next packet is read."""
        if payload[0] == KexInit.number:
            self._theirs = payload
        elif payload[0] == KexEcdhReply.number and self.role is Role.CLIENT:
            self._finish(KexEcdhReply.decode(payload))
        elif payload[0] == 21:
            self.inbound.activate(self._opener(), reset_sequence=self.strict)

    def take(self) -> list[bytes]:
        """Take what was received."""
        taken, self.received = self.received, []
        return taken

    # ------------------------------------------------------------ the key exchange

    def kexinit(self, *, follows: bool = False, kex: tuple[str, ...] | None = None) -> bytes:
        """Make a KEXINIT, and remember it for the exchange hash."""
        names = kex or (self.kex,)
        if self.first:
            names += (EXT_INFO[self.role],) if self.ext_info else ()
            names += (STRICT[self.role],) if self.strict else ()
        both = ((self.cipher,),) * 2 + ((self.mac,),) * 2 + (("none",),) * 2 + ((),) * 2
        self._ours = KexInit(os.urandom(16), names, ("ssh-ed25519",), *both, follows, 0).encode()
        return self._ours

    def _run(self) -> KeyExchange:
        exchange = make_exchange(self.kex)
        if isinstance(exchange, DhExchange):
            raise NotSupportedYet(f"{self.kex} in a scripted peer", "use a method of one share each way")
        return exchange

    def method_init(self) -> bytes:
        """Make a client's message 30."""
        self._exchange = self._run()
        self._share = self._exchange.client_share()
        return KexEcdhInit(self._share).encode()

    def method_reply(self, init: bytes) -> bytes:
        """Make a server's message 31 to a message 30."""
        if self.host_key is None:
            raise LocalProtocolError("a raw server needs a host key")
        self._exchange = self._run()
        client_share = KexEcdhInit.decode(init).client_share
        server_share, self._secret = self._exchange.server_respond(client_share)
        blob = self.host_key.public_data
        self._hash_all(blob, client_share, server_share)
        return KexEcdhReply(blob, server_share, self.host_key.sign(self._hash, "ssh-ed25519")).encode()

    def _finish(self, reply: KexEcdhReply) -> None:
        self._secret = self._exchange.client_finish(reply.server_share)
        self._hash_all(reply.host_key, self._share, reply.server_share)
        if not decode_public_key(reply.host_key).verify(self._hash, reply.signature, "ssh-ed25519"):
            raise HostKeyNotVerifiable("the signature of the end under test is wrong")

    def _hash_all(self, blob: bytes, client_share: bytes, server_share: bytes) -> None:
        mine, theirs = (self.version, self._ours), (self.peer_version, self._theirs)
        client, server = (mine, theirs) if self.role is Role.CLIENT else (theirs, mine)
        parts = (
            client[0].encode(),
            server[0].encode(),
            client[1],
            server[1],
            blob,
            client_share,
            server_share,
        )
        whole = b"".join(encode_string(part) for part in parts) + self._secret
        self._hash = hashlib.new(self._exchange.hash_name, whole).digest()
        self.session_id = self.session_id or self._hash

    def newkeys(self) -> None:
        """Queue NEWKEYS, and use the new keys for what follows."""
        self.send(b"\x15")
        self.outbound.activate(
            make_sealer(self.cipher, self.mac, *self._keys(self.role)), reset_sequence=self.strict
        )
        self.first = False

    def _opener(self) -> Opener:
        return make_opener(self.cipher, self.mac, *self._keys(self.role.peer))

    def _keys(self, sender: Role) -> tuple[bytes, bytes, bytes]:
        letters = (b"C", b"A", b"E") if sender is Role.CLIENT else (b"D", b"B", b"F")
        cipher = lookup(Family.CIPHER, self.cipher)
        mac_size = 0 if cipher.authenticates else lookup(Family.MAC, self.mac).key_size
        sizes = (cipher.key_size, cipher.iv_size, mac_size)
        key, iv, mac_key = (
            derive(self._exchange.hash_name, self._secret, self._hash, letter, self.session_id, size)
            for letter, size in zip(letters, sizes, strict=True)
        )
        return key, iv, mac_key
