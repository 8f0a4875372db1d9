"""What a protocol end tells its driver: one documented event a record.

Owns: the events of `Connection.next_event`, the question events among them with the answers each
takes. Must not know: how any of them comes about, or asyncio.

An event whose class derives from `Question` waits for `Connection.answer(event.token, value)`.
Questions stand in ordered lanes (key exchange, authentication, global requests, each channel):
what the peer sent behind a question in its lane is held back until the answer is there. No answer
in time is a no, and any value that is not one of those listed is a no.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from nacre.crypto.kex.groups import Power
from nacre.errors import DisconnectError
from nacre.keys.proof import Proof
from nacre.wire.record import hidden, record

if TYPE_CHECKING:
    from nacre.keys.shown import Shown
    from nacre.protocol.gss import GssContext
    from nacre.protocol.lane import Lane


class Token:
    """Names one question. It can be answered once; a second answer raises `LocalProtocolError`.

    Attributes:
        lane: where it was asked.
    """

    __slots__ = ("answered", "lane")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.answered = False


@record
class Event:
    """Base of all events."""


@record
class Question(Event):
    """An event that waits for an answer."""

    token: Token = hidden()


# ---------------------------------------------------------------- transport


class Verdict(Enum):
    """The answers to `HostKeyQuestion`. Trust is this positive token and nothing else."""

    TRUSTED = "trusted"
    REFUSED = "refused"


@record
class HostKeyQuestion(Question):
    """Client: the server proved that it holds this key. Is it the right one?

    The signature over the exchange hash is verified before this is asked; it is asked in the
    first key exchange only (a later one must show the same key).

    Attributes:
        shown: what `key_blob` is.
        by_gss: GSS-API says whose key it is (RFC 4462 section 2.1): an unknown or changed key is the right
            one. One that is revoked still is not.

    Answers: `Verdict.TRUSTED`; or `Verdict.REFUSED`; or a `DisconnectError` that says why not.
    """

    algorithm: str
    key_blob: bytes
    shown: Shown
    by_gss: bool = False


@record
class PowersQuestion(Question):
    """Carry these exponentiations out: they take too long for the thread of an event loop.

    Asked by the methods of Diffie-Hellman in finite fields alone, one to three times a key exchange.

    Answers: a tuple of the results, in order; or a `DisconnectError` that says why not.
    """

    powers: tuple[Power, ...]


@record
class GssFailure:
    """Answer to `GssStepNeeded`: the step failed.

    Attributes:
        reason: one line for a person; not sent.
        token: what the peer is sent about it, or b"".
    """

    reason: str
    token: bytes = hidden(default=b"")


@record
class GssStepNeeded(Question):
    """Both roles, in a key exchange or a login: take the next step of a context, which may wait for a network.

    Answers: what `context.step(received)` returned; or a `GssFailure`.
    """

    context: GssContext
    received: bytes = hidden()


@record
class KeysExchanged(Event):
    """A key exchange is complete in both directions; `Connection.info` has what was agreed."""

    first: bool


@record
class DebugReceived(Event):
    """SSH_MSG_DEBUG (RFC 4253 section 11.3)."""

    message: str
    lang: str
    always_display: bool


@record
class Disconnected(Event):
    """The last event of every connection, exactly once.

    Attributes:
        error: why; None when our own `disconnect(BY_APPLICATION)` ended it, or the peer's.
        by_peer: the peer said so in SSH_MSG_DISCONNECT, or its transport went away.
    """

    error: DisconnectError | None
    by_peer: bool


# ---------------------------------------------------------------- authentication, server


@record
class AuthPolicy:
    """Answer to `AuthBegin`.

    Attributes:
        required: False lets the user in at once.
        methods: the names of the methods that may continue, in order (without "none").
        publickey_algorithms, hostbased_algorithms: what is taken of the user, and of hosts that vouch, by whole names:
            one for certificates is another (X.509 of users is not meant). None: as the settings say.
    """

    required: bool
    methods: tuple[str, ...] = ()
    publickey_algorithms: tuple[str, ...] | None = None
    hostbased_algorithms: tuple[str, ...] | None = None


@record
class Partial:
    """Answer to an authentication question: right, but more is needed (RFC 4252 section 5.1)."""

    methods: tuple[str, ...]


@record
class PasswordExpired:
    """Answer to `PasswordQuestion`: ask the client for a new password (RFC 4252 section 8)."""

    prompt: str
    lang: str = "en-US"


@record
class Challenge:
    """Answer to a keyboard-interactive question: ask this next (RFC 4256 section 3.2).

    Attributes:
        prompts: pairs of the prompt and whether the answer may be echoed.
    """

    name: str = ""
    instructions: str = ""
    lang: str = ""
    prompts: tuple[tuple[str, bool], ...] = ()


@record
class AuthBegin(Question):
    """Server: the first request for this user name (and again when the name changes).

    Answers: an `AuthPolicy`. Anything else: every method is refused.
    """

    username: str


@record
class PublicKeyQuestion(Question):
    """Server: may this key log this user in (RFC 4252 section 7)?

    Attributes:
        shown: what `key_blob` is.
        verified: False for a query without a signature; True when the signature is there and
            right. A wrong signature is refused without a question.
        proof: what the signature proves; of a security key, perhaps not enough.

    Answers: True, False or `Partial`.
    """

    username: str
    algorithm: str
    key_blob: bytes
    shown: Shown
    verified: bool
    proof: Proof = Proof.KEY


@record
class PasswordQuestion(Question):
    """Server: is this the user's password (RFC 4252 section 8)?

    Attributes:
        new_password: set when the client changes an expired password.

    Answers: True, False, `Partial` or `PasswordExpired`.
    """

    username: str
    password: str = hidden()
    new_password: str | None = hidden()


@record
class KbdintQuestion(Question):
    """Server: keyboard-interactive was asked for (RFC 4256 section 3.1).

    Answers: a `Challenge`, True, False or `Partial`.
    """

    username: str
    lang: str
    submethods: str


@record
class KbdintResponses(Question):
    """Server: the answers to the last `Challenge`, as many as it had prompts.

    Answers: another `Challenge`, True, False or `Partial`.
    """

    username: str
    responses: tuple[str, ...] = hidden()


@record
class GssPrincipalQuestion(Question):
    """Server: may whom this context stands for log in as this user (RFC 4462 section 3.2)?

    The signature that binds the login to the session is verified before this is asked.

    Answers: True, False or `Partial`.
    """

    username: str
    method: str
    context: GssContext


@record
class HostbasedQuestion(Question):
    """Server: may this user of that host log in as this one (RFC 4252 section 9)?

    The signature is there and right: a wrong one is refused without a question.

    Attributes:
        key_blob: the key of the client's host, or its certificate.
        client_host: the name that the client gives its host, as it came.
        client_username: who it says its user is there.

    Answers: True, False or `Partial`.
    """

    username: str
    algorithm: str
    key_blob: bytes
    client_host: str
    client_username: str


# ---------------------------------------------------------------- authentication, client


@record
class GssAttempt:
    """Answer to `AuthNeeded`: try GSS-API.

    Attributes:
        method: "gssapi-with-mic", or, after a key exchange of GSS-API, "gssapi-keyex".
    """

    method: str


@record
class PublicKeyAttempt:
    """Answer to `AuthNeeded`: try this key.

    Attributes:
        algorithm: the signature algorithm, as "rsa-sha2-512".
        key_blob: the public key.
        query: ask whether the key would do before signing (RFC 4252 section 7).
    """

    algorithm: str
    key_blob: bytes
    query: bool = True


@record
class PasswordAttempt:
    """Answer to `AuthNeeded`: try this password."""

    password: str = hidden()


@record
class KbdintAttempt:
    """Answer to `AuthNeeded`: start a keyboard-interactive dialogue."""

    submethods: str = ""


@record
class HostbasedAttempt:
    """Answer to `AuthNeeded`: have this host vouch for its user.

    Attributes:
        algorithm: the signature algorithm.
        key_blob: the public key of the host, or its certificate.
        client_host: the name of the host.
        client_username: its user.
    """

    algorithm: str
    key_blob: bytes
    client_host: str
    client_username: str


@record
class AuthNeeded(Question):
    """Client: the server wants (more) authentication. Asked after every refusal.

    Attributes:
        methods: what may continue, in the server's order.
        partial: the attempt before this one was right, but more is needed.
        password_changed: the attempt before this one was a password change that was accepted
            (True) or refused (False); None when it was no password change.

    Answers: one of the `…Attempt` classes; None gives up (`PermissionDenied`).
    """

    methods: tuple[str, ...]
    partial: bool
    password_changed: bool | None = None


@record
class SignatureNeeded(Question):
    """Client: sign `data` with the key of the attempt under way.

    Answers: the whole signature blob (bytes); None gives this attempt up, and `AuthNeeded` comes
    again.
    """

    algorithm: str
    key_blob: bytes
    data: bytes = hidden()


@record
class PasswordChangeQuestion(Question):
    """Client: the password has expired.

    Answers: the pair (old password, new password); None gives this attempt up.
    """

    prompt: str
    lang: str


@record
class KbdintChallenge(Question):
    """Client: the server asks these (RFC 4256 section 3.2).

    Answers: a sequence of str, as many as there are prompts (empty for none); None gives this
    attempt up.
    """

    name: str
    instructions: str
    lang: str
    prompts: tuple[tuple[str, bool], ...]


@record
class BannerReceived(Event):
    """Client: SSH_MSG_USERAUTH_BANNER (RFC 4252 section 5.4). The peer's text, not sanitised."""

    message: str
    lang: str


@record
class AuthSucceeded(Event):
    """Both roles: the user is authenticated.

    Attributes:
        method: the method that ended it: "none", "publickey", …
        key_blob: for "publickey": the key whose signature was verified.
    """

    username: str
    method: str
    key_blob: bytes | None = None


@record
class KeyRefused(Event):
    """Server: a key or certificate was refused unasked, for what it is (SHA-1, damaged, of another type) or for its signature.

    Attributes:
        algorithm: the peer's word for it.
        reason: what is wrong with it, in words that may be the peer's in part.
    """

    username: str
    algorithm: str
    reason: str = ""


# ---------------------------------------------------------------- connection


@record
class OpenAccept:
    """Answer to `ChannelOpenQuestion`.

    Attributes:
        window: bytes that the peer may send at first; lent from the connection's budget.
        max_packet: the largest data of one packet, in bytes.
    """

    window: int
    max_packet: int
    data: bytes = b""


@record
class OpenRefuse:
    """Answer to `ChannelOpenQuestion` (RFC 4254 section 5.1)."""

    code: int
    reason: str
    lang: str = "en-US"


@record
class ChannelOpenQuestion(Question):
    """The peer wants to open a channel.

    Attributes:
        channel: the number it will have on our side.
        kind: "session", "direct-tcpip", …
        payload: the decoded payload class of `nacre.wire.requests` where the kind is known, else
            the undecoded bytes.

    Answers: `OpenAccept` or `OpenRefuse`. After `OpenAccept` the channel exists when `answer`
    returns.
    """

    channel: int
    kind: str
    payload: Any


@record
class ChannelOpened(Event):
    """Our open was confirmed; data may flow."""

    channel: int
    payload: bytes


@record
class ChannelOpenFailed(Event):
    """Our open was refused; the number is free again."""

    channel: int
    code: int
    reason: str
    lang: str


@record
class ChannelData(Event):
    """Data of a channel. Call `Connection.consumed` when the application has taken it.

    Attributes:
        datatype: None, or the type of extended data (1: stderr).
    """

    channel: int
    data: bytes
    datatype: int | None


@record
class ChannelEOF(Event):
    """The peer sends no more data on this channel."""

    channel: int


@record
class ChannelClosed(Event):
    """The channel is closed in both directions and its number is free again.

    Comes once for each channel that was opened, also when the connection goes.
    """

    channel: int


@record
class ChannelWritable(Event):
    """`channel_write` would take bytes again, after it had taken fewer than it was given."""

    channel: int


@record
class ChannelRequestQuestion(Question):
    """The peer asks something of a channel (RFC 4254 section 5.4).

    Attributes:
        payload: the decoded payload class of `nacre.wire.requests` where the name is known, else
            the undecoded bytes.
        want_reply: whether the answer is sent.
        begun: what the channel's hearer has returned of it; None where it has none.

    Answers: True or False. Needed also where `want_reply` is False: it opens the lane again.
    """

    channel: int
    name: str
    payload: Any
    want_reply: bool
    begun: Any = hidden(default=None)


@record
class ChannelReply(Event):
    """The answer to our oldest unanswered `channel_request(…, want_reply=True)` on this channel."""

    channel: int
    success: bool


@record
class GlobalRequestQuestion(Question):
    """The peer asks something of the connection (RFC 4254 section 4).

    Answers: False; True; or bytes, the data of the success reply.
    """

    name: str
    payload: Any
    want_reply: bool


@record
class GlobalReply(Event):
    """The answer to our oldest unanswered `global_request(…, want_reply=True)`."""

    success: bool
    data: bytes
