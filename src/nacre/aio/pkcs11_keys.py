"""Keys on tokens that a PKCS#11 library reaches: smart cards, hardware modules, SoftHSM.

Owns: everything that is said to such a library, through the package `python-pkcs11` (extra `nacre[pkcs11]`),
sessions with tokens, and the errors in words. Must not know: what the keys are for.

A library is the program's or its user's choice, for its code runs in this process: nothing from the network
names one. All calls to one library come one after the other, whatever thread they come from: most are
initialised for no more, and a token does one thing at a time anyway. What is hashed is hashed here, so that
a token needs the oldest mechanisms alone, as with OpenSSH.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from nacre.crypto.constant_time import equal
from nacre.errors import KeyImportError
from nacre.keys import KEY_TYPES, SSHKey, SSHKeyPair
from nacre.keys.files import FilePath, name_of
from nacre.keys.x509 import SSHX509Certificate, load_der
from nacre.wire.fields import Reader, encode_mpint, encode_string

__all__ = ["SSHPKCS11KeyPair", "load_pkcs11_keys"]

#: The curves by what EC_PARAMS says: the object identifier, in DER.
_CURVES: Final = {
    bytes.fromhex("06082a8648ce3d030107"): "nistp256",
    bytes.fromhex("06052b81040022"): "nistp384",
    bytes.fromhex("06052b81040023"): "nistp521",
}
#: The same for Ed25519: the identifier of RFC 8410, and the name that older libraries write.
_ED25519: Final = (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519")
_HASHES: Final = {
    "rsa-sha2-256": "sha256",
    "rsa-sha2-512": "sha512",
    "ecdsa-sha2-nistp256": "sha256",
    "ecdsa-sha2-nistp384": "sha384",
    "ecdsa-sha2-nistp521": "sha512",
}
#: What stands before a hash in an RSA signature (RFC 8017 section 9.2, note 1).
_DIGEST_INFO: Final = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
_OCTET_STRING: Final = 0x04

#: One call at a time, to any library: they may share the hardware.
_TURN: Final = threading.RLock()


@contextmanager
def _asking(doing: str) -> Iterator[None]:
    """Ask a token for something; what goes wrong is one line that says what was being done."""
    from pkcs11.exceptions import PKCS11Error

    try:
        with _TURN:
            yield
    except PKCS11Error as error:
        raise KeyImportError(f"{doing}: {_words(error)}") from None


def _words(error: Exception) -> str:
    hints = {
        "PinIncorrect": "the PIN is wrong",
        "PinLocked": "the PIN is locked after too many wrong ones",
        "PinInvalid": "the PIN is wrong",
        "PinLenRange": "the PIN has not the right length",
        "UserNotLoggedIn": "the token asks for its PIN: give pkcs11_pin",
        "TokenNotPresent": "the token is not there any more",
        "DeviceRemoved": "the token is not there any more",
    }
    name = type(error).__name__
    return hints.get(name, f"the token answers {name}{f': {error}' if str(error) else ''}")


class _Token:
    """An open session with a token; it ends when no key of it is left."""

    def __init__(self, slot: Any, pin: str | None) -> None:
        with _asking(f"opening the token {slot.label!r}"):
            session = slot.open(user_pin=pin)
        self.session = session
        self._pin = pin
        weakref.finalize(self, _close, session)

    def is_opened_by(self, pin: str | None) -> bool:
        """Tell whether it was this PIN that has opened it."""
        return equal((self._pin or "").encode("utf-8"), (pin or "").encode("utf-8"))

    def sign(self, key: Any, data: bytes, mechanism: Any) -> bytes:
        """Have a key sign, which may ask for the PIN once more each time."""
        from pkcs11 import Attribute

        with _asking("signing"):
            again = _attribute(key, Attribute.ALWAYS_AUTHENTICATE)
            return bytes(key.sign(data, mechanism=mechanism, **({"pin": self._pin} if again else {})))


def _close(session: Any) -> None:
    """End a session whose token may be gone by now."""
    from pkcs11.exceptions import PKCS11Error

    with _TURN:
        try:
            session.close()
        except PKCS11Error:
            return


#: The tokens that are open, by library and serial number: a token knows one login of a process.
_OPEN: Final[weakref.WeakValueDictionary[tuple[str, bytes], _Token]] = weakref.WeakValueDictionary()


def _attribute(entry: Any, attribute: Any) -> Any:
    """Return an attribute of an object, or None where it has none that is told."""
    from pkcs11.exceptions import AttributeSensitive, AttributeTypeInvalid, FunctionFailed

    try:
        return entry[attribute]
    except (AttributeSensitive, AttributeTypeInvalid, FunctionFailed):
        return None


class SSHPKCS11KeyPair(SSHKeyPair):
    """A key on a token; it signs with `sign_async` of a connection, or `sign` in a thread."""

    def __init__(self, token: _Token, key: Any, public: SSHKey, comment: str) -> None:
        super().__init__(
            public.algorithm, public.public_data, public.sig_algorithms, self._sign, comment.encode("utf-8"), "pkcs11"
        )  # fmt: skip
        self.waits = True
        self._token = token
        self._handle = key
        self._public = public

    def _sign(self, data: bytes, algorithm: str) -> bytes:
        from pkcs11 import Mechanism

        if algorithm == "ssh-ed25519":
            inner = self._token.sign(self._handle, data, Mechanism.EDDSA)
        else:
            hash_name = _HASHES[algorithm]
            digest = hashlib.new(hash_name, data).digest()
            if algorithm.startswith("rsa"):
                inner = self._token.sign(self._handle, _DIGEST_INFO[hash_name] + digest, Mechanism.RSA_PKCS)
            else:
                raw = self._token.sign(self._handle, digest, Mechanism.ECDSA)
                half = len(raw) // 2
                inner = b"".join(encode_mpint(int.from_bytes(part)) for part in (raw[:half], raw[half:]))
        signature = encode_string(algorithm.encode("ascii")) + encode_string(inner)
        # A miscalculated RSA signature could give the key away; any other would be refused.
        if not self._public.verify(data, signature, algorithm):
            raise ValueError("the token has made a signature that is wrong; it is not sent")
        return signature


# ---------------------------------------------------------------- finding keys


def _octets(value: bytes) -> bytes:
    """Return what an OCTET STRING of DER holds; some libraries leave it out."""
    if len(value) > 2 and value[0] == _OCTET_STRING:
        for start, size in ((2, value[1]), (3, value[2] if value[1] == 0x81 else -1)):
            if len(value) == start + size:
                return value[start:]
    return value


def _public_key(attributes: Mapping[str, Any]) -> SSHKey | None:
    """Return the public key that the attributes of an object say, or None."""
    modulus, exponent = attributes["MODULUS"], attributes["PUBLIC_EXPONENT"]
    if modulus and exponent:
        fields = (encode_mpint(int.from_bytes(number)) for number in (exponent, modulus))
        return KEY_TYPES["ssh-rsa"].decode_public(Reader(b"".join(fields)))
    params, point = attributes["EC_PARAMS"], attributes["EC_POINT"]
    if not params or not point:
        return None
    if params in _ED25519:
        return KEY_TYPES["ssh-ed25519"].decode_public(Reader(encode_string(_octets(point))))
    curve = _CURVES.get(params)
    if curve is None:
        return None
    fields_of = encode_string(curve.encode("ascii")) + encode_string(_octets(point))
    return KEY_TYPES[f"ecdsa-sha2-{curve}"].decode_public(Reader(fields_of))


def _described(entry: Any) -> dict[str, Any]:
    from pkcs11 import Attribute

    names = ("MODULUS", "PUBLIC_EXPONENT", "EC_PARAMS", "EC_POINT")
    return {name: _attribute(entry, getattr(Attribute, name)) for name in names}


def _key_pairs(
    token: _Token, label: str | None, identifier: bytes | None, *, certified: bool
) -> Iterator[SSHPKCS11KeyPair]:
    """Return the keys of a token that can sign and that SSH knows, each with its certificate before it, if it has one."""
    from pkcs11 import Attribute, ObjectClass

    wanted: dict[Any, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    if label is not None:
        wanted[Attribute.LABEL] = label
    if identifier is not None:
        wanted[Attribute.ID] = identifier
    with _asking("looking for keys"):
        for entry in list(token.session.get_objects(wanted)):
            if _attribute(entry, Attribute.SIGN) is False:
                continue
            try:
                public = _public_key(_described(entry)) or _public_beside(token, entry)
            except KeyImportError:  # a size or an encoding that is not taken; the other keys are
                continue
            if public is not None:
                comment = _attribute(entry, Attribute.LABEL) or ""
                certificate = _certificate_beside(token, entry, public) if certified else None
                if certificate is not None:
                    pair = SSHPKCS11KeyPair(token, entry, public, comment)
                    pair.set_certificate(certificate)
                    yield pair
                yield SSHPKCS11KeyPair(token, entry, public, comment)


def _certificate_beside(token: _Token, entry: Any, public: SSHKey) -> SSHX509Certificate | None:
    """Return the X.509 certificate that a token has for a key: the object with the same identifier."""
    from pkcs11 import Attribute, ObjectClass

    identifier = _attribute(entry, Attribute.ID)
    if not identifier:
        return None
    wanted = {Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.ID: identifier}
    for found in list(token.session.get_objects(wanted)):
        try:
            certificate = SSHX509Certificate(load_der(_attribute(found, Attribute.VALUE) or b""))
        except KeyImportError:  # of another kind; the key is there without
            continue
        if certificate.key.public_data == public.public_data:
            return certificate
    return None


def _public_beside(token: _Token, entry: Any) -> SSHKey | None:
    """Return the public key that a token has for a private one: the object with the same identifier."""
    from pkcs11 import Attribute, ObjectClass

    identifier = _attribute(entry, Attribute.ID)
    if not identifier:
        return None
    wanted = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.ID: identifier}
    for found in list(token.session.get_objects(wanted)):
        public = _public_key(_described(found))
        if public is not None:
            return public
    return None


def _library(provider: str) -> Any:
    try:
        import pkcs11
    except ImportError:
        raise KeyImportError(
            "PKCS#11 tokens need the package python-pkcs11: pip install 'nacre[pkcs11]'; or use ssh-add -s"
        ) from None
    try:
        with _TURN:
            return pkcs11.lib(provider)
    except (RuntimeError, OSError) as error:
        raise KeyImportError(
            f"{provider} cannot be used as a PKCS#11 library: {error or type(error).__name__}"
        ) from None


def _opened(provider: str, slot: Any, pin: str | None) -> _Token:
    """Return the session with a token, which may be open already."""
    name = (provider, bytes(slot.serial))
    with _TURN:
        token = _OPEN.get(name)
        if token is None:
            token = _OPEN[name] = _Token(slot, pin)
        elif not token.is_opened_by(pin):
            raise KeyImportError(f"the token {slot.label!r} is in use here, opened with another PIN")
    return token


def load_pkcs11_keys(
    provider: FilePath,
    pin: str | None = None,
    *,
    load_certs: bool = True,
    token_label: str | None = None,
    token_serial: str | bytes | None = None,
    key_label: str | None = None,
    key_id: str | bytes | None = None,
) -> list[SSHKeyPair]:
    """Return the keys on the tokens that a PKCS#11 library reaches: RSA, ECDSA and Ed25519.

    This waits for the hardware; where there is an event loop, call it in a thread.

    Args:
        provider: the file of the library. Its code runs in this process: take none from others.
        pin: of the tokens; without one, keys that a token shows to anybody are found.
        load_certs: take the X.509 certificates on the tokens too: such a key comes twice, first with its own.
        token_label: only the token that is called so.
        token_serial: only the token with this serial number.
        key_label: only the keys that are called so.
        key_id: only the keys with this identifier: bytes, or `str` of hexadecimal digits.

    Returns:
        The keys, for `client_keys`; none when there is no token.

    Raises:
        KeyImportError: the library cannot be used, the PIN is wrong, or the package `python-pkcs11` is missing.
        ValueError: `key_id` is not hexadecimal.
    """
    path = str(name_of(provider))
    serial = token_serial.encode("utf-8") if isinstance(token_serial, str) else token_serial
    identifier = bytes.fromhex(key_id) if isinstance(key_id, str) else key_id
    library = _library(path)
    with _asking("looking for tokens"):
        slots = list(library.get_tokens())
    pairs: list[SSHKeyPair] = []
    for slot in slots:
        # A slot that is free, for a token that is yet to be made, has no serial number.
        if (
            not slot.serial
            or token_label not in (None, slot.label)
            or serial not in (None, bytes(slot.serial))
        ):
            continue
        pairs += _key_pairs(_opened(path, slot, pin), key_label, identifier, certified=load_certs)
    return pairs
