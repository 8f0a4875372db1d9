"""What a server does for a request of authentication, and what can be seen of it: for users who are and are not there.

Owns: a program that knows one user, the requests of each method, and the list of all that is done for one:
each call of nacre's and of a library below it, with the sizes of what it is given. Must not know: which
requests are compared.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import nacre
from nacre import gss
from nacre.crypto.kex.gss import with_mechanism
from nacre.errors import GssError
from nacre.keys import X509_ALGORITHMS, default_signature_algorithms
from nacre.keys.sk import SK_ECDSA, SK_ED25519
from nacre.keys.webauthn import WEBAUTHN, client_data_start
from nacre.keys.x509 import X509Chain
from nacre.options import SSHServerConnectionOptions
from nacre.protocol import events
from nacre.protocol.settings import Role, Settings
from nacre.server_auth import ServerAuthenticator
from nacre.trust.authorized_keys import import_authorized_keys
from nacre.wire.auth import HOSTBOUND
from nacre.wire.gss import KEYEX, WITH_MIC
from nacre.wire.record import record
from tests.pair.damage import string, uint32, userauth
from tests.pair.ends import HOST_KEY, LATER, Pair
from tests.pair.stage import Stage
from tests.security import hostile
from tests.security.expectations import Phase
from tests.security.restricted import now
from tests.support.gss import ANSWERS, MECHANISM, Gss, client_gss, step
from tests.support.gss import Context as FakeContext

SOURCES = str(Path(nacre.__file__).parent)
USER, NOBODY = "alice", "bobby"  # of one length, which may show
EVERYBODY = (USER, NOBODY, "carol", "root1")
SECRET = "correct horse"
CA, OTHER_CA = (nacre.generate_private_key("ssh-ed25519") for _ in range(2))
#: The public keys of alice that are in authenticators of hers, by type.
SECURITY_KEYS: Final = {
    name: nacre.generate_private_key(inner)
    for name, inner in ((SK_ED25519, "ssh-ed25519"), (SK_ECDSA, "ecdsa-sha2-nistp256"))
}
OTHERS_KEYS: Final = {name: nacre.generate_private_key(key.algorithm) for name, key in SECURITY_KEYS.items()}
APPLICATION: Final = b"ssh:"
#: What vouches by X.509, and what does not.
ROOT, OTHER_ROOT, LEAF = (nacre.generate_private_key("ecdsa-sha2-nistp256") for _ in range(3))
ROOT_NAME: Final = "O=Example,CN=root"
ROOT_CERTIFICATE: Final = ROOT.generate_x509_ca_certificate(ROOT, ROOT_NAME)
#: Whom the X.509 authority names; of all others the program is asked.
LINES: Final = import_authorized_keys(b"cert-authority " + ROOT_CERTIFICATE.export_certificate("openssh"))
SETTINGS: Final = Settings(
    host_keys=(HOST_KEY,), signature_algorithms=(*default_signature_algorithms(), *X509_ALGORITHMS)
)
LOGGER = logging.LoggerAdapter(logging.getLogger("nacre.test"), {})


def public_of(name: str, inner: nacre.SSHKey) -> bytes:
    """The public data of a security key of this type around another key (OpenSSH's PROTOCOL.u2f)."""
    return string(name.encode()) + inner.encode_ssh_public() + string(APPLICATION)


OF_ALICE: Final = tuple(public_of(name, inner) for name, inner in SECURITY_KEYS.items())


class Program(nacre.SSHServer):
    """Knows one user, whose password and key it compares for everybody."""

    def password_auth_supported(self) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def change_password(self, username: str, old_password: str, new_password: str) -> bool:
        return (username == USER) & (old_password == SECRET)

    def validate_password(self, username: str, password: str) -> bool:
        return (username == USER) & (password == SECRET)

    def validate_public_key(self, username: str, key: nacre.SSHKey) -> bool:
        return (username == USER) & (key.public_data in (hostile.KEYS["A"].public_data, *OF_ALICE))

    def host_based_auth_supported(self) -> bool:
        return True

    def validate_host_public_key(self, client_host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
        return key.public_data == hostile.KEYS["A"].public_data

    def validate_host_ca_key(self, client_host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
        return key.public_data == CA.public_data

    def validate_host_based_user(self, username: str, client_host: str, client_username: str) -> bool:
        return (username == USER) & (client_username == "root")

    def validate_ca_key(self, username: str, key: nacre.SSHKey) -> bool:
        return (username == USER) & (key.public_data == CA.public_data)


class Talking(Program):
    """Asks for the password in words of its own, in two rounds for everybody."""

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Who?", True)]

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        if responses == ["go on"]:
            return "", "", "", [("Password?", False)]
        return (username == USER) & (responses == [SECRET])


@contextmanager
def calls(into: list[str]) -> Iterator[None]:
    """Write down every function that is called from nacre's files, and how long what it is given is."""

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(SOURCES):
            given = (value for value in frame.f_locals.values() if isinstance(value, (str, bytes)))
            into.append(f"{frame.f_code.co_qualname} {[len(value) for value in given]}")
        elif event == "c_call" and frame.f_code.co_filename.startswith(SOURCES):
            into.append(getattr(argument, "__qualname__", repr(argument)))

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


def answers(server: nacre.SSHServer) -> dict[type[events.Event], Any]:
    """The answers of nacre's authenticator for a program."""
    # No resolver is asked.
    options = SSHServerConnectionOptions(trust_client_host=True, authorized_client_keys=LINES)
    authenticator = ServerAuthenticator(options, server, "203.0.113.9", LOGGER)

    def of(ask: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda event: now(ask(event))

    return {
        events.AuthBegin: of(authenticator.begin),
        events.PublicKeyQuestion: of(authenticator.public_key),
        events.HostbasedQuestion: of(authenticator.host_based),
        events.PasswordQuestion: of(authenticator.password),
        events.KbdintQuestion: of(authenticator.begin_dialogue),
        events.KbdintResponses: of(authenticator.answer_dialogue),
        events.GssPrincipalQuestion: of(authenticator.principal),
    }


Request = Callable[[Stage, str], bytes]


def seen(server: nacre.SSHServer, user: str, *requests: Request) -> tuple[Any, ...]:
    """What can be seen of the answers to some requests of one connection, and what was done for them."""
    stage = Stage(Role.SERVER, settings=SETTINGS, answers=answers(server)).to(Phase.WAIT_AUTH)
    done: list[str] = []
    sent = []
    for request in requests:
        payload = request(stage, user)
        stage.raw.send(payload)
        heard = stage.raw.output()
        with calls(done):
            stage.end.feed(heard)
            said = stage.end.output()
        stage.raw.feed(said)
        sent += [len(said), *stage.raw.take()]
    return sent, done, stage.end.connection.closed


# ---------------------------------------------------------------- passwords, and none


def other(method: bytes) -> Request:
    return lambda stage, user: userauth(method, b"", user.encode())


def password(text: str) -> Request:
    return lambda stage, user: userauth(b"password", b"\0" + string(text.encode()), user.encode())


def changed(old: str) -> Request:
    data = b"\1" + string(old.encode()) + string(b"newer")
    return lambda stage, user: userauth(b"password", data, user.encode())


def dialogue(stage: Stage, user: str) -> bytes:
    return userauth(b"keyboard-interactive", string(b"") * 2, user.encode())


def saying(text: str) -> Request:
    return lambda stage, user: b"\x3d" + uint32(1) + string(text.encode())


# ---------------------------------------------------------------- keys and certificates


@record
class Shown:
    """What a client shows: by which algorithm, in which bytes, and how it signs."""

    algorithm: str
    blob: bytes
    sign: Callable[[bytes], bytes]

    def asked(self) -> Request:
        """Ask whether it would do."""
        data = b"\0" + string(self.algorithm.encode()) + string(self.blob)
        return lambda stage, user: userauth(b"publickey", data, user.encode())

    def proved(self, *, wrongly: bool = False, to: nacre.SSHKey | None = None) -> Request:
        """Log in with it; the signature may be wrong, and bound to a host key."""
        method = (HOSTBOUND if to else "publickey").encode()
        data = b"\1" + string(self.algorithm.encode()) + string(self.blob)
        data += string(to.public_data) if to else b""

        def request(stage: Stage, user: str) -> bytes:
            body = userauth(method, data, user.encode())
            return body + string(_signed(self.sign, stage, body, wrongly=wrongly))

        return request


def _signed(sign: Callable[[bytes], bytes], stage: Stage, body: bytes, *, wrongly: bool) -> bytes:
    made = sign(string(stage.raw.session_id) + body)
    middle = len(made) // 2
    return made[:middle] + bytes([made[middle] ^ 1]) + made[middle + 1 :] if wrongly else made


def _signature(key: nacre.SSHKey, data: bytes) -> bytes:
    """Sign; those of ECDSA have different sizes, and one of them will do."""
    name = key.algorithm
    while True:
        made = key.sign(data, name)
        if name != "ecdsa-sha2-nistp256" or len(made) == 4 + len(name) + 4 + 2 * (4 + 33):
            return made


def key(name: str) -> Shown:
    """One of the keys of the tests, "A" of which is alice's."""
    known = hostile.KEYS[name]
    return Shown(known.algorithm, known.public_data, lambda data: _signature(known, data))


def certificate(*names: str, authority: nacre.SSHKey = CA) -> Shown:
    """A certificate of key A for these names."""
    known = hostile.KEYS["A"]
    made = authority.generate_user_certificate(known, "id", principals=names)
    return Shown(made.algorithm, made.public_data, lambda data: _signature(known, data))


def security_key(name: str, inner: nacre.SSHKey, *, flags: int = 1) -> Shown:
    """A security key, which has been touched or not; as sshd takes its signatures (PROTOCOL.u2f)."""

    def sign(data: bytes) -> bytes:
        tail = bytes((flags,)) + uint32(7)
        over = hashlib.sha256(APPLICATION).digest() + tail + hashlib.sha256(data).digest()
        return string(name.encode()) + _inner(inner, over) + tail

    return Shown(name, public_of(name, inner), sign)


def browser(inner: nacre.SSHKey) -> Shown:
    """The same, in the words of a browser."""
    origin = b"https://example"

    def sign(data: bytes) -> bytes:
        text = client_data_start(data, origin) + b"}"
        tail = b"\1" + uint32(7)
        over = hashlib.sha256(APPLICATION).digest() + tail + hashlib.sha256(text).digest()
        return (
            string(WEBAUTHN.encode())
            + _inner(inner, over)
            + tail
            + string(origin)
            + string(text)
            + string(b"")
        )

    return Shown(WEBAUTHN, public_of(SK_ECDSA, inner), sign)


def _inner(inner: nacre.SSHKey, data: bytes) -> bytes:
    """Return the signature of the key inside, without the name of its algorithm."""
    return _signature(inner, data)[4 + len(inner.algorithm) :]


def chain(*names: str, authority: nacre.SSHKey = ROOT) -> Shown:
    """An X.509 certificate for these names."""
    leaf = authority.generate_x509_user_certificate(
        LEAF, "O=Example,CN=x", ROOT_NAME, principals=names, serial=7
    )
    made = X509Chain([leaf])
    return Shown(made.algorithm, made.public_data, lambda data: made.renamed(_signature(LEAF, data)))


def vouched(
    name: str, client_user: str, *, authority: nacre.SSHKey | None = None, wrongly: bool = False
) -> Request:
    """A login by a host with this key, or with a certificate for it, whose user has this name."""
    host = hostile.KEYS[name]
    shown = authority.generate_host_certificate(host, "id", principals=["h"]) if authority else host
    data = string(shown.algorithm.encode()) + string(shown.public_data)
    data += string(b"h.") + string(client_user.encode())

    def request(stage: Stage, user: str) -> bytes:
        body = userauth(b"hostbased", data, user.encode())
        return body + string(_signed(lambda over: _signature(host, over), stage, body, wrongly=wrongly))

    return request


# ---------------------------------------------------------------- GSS-API


class Ticket(gss.Context):
    """A context of a client who has proved to be carol, in one step; what it signs is HMAC."""

    initiator = "carol@EXAMPLE.ORG"
    acceptor = "host/h@EXAMPLE.ORG"
    mutual = integrity = True
    complete = False

    def __init__(self, made: FakeContext) -> None:
        super().__init__(lambda: None)  # type: ignore[arg-type,return-value]  # the library's own is not used
        self._made = made

    def step(self, token: bytes) -> bytes:
        answer = self._made.step(token)
        self.complete = self._made.complete  # type: ignore[misc]  # a property there
        return answer

    def sign(self, data: bytes) -> bytes:
        return self._made.sign(data)

    def verify(self, data: bytes, mic: bytes) -> bool:
        return self._made.verify(data, mic)


def spoil(context: Any) -> None:
    """Have a context of the client sign with another secret from now on."""
    if context is not None:
        context.__dict__["_secret"] = b"other"


def by_ticket(
    user: str, method: str, *, wrongly: bool = False, fails: GssError | None = None
) -> tuple[Any, ...]:
    """As `seen`, for a login by GSS-API whose signature may be wrong, or whose step may fail on the server."""
    how = {"kex_algorithms": (with_mechanism("gss-curve25519-sha256", MECHANISM),)} if method == KEYEX else {}
    ours = answers(Program())

    def begin(event: events.AuthBegin) -> events.AuthPolicy:
        policy = ours[events.AuthBegin](event)
        return events.AuthPolicy(required=True, methods=(KEYEX, WITH_MIC, *policy.methods))

    tries: list[Any] = [LATER]
    pair = Pair(
        client=Settings(username=user, gss=client_gss(), **how),
        server=Settings(host_keys=(HOST_KEY,), gss=Gss(lambda: Ticket(FakeContext(1, fails=fails))), **how),
        client_answers={**ANSWERS, events.AuthNeeded: lambda event: tries.pop() if tries else None},
        server_answers={**ANSWERS, **ours, events.AuthBegin: begin},
    ).start()
    sent: list[int] = []
    pair.split = lambda data: (sent.append(len(data)), (data,))[1]
    done: list[str] = []
    (asked,) = pair.client.of(events.AuthNeeded)
    if wrongly:
        pair.client.answers[events.GssStepNeeded] = lambda event: (spoil(event.context), step(event))[1]
        spoil(pair.client.connection.info.gss)
    with calls(done):
        pair.client.connection.answer(asked.token, events.GssAttempt(method))
        pair.run()
    return sent, done, pair.server.of(events.AuthSucceeded)
