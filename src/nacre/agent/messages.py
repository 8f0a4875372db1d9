"""The messages of the agent protocol (RFC 9987), and their bounds.

Owns: numbers, encoding, and decoding of what an agent answers. Must not know: sockets, or who asks.

An agent is trusted to sign, not to be well-behaved: what it sends may come from another machine.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

from nacre.agent.constraints import UNCONSTRAINED, Constraints, encode_constraints
from nacre.errors import WireError
from nacre.keys import SSHCertificate
from nacre.wire.fields import Reader, encode_byte, encode_string, encode_text, encode_uint32
from nacre.wire.record import record

#: Bytes of one message: OpenSSH's own bound, in both directions.
MAX_MESSAGE: Final = 256 * 1024
#: Keys of one answer: more than any server would let a client try.
MAX_KEYS: Final = 1024
#: Bytes of a comment that are kept; it is shown to people.
MAX_COMMENT: Final = 4096


class Request(IntEnum):
    """What a client asks (section 5.1)."""

    IDENTITIES = 11
    SIGN = 13
    ADD = 17
    REMOVE = 18
    REMOVE_ALL = 19
    LOCK = 22
    UNLOCK = 23
    ADD_SMARTCARD = 20
    REMOVE_SMARTCARD = 21
    ADD_CONSTRAINED = 25
    ADD_SMARTCARD_CONSTRAINED = 26
    EXTENSION = 27


class Answer(IntEnum):
    """What an agent answers."""

    FAILURE = 5
    SUCCESS = 6
    IDENTITIES = 12
    SIGNATURE = 14
    EXTENSION_FAILURE = 28
    EXTENSION_RESPONSE = 29


class SignFlags(IntFlag):
    """Which hash an RSA key signs with; without a flag it would be SHA-1."""

    NONE = 0
    RSA_SHA2_256 = 2
    RSA_SHA2_512 = 4


#: The flag that a signature algorithm needs; those of other keys need none.
SIGN_FLAGS: Final = {
    "rsa-sha2-256": SignFlags.RSA_SHA2_256,
    "rsa-sha2-512": SignFlags.RSA_SHA2_512,
}


#: Fields of a private key that go before the private ones, and that a certificate has already: the curve
#: and the point, or the two numbers. Ed25519's public key is sent all the same (OpenSSH PROTOCOL.agent).
PUBLIC_FIELDS: Final = {"ssh-ed25519": 0, "sk-ssh-ed25519@openssh.com": 0}


@record
class Identity:
    """A key that an agent has: its public blob and its comment."""

    public_data: bytes
    comment: bytes


def sign_request(public_data: bytes, data: bytes, algorithm: str) -> bytes:
    """Ask for a signature (section 5.5)."""
    flags = SIGN_FLAGS.get(algorithm, SignFlags.NONE)
    return encode_byte(Request.SIGN) + encode_string(public_data) + encode_string(data) + encode_uint32(flags)


def add_request(private_data: bytes, comment: bytes, constraints: Constraints = UNCONSTRAINED) -> bytes:
    """Hand over a private key (section 5.2).

    Args:
        private_data: the name of the key type and its fields, as in OpenSSH's private key files.
        comment: of the key.
        constraints: what it may be used for.

    Raises:
        ValueError: a constraint cannot be asked for.
    """
    terms = encode_constraints(constraints)
    number = Request.ADD_CONSTRAINED if terms else Request.ADD
    return encode_byte(number) + private_data + encode_string(comment) + terms


def add_smartcard_request(provider: str, pin: str, constraints: Constraints = UNCONSTRAINED) -> bytes:
    """Have the keys of a token taken in (section 5.2.6)."""
    terms = encode_constraints(constraints)
    number = Request.ADD_SMARTCARD_CONSTRAINED if terms else Request.ADD_SMARTCARD
    return encode_byte(number) + encode_text(provider) + encode_text(pin) + terms


def remove_smartcard_request(provider: str, pin: str) -> bytes:
    """Have the keys of a token dropped (section 5.3)."""
    return encode_byte(Request.REMOVE_SMARTCARD) + encode_text(provider) + encode_text(pin)


def certified(private: bytes, algorithm: str, certificate: SSHCertificate) -> bytes:
    """Return a private key with its certificate, as `add_request` takes it (section 5.2.5 of the draft).

    Args:
        private: the fields of the private key, as in OpenSSH's files.
        algorithm: the type of the key.
        certificate: its certificate, which has the public fields.
    """
    reader = Reader(private)
    for _ in range(PUBLIC_FIELDS.get(algorithm, 2)):
        reader.string()
    return encode_text(certificate.algorithm) + encode_string(certificate.public_data) + reader.rest()


def remove_request(public_data: bytes) -> bytes:
    """Have a key dropped (section 5.4)."""
    return encode_byte(Request.REMOVE) + encode_string(public_data)


def lock_request(number: Request, passphrase: str) -> bytes:
    """Lock or unlock an agent (section 5.7)."""
    return encode_byte(number) + encode_text(passphrase)


def extension_request(name: str, content: bytes = b"") -> bytes:
    """Ask for an extension (section 5.8)."""
    return encode_byte(Request.EXTENSION) + encode_text(name) + content


def identities(reader: Reader) -> list[Identity]:
    """Return the keys of an answer. WireError when it is damaged or has too many."""
    count = reader.uint32()
    if count > MAX_KEYS or count * 8 > reader.remaining:
        raise WireError(f"an agent announces {count} keys")
    found = [Identity(reader.string(), reader.string()[:MAX_COMMENT]) for _ in range(count)]
    reader.end()
    return found


def signature(reader: Reader, algorithm: str) -> bytes:
    """Return the signature of an answer, which must be of the algorithm that was asked for.

    An agent that does not know the flags signs with SHA-1: that is refused here, as everywhere.
    """
    blob = reader.string()
    reader.end()
    name = Reader(blob).ascii()
    if name != algorithm:
        raise WireError(f"an agent signed with {name!r}, asked for {algorithm!r}")
    return blob


def extension_names(answer: int, reader: Reader) -> list[str]:
    """Return the names that the extension `query` answers with.

    Args:
        answer: EXTENSION_RESPONSE (section 5.8.1); or SUCCESS, as the drafts before it had it.
        reader: at the content of the answer.
    """
    if answer == Answer.EXTENSION_RESPONSE and reader.string() != b"query":
        raise WireError("an agent answered to another extension")
    names = []
    while reader.remaining:
        names.append(reader.text())
    return names
