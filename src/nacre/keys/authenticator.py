"""FIDO authenticators: making a key in one, signing with it, and listing the keys that lie there.

Owns: everything that is said to an authenticator, through the package `fido2` (extra `nacre[fido2]`), and
its errors in words. Must not know: SSH's encodings beyond the fields of a public key and a signature.

These calls wait for the hardware and for whoever is to touch it: a program with an event loop makes them in
a thread. Authenticators that speak CTAP2 are taken; those of U2F alone can be used through an agent.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from nacre.wire.fields import encode_mpint, encode_string
from nacre.wire.record import record

if TYPE_CHECKING:
    from fido2.ctap2.base import Ctap2

__all__ = ["Assertion", "Enrolled", "encode_signature", "enroll", "resident_keys", "sign"]

#: The algorithms of COSE (RFC 9053) for the keys that SSH knows.
_COSE: Final = {"ssh-ed25519": -8, "ecdsa-sha2-nistp256": -7}
_KEY_TYPES: Final = {number: name for name, number in _COSE.items()}
_ALGORITHM, _X, _Y = 3, -2, -3  # the labels of a COSE key

#: As OpenSSH has it: the name, and zeros behind it, so that two users are two keys.
_USER_ID: Final = 32

#: Of CTAP's errors (CTAP 2.1 section 8.2), those that one can do something about.
_HINTS: Final = {
    0x2E: "it does not have this key",
    0x26: "it cannot make a key of this type; try the other",
    0x27: "it was not allowed",
    0x28: "it has no room for another resident key",
    0x2F: "nobody touched it in time",
    0x31: "the PIN is wrong",
    0x32: "the PIN is blocked after too many wrong ones",
    0x34: "the PIN is blocked until it is plugged in again",
    0x35: "it has no PIN yet; set one with its maker's program",
    0x36: "it asks for its PIN",
    0x3A: "nobody touched it in time",
}


@record
class Enrolled:
    """A key in an authenticator.

    Attributes:
        key_type: the type of the key inside, such as "ssh-ed25519".
        public_fields: what follows the type in the blob of the key inside.
        key_handle: how the authenticator finds it.
        user: of a resident key, whose it is.
    """

    key_type: str
    public_fields: bytes
    key_handle: bytes
    user: str = ""


@record
class Assertion:
    """What an authenticator has signed with, and the signature in its own encoding."""

    flags: int
    counter: int
    signature: bytes


def _devices() -> list[Any]:
    """Return the authenticators that are plugged in, at least one. ValueError: there is none, or no `fido2`."""
    try:
        from fido2.hid import CtapHidDevice
    except ImportError:
        raise ValueError(
            "security keys need the package fido2: pip install 'nacre[fido2]'; or use them through ssh-agent"
        ) from None
    found: list[Any] = []
    try:
        found += CtapHidDevice.list_devices()
    except OSError as error:
        raise ValueError(f"security keys cannot be looked for: {error}") from None
    if not found:
        raise ValueError("no security key is plugged in, or this user may not use it")
    return found


@contextmanager
def _spoken(device: Any, doing: str) -> Iterator[Ctap2]:
    """Speak CTAP2 with a device; what goes wrong is one line that says what was being done."""
    from fido2.ctap import CtapError
    from fido2.ctap2.base import Ctap2

    try:
        with device:
            yield Ctap2(device)
    except CtapError as error:
        hint = _HINTS.get(int(error.code), f"it answers {error.code!s}")
        raise AuthenticatorError(f"{doing}: {hint}", int(error.code)) from None
    except (OSError, TypeError, KeyError) as error:
        raise AuthenticatorError(f"{doing}: the security key does not answer as it should: {error}") from None


class AuthenticatorError(ValueError):
    """An authenticator refused, or none could be asked.

    Attributes:
        code: CTAP's number for what went wrong; 0 when it did not say.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


#: CTAP 2.1 section 12.1, credProtect: userVerificationRequired.
_VERIFICATION_REQUIRED: Final = 3

#: There is no such key in this authenticator.
_NO_CREDENTIALS: Final = 0x2E


def _token(
    ctap: Ctap2, pin: str | bytes, permission: int, application: str | None = None
) -> tuple[Any, bytes]:
    """Return the protocol and the token that stand for a PIN."""
    from fido2.ctap2.pin import ClientPin

    client = ClientPin(ctap)
    text = pin.decode("utf-8") if isinstance(pin, bytes) else pin
    return client.protocol, client.get_pin_token(text, ClientPin.PERMISSION(permission), application)


#: CTAP 2.1 section 6.5.5.7: what a token is good for.
_MAKE, _ASSERT, _MANAGE = 0x01, 0x02, 0x04


def _public_fields(cose: Mapping[int, Any]) -> tuple[str, bytes]:
    """Return the type and the fields of a public key in COSE's form. ValueError when SSH has no such."""
    key_type = _KEY_TYPES.get(cose.get(_ALGORITHM, 0), "")
    x = cose.get(_X)
    if not key_type or not isinstance(x, bytes):
        raise AuthenticatorError("the security key has made a key that SSH does not know")
    if key_type == "ssh-ed25519":
        return key_type, encode_string(x)
    y = cose.get(_Y)
    if not isinstance(y, bytes):
        raise AuthenticatorError("the security key has made half a public key")
    return key_type, encode_string(b"nistp256") + encode_string(b"\4" + x + y)


def enroll(
    key_type: str,
    application: str,
    user: str,
    pin: str | bytes | None,
    *,
    resident: bool,
    verified: bool = False,
) -> Enrolled:
    """Have an authenticator make a key; somebody touches the one that is to be used.

    Args:
        key_type: of the key inside.
        application: what it is for.
        user: whose it is, of a resident key.
        pin: opens the authenticator.
        resident: whether the authenticator keeps the key handle too.
        verified: whether it is to sign only when it has made sure who its user is.

    Raises:
        ValueError: there is no authenticator, or it refuses.
    """
    device = _devices()[0]
    digest = hashlib.sha256(os.urandom(32)).digest()
    identity = {
        "id": user.encode("utf-8")[:_USER_ID].ljust(_USER_ID, b"\0"),
        "name": user,
        "displayName": user,
    }
    kind = {"type": "public-key", "alg": _COSE[key_type]}
    proof: dict[str, Any] = {}
    with _spoken(device, "making a key") as ctap:
        if verified:
            proof["extensions"] = _verification_of(ctap, pin)
        if pin is not None:
            protocol, token = _token(ctap, pin, _MAKE, application)
            proof["pin_uv_param"] = protocol.authenticate(token, digest)
            proof["pin_uv_protocol"] = protocol.VERSION
        made = ctap.make_credential(
            digest, {"id": application, "name": application}, identity, [kind],
            options={"rk": True} if resident else None, **proof,
        )  # fmt: skip
    credential = made.auth_data.credential_data
    if credential is None:
        raise AuthenticatorError("the security key has not said which key it made")
    found, fields = _public_fields(credential.public_key)
    if found != key_type:
        raise AuthenticatorError(f"the security key has made a key of type {found}, asked for {key_type}")
    return Enrolled(found, fields, bytes(credential.credential_id))


def _verification_of(ctap: Ctap2, pin: str | bytes | None) -> dict[str, int]:
    """Return the extension that has a key sign for its user alone, whatever the file of the key says."""
    if "credProtect" not in ctap.info.extensions:
        raise AuthenticatorError("making a key: this security key cannot see to it that its user is verified")
    if pin is None and not ctap.info.options.get("uv"):
        raise AuthenticatorError(
            "making a key: one that asks for its user takes the PIN of its authenticator"
        )
    return {"credProtect": _VERIFICATION_REQUIRED}


def sign(
    application: str, digest: bytes, key_handle: bytes, *, touch: bool, verify: bool, pin: str | bytes | None
) -> Assertion:
    """Have the authenticator sign that has a key.

    Args:
        application: what the key is for.
        digest: SHA-256 of the data.
        key_handle: which key.
        touch: whether it is to be touched.
        verify: whether it is to make sure who its user is.
        pin: by which it does; without, by a finger if it can.

    Raises:
        ValueError: no authenticator that is plugged in has the key, or it refuses.
    """
    allowed: list[Mapping[str, Any]] = [{"type": "public-key", "id": key_handle}]
    alone = "; it asks for its user: plug in its authenticator alone" if verify else ""
    refusal = ValueError(f"no security key that is plugged in has this key{alone}")
    devices = _devices()
    for device in devices:
        try:
            with _spoken(device, "signing") as ctap:
                # Is it this one? Nobody is to touch the others. One that verifies its user may not tell before.
                if (touch or verify) and not (verify and len(devices) == 1):
                    ctap.get_assertion(application, digest, allowed, options={"up": False})
                made = ctap.get_assertion(
                    application, digest, allowed, **_asked_of(ctap, application, digest, touch, verify, pin)
                )
        except AuthenticatorError as error:
            if error.code != _NO_CREDENTIALS:
                raise
            continue
        return Assertion(int(made.auth_data.flags), made.auth_data.counter, bytes(made.signature))
    raise refusal


def _asked_of(
    ctap: Ctap2, application: str, digest: bytes, touch: bool, verify: bool, pin: str | bytes | None
) -> dict[str, Any]:
    if verify and pin is not None:
        protocol, token = _token(ctap, pin, _ASSERT, application)
        return {
            "options": {"up": touch},
            "pin_uv_param": protocol.authenticate(token, digest),
            "pin_uv_protocol": protocol.VERSION,
        }
    if verify and not ctap.info.options.get("uv"):
        raise AuthenticatorError("signing: this key asks for the PIN of its authenticator; use ssh-agent")
    return {"options": {"up": touch, "uv": True} if verify else {"up": touch}}


def resident_keys(pin: str | bytes | None, application: str) -> list[Enrolled]:
    """Return the keys for an application that lie in the authenticators that are plugged in.

    Raises:
        ValueError: there is no authenticator, it refuses, or cannot say what it has.
    """
    if pin is None:
        raise AuthenticatorError("a security key tells what it has to those who know its PIN alone")
    found: list[Enrolled] = []
    for device in _devices():
        with _spoken(device, "listing resident keys") as ctap:
            found += _credentials(ctap, pin, application)
    return found


def _credentials(ctap: Ctap2, pin: str | bytes, application: str) -> Iterator[Enrolled]:
    from fido2.ctap2.credman import CredentialManagement

    manager = CredentialManagement(ctap, *_token(ctap, pin, _MANAGE))
    result = CredentialManagement.RESULT
    for entry in manager.enumerate_creds(hashlib.sha256(application.encode("utf-8")).digest()):
        try:
            key_type, fields = _public_fields(entry[result.PUBLIC_KEY])
        except AuthenticatorError:
            continue  # of another kind: some other program's
        user = str(entry[result.USER].get("name", ""))
        yield Enrolled(key_type, fields, bytes(entry[result.CREDENTIAL_ID]["id"]), user)


def encode_signature(key_type: str, signature: bytes) -> bytes:
    """Return a signature of an authenticator in the form of SSH (RFC 5656 section 3.1.2, RFC 8709 section 6).

    Raises:
        ValueError: it is no signature of this type.
    """
    if key_type == "ssh-ed25519":
        return signature
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(signature)
    return encode_mpint(r) + encode_mpint(s)
