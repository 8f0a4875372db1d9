"""What clients ask of an agent: the messages of the agent protocol as they arrive (RFC 9987 section 5).

Owns: decoding of what carries keys, and the algorithm that flags stand for. Must not know: which keys there
are, sockets. What an agent answers, and what clients send, is in `nacre.agent.messages`.
"""

from __future__ import annotations

from typing import Final

from nacre.agent.constraints import Constraints, decode_constraints
from nacre.agent.messages import PUBLIC_FIELDS, SIGN_FLAGS, SignFlags
from nacre.errors import KeyImportError, WireError
from nacre.keys import KEY_TYPES, SSHKey, SSHKeyPair, decode_certificate, signature_of
from nacre.keys.algorithms import CERTIFICATE_SUFFIX
from nacre.keys.sk import SecurityKey
from nacre.keys.sshsig import MAGIC
from nacre.wire.fields import Reader, encode_string
from nacre.wire.record import hidden, record

#: What the applications of keys that were made for SSH begin with.
_OWN_APPLICATION: Final = "ssh:"
_USERAUTH_REQUEST: Final = 50
_KNOWN_FLAGS: Final = int(SignFlags.RSA_SHA2_256 | SignFlags.RSA_SHA2_512)


@record
class AddedKey:
    """A key that a client hands over."""

    pair: SSHKeyPair
    comment: bytes
    constraints: Constraints


@record
class Smartcard:
    """A token whose keys a client wants taken in."""

    provider: str
    pin: str = hidden()
    constraints: Constraints = Constraints()


def decode_added(reader: Reader) -> AddedKey:
    """Return the key of a request to add one. It may take long: the numbers of an RSA key are checked.

    Raises:
        KeyImportError: the key is not taken, or it and its certificate do not belong together.
        ConstraintRefused: a constraint cannot be kept.
        WireError: the request is damaged.
    """
    name = reader.ascii()
    certificate = None
    if name.endswith(CERTIFICATE_SUFFIX):
        certificate = decode_certificate(reader.string())
        if certificate.algorithm != name:
            raise KeyImportError(
                f"a certificate of type {certificate.algorithm} where one of {name} was announced"
            )
        name = signature_of(name)
    key_type = KEY_TYPES.get(name)
    if key_type is None:
        raise KeyImportError(f"keys of type {name!r} are not taken")
    if certificate is None:
        key = key_type.decode_private(reader, False)
    else:
        whole = Reader(_public_fields(certificate.key) + reader.rest())
        key = key_type.decode_private(whole, False)
        reader = whole
    comment = reader.string()
    constraints = decode_constraints(reader)
    key.set_comment(comment)
    pair = SSHKeyPair.from_key(key)
    if certificate is not None:
        try:
            pair.set_certificate(certificate)
        except ValueError as error:
            raise KeyImportError(str(error)) from None
    return AddedKey(pair, comment, constraints)


def _public_fields(key: SSHKey) -> bytes:
    """Return what a private key begins with and is left out where a certificate has it (section 5.2.5)."""
    reader = Reader(key.encode_ssh_public())
    fields = [encode_string(reader.string()) for _ in range(PUBLIC_FIELDS.get(key.algorithm, 2))]
    # RSA's are in another order there than in the public key: n, e.
    return b"".join(reversed(fields) if key.algorithm == "ssh-rsa" else fields)


def decode_smartcard(reader: Reader) -> Smartcard:
    """Return the token of a request to take in its keys, or to drop them.

    Raises:
        ConstraintRefused: a constraint cannot be kept.
        WireError: the request is damaged.
    """
    return Smartcard(reader.text(), reader.text(), decode_constraints(reader))


def require_ours(pair: SSHKeyPair, data: bytes) -> None:
    """Refuse to sign by a security key of another application what is neither a login nor a signature of SSH.

    Otherwise whoever may use the agent could log in to web sites by that key (ssh-agent's restriction "websafe").

    Raises:
        WireError: it is something else.
    """
    if not isinstance(pair.key, SecurityKey) or pair.key.application.startswith(_OWN_APPLICATION):
        return
    if data.startswith(MAGIC):
        return
    reader = Reader(data)
    try:
        session_id, number, _, service = reader.string(), reader.byte(), reader.text(), reader.ascii()
    except WireError:
        session_id, number, service = b"", 0, ""
    if not session_id or number != _USERAUTH_REQUEST or service != "ssh-connection":
        raise WireError("a security key of another application signs logins and signatures of SSH alone")


def algorithm_of(pair: SSHKeyPair, flags: int) -> str:
    """Return the signature algorithm that flags ask for (section 5.5.1).

    Raises:
        WireError: flags that are not known, or an RSA key without one: that would be SHA-1.
    """
    if flags & ~_KNOWN_FLAGS:
        raise WireError(f"flags that are not known: {flags:#x}")
    if not any(name in SIGN_FLAGS for name in pair.sig_algorithms):
        return pair.sig_algorithms[0]
    for name in ("rsa-sha2-256", "rsa-sha2-512"):
        if flags & SIGN_FLAGS[name] and name in pair.sig_algorithms:
            return name
    raise WireError("an RSA key signs with SHA-2 alone, and the flags do not ask for that")
