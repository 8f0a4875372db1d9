"""The publickey method (RFC 4252 section 7, RFC 8332), both halves.

Owns: the query, the signed request and what is signed. Must not know: which keys are let in.

With a server that announces it the signature is over the server's host key as well, under another name of the
method (publickey-hostbound-v00@openssh.com, OpenSSH PROTOCOL): whoever signs, such as an agent that has
constraints, can see for which host, and nobody in between can use what was signed for another.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from nacre.errors import KeyImportError, LocalProtocolError, ProtocolError
from nacre.keys import X509_ALGORITHMS, Proof, signature_of
from nacre.keys.shown import Shown, decode_shown
from nacre.protocol.auth.base import SERVICE, Attempt
from nacre.protocol.events import KeyRefused, Partial, PublicKeyQuestion, SignatureNeeded
from nacre.wire.auth import HOSTBOUND, PUBLICKEY, PublicKeyQuery, UserauthPkOk, UserauthRequest
from nacre.wire.fields import Reader, encode_string, encode_text

_LENGTH: Final = Struct(">I")

if TYPE_CHECKING:
    from nacre.protocol.auth.client import ClientAuth
    from nacre.protocol.auth.server import ServerAuth


def signed_data(
    session_id: bytes, username: str, algorithm: str, key_blob: bytes, host_key: bytes | None = None
) -> bytes:
    """What the signature of a request is over (RFC 4252 section 7), bound to a host key if there is one."""
    return encode_string(session_id) + _request(username, algorithm, key_blob, host_key, signed=True)


#: What is said of a key whose signature does not verify.
WRONG_SIGNATURE: Final = "its signature is wrong"


def _request(
    username: str, algorithm: str, key_blob: bytes, host_key: bytes | None, *, signed: bool
) -> bytes:
    name = algorithm.encode("utf-8")
    data = b"".join(
        (b"\1" if signed else b"\0", _LENGTH.pack(len(name)), name, _LENGTH.pack(len(key_blob)), key_blob)
    )
    if host_key is None:
        return UserauthRequest(username, SERVICE, PUBLICKEY, data).encode()
    return UserauthRequest(username, SERVICE, HOSTBOUND, data + encode_string(host_key)).encode()


def shown_key(
    auth: ServerAuth, username: str, algorithm: str, key_blob: bytes, taken: tuple[str, ...] | None
) -> Shown | None:
    """Return what a client shows, or None for what is refused unasked, of which the application is told.

    Args:
        auth: the authentication.
        username: whom to log in as.
        algorithm: what the signature is made with.
        key_blob: the key, or a certificate.
        taken: the algorithms that are taken, by their whole names; None: those of the settings, with a certificate
            and without.
    """
    reason = "it is not taken here"
    ours = auth.core.settings.signature_algorithms
    if signature_of(algorithm) in ours if taken is None else algorithm in taken:
        try:
            shown = decode_shown(algorithm, key_blob)
        except KeyImportError as exc:
            reason = str(exc)
        else:
            # The name says which key, which hash, and whether it comes with a certificate.
            if algorithm in shown.host_key_algorithms:
                return shown
            reason = "it is of another type than the algorithm"
    auth.core.emit(KeyRefused(username, algorithm, reason))
    return None


class ServerPublicKey:
    """The server's half.

    The signature is verified before the application is asked, so that an unknown user costs the same
    work as a known one, and only a verified key counts.
    """

    def __init__(self) -> None:
        #: The host key that the request is bound to.
        self._bound_to: bytes | None = None

    def request(self, auth: ServerAuth, request: UserauthRequest) -> None:
        """Take a query or a signed request."""
        reader = Reader(request.data)
        query = PublicKeyQuery.read(reader)
        self._bound_to = reader.string() if request.method == HOSTBOUND else None
        signature = reader.string() if query.signed else b""
        reader.end()
        attempt = Attempt(request.username, PUBLICKEY, query.key_blob)
        if query.signed:
            shown = self._shown(auth, request.username, query)
            proof = self._proof(auth, shown, request.username, query, signature)
            if shown is None or not isinstance(proof, Proof) or Proof.KEY not in proof:
                if shown is not None:
                    auth.core.emit(KeyRefused(request.username, query.algorithm, WRONG_SIGNATURE))
                auth.conclude(attempt, value=False)
                return
            auth.ask(
                lambda token: PublicKeyQuestion(
                    token, request.username, query.algorithm, query.key_blob, shown, True, proof
                ),
                lambda value: auth.conclude(attempt, value),
            )
        else:
            auth.count_query()
            asked = self._shown(auth, request.username, query)
            if asked is None:
                auth.refuse_query()
                return
            auth.ask(
                lambda token: PublicKeyQuestion(
                    token, request.username, query.algorithm, query.key_blob, asked, verified=False
                ),
                lambda value: self._query_answered(auth, query, value),
            )

    def message(self, auth: ServerAuth, number: int, payload: bytes) -> None:
        """No message follows a request of this method."""
        raise ProtocolError(f"message {number} has no place in publickey authentication")

    def _query_answered(self, auth: ServerAuth, query: PublicKeyQuery, value: object) -> None:
        # Partial says "right, but more is needed": the key itself will do.
        if value is True or isinstance(value, Partial):
            auth.core.send(UserauthPkOk(query.algorithm, query.key_blob))
        else:
            auth.refuse_query()

    def _shown(self, auth: ServerAuth, username: str, query: PublicKeyQuery) -> Shown | None:
        own = auth.core.info.host_key_blob
        if self._bound_to is not None and (not own or self._bound_to != own):
            auth.core.emit(KeyRefused(username, query.algorithm, "it is bound to another host key than ours"))
            return None
        taken = None if query.algorithm in X509_ALGORITHMS else auth.policy.publickey_algorithms
        return shown_key(auth, username, query.algorithm, query.key_blob, taken)

    def _proof(
        self,
        auth: ServerAuth,
        shown: Shown | None,
        username: str,
        query: PublicKeyQuery,
        signature: bytes,
    ) -> object:
        """Return what a signature proves: whether that is enough, the application says."""
        if shown is None:
            return Proof.NOTHING
        session_id = auth.core.info.session_id
        data = signed_data(session_id, username, query.algorithm, query.key_blob, self._bound_to)
        return shown.proof(data, signature, query.algorithm)


class ClientPublicKey:
    """The client's half.

    Args:
        query: ask first whether the key would do.
    """

    name = PUBLICKEY

    def __init__(self, algorithm: str, key_blob: bytes, *, query: bool) -> None:
        self.key_blob: bytes | None = key_blob
        self._blob = key_blob
        self._algorithm = algorithm
        self._query = query
        self._bound_to: bytes | None = None

    def start(self, auth: ClientAuth) -> None:
        """Send the query, or have the request signed at once."""
        info = auth.core.info
        if info.hostbound and info.host_key_blob:
            self._bound_to = info.host_key_blob
        if self._query:
            auth.send(self._made(auth, signed=False))
        else:
            self._sign(auth)

    def _made(self, auth: ClientAuth, *, signed: bool) -> bytes:
        return _request(auth.username, self._algorithm, self._blob, self._bound_to, signed=signed)

    def message(self, auth: ClientAuth, number: int, payload: bytes) -> None:
        """Take SSH_MSG_USERAUTH_PK_OK, which must repeat what was asked.

        In the place of the algorithm the type of the key will do, as for OpenSSH: npm's ssh2 says ssh-rsa.
        """
        if number != UserauthPkOk.number or not self._query:
            raise ProtocolError(f"message {number} has no place in publickey authentication")
        answer = UserauthPkOk.decode(payload)
        named = answer.algorithm == self._algorithm or self._blob.startswith(encode_text(answer.algorithm))
        if not named or answer.key_blob != self._blob:
            raise ProtocolError("the server accepted another key than it was asked about")
        self._query = False
        self._sign(auth)

    def _sign(self, auth: ClientAuth) -> None:
        request = self._made(auth, signed=True)
        data = encode_string(auth.core.info.session_id) + request
        auth.ask(
            lambda token: SignatureNeeded(token, self._algorithm, self._blob, data),
            lambda value: self._signed(auth, request, value),
        )

    def _signed(self, auth: ClientAuth, request: bytes, value: object) -> None:
        if isinstance(value, bytes):
            auth.sent_credential()
            auth.send(request + encode_string(value))
        elif value is None or isinstance(value, BaseException):
            auth.give_up_attempt()
        else:
            raise LocalProtocolError("a signature must be bytes")
