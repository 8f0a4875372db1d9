"""A FIDO authenticator in software: what a security key answers to CTAP2's commands (CTAP 2.1).

Owns: the answers, byte for byte as hardware gives them, so that the package `fido2` runs whole. Must not know:
SSH, or what nacre asks.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from fido2 import cbor
from fido2.ctap import CtapDevice
from fido2.ctap2.pin import PinProtocolV2
from fido2.hid import CAPABILITY

from nacre.keys import SSHKey, generate_private_key

_AAGUID = bytes(range(16))
_UP, _UV, _AT = 0x01, 0x04, 0x40
_MAKE_CREDENTIAL, _GET_ASSERTION, _GET_INFO, _CLIENT_PIN, _MANAGEMENT = 0x01, 0x02, 0x04, 0x06, 0x0A
_UNSUPPORTED, _NO_CREDENTIALS, _TIMEOUT, _PIN_INVALID, _AUTH_INVALID, _PIN_NEEDED = (
    0x26,
    0x2E,
    0x2F,
    0x31,
    0x33,
    0x36,
)

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class _Refusal(Exception):
    """An answer that is an error."""


class _Credential:
    def __init__(self, application: str, user: dict[str, Any], key: PrivateKey) -> None:
        self.identifier = os.urandom(24)
        self.application = application
        self.user = user
        self.key = key
        self.protection = 1

    @property
    def cose(self) -> dict[int, Any]:
        public = self.key.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            return {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
        numbers = public.public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def _new_key(algorithm: int) -> PrivateKey:
    return (
        ed25519.Ed25519PrivateKey.generate() if algorithm == -8 else ec.generate_private_key(ec.SECP256R1())
    )


class SoftwareAuthenticator(CtapDevice):
    """A security key.

    Args:
        pin: its PIN, if it has one.
        algorithms: of COSE, that it can make keys of.

    Attributes:
        touches: how often it has waited for a touch.
        is_touched: whether somebody is there to touch it.
        protects: whether it can keep keys from whoever it has not verified (credProtect).
        lies: changes the flags that it reports and signs.
    """

    def __init__(self, pin: str | None = None, algorithms: tuple[int, ...] = (-7, -8)) -> None:
        self.touches = 0
        self.is_touched = True
        self.protects = True
        self.lies: Callable[[int], int] = lambda flags: flags
        self._pin = pin
        self._algorithms = algorithms
        self._counter = 0x12345678
        self._credentials: dict[bytes, _Credential] = {}
        self._resident: list[_Credential] = []
        self._agreement = ec.generate_private_key(ec.SECP256R1())
        self._token = os.urandom(32)
        self._listed: Iterator[dict[int, Any]] = iter(())
        self._commands = {
            _GET_INFO: self._info,
            _MAKE_CREDENTIAL: self._make,
            _GET_ASSERTION: self._assert,
            _CLIENT_PIN: self._client_pin,
            _MANAGEMENT: self._manage,
        }

    @property
    def capabilities(self) -> int:
        return CAPABILITY.CBOR

    @classmethod
    def list_devices(cls) -> Iterator[CtapDevice]:
        return iter(())

    def call(self, cmd: int, data: bytes = b"", event: object = None, on_keepalive: object = None) -> bytes:
        request = cbor.decode(data[1:]) if data[1:] else {}
        try:
            return b"\0" + cbor.encode(self._commands[data[0]](request))
        except _Refusal as refusal:
            return bytes(refusal.args)

    def plugged_in(self, *others: SoftwareAuthenticator) -> AbstractContextManager[Any]:
        """Have programs find it, and others behind it."""
        return plugged_in(self, *others)

    def forget(self) -> None:
        """Have another key wherever it had one."""
        for credential in self._credentials.values():
            credential.key = _new_key(credential.cose[3])

    def _info(self, request: dict[int, Any]) -> dict[int, Any]:
        options = {
            "rk": True,
            "up": True,
            "credMgmt": True,
            "clientPin": bool(self._pin),
            "pinUvAuthToken": True,
        }
        return {
            1: ["FIDO_2_0", "FIDO_2_1"],
            2: ["credProtect"] if self.protects else [],
            3: _AAGUID,
            4: dict(sorted(options.items(), key=_canonical)),
            5: 2048,
            6: [2],
        }

    def _touch(self) -> int:
        self.touches += 1
        if not self.is_touched:
            raise _Refusal(_TIMEOUT)
        return _UP

    def _verified(self, proof: bytes | None, data: bytes) -> int:
        if proof is None:
            return 0
        if not hmac.compare_digest(proof, hmac.digest(self._token, data, "sha256")):
            raise _Refusal(_AUTH_INVALID)
        return _UV

    def _authenticator_data(self, application: str, flags: int, rest: bytes = b"") -> bytes:
        self._counter += 1
        flags = self.lies(flags)
        return (
            hashlib.sha256(application.encode()).digest()
            + bytes([flags])
            + self._counter.to_bytes(4, "big")
            + rest
        )

    def _make(self, request: dict[int, Any]) -> dict[int, Any]:
        wanted = [entry["alg"] for entry in request[4] if entry["alg"] in self._algorithms]
        if not wanted:
            raise _Refusal(_UNSUPPORTED)
        if self._pin and 8 not in request:
            raise _Refusal(_PIN_NEEDED)
        flags = self._touch() | self._verified(request.get(8), request[1]) | _AT
        made = _Credential(request[2]["id"], request[3], _new_key(wanted[0]))
        made.protection = request.get(6, {}).get("credProtect", 1)
        self._credentials[made.identifier] = made
        if request.get(7, {}).get("rk"):
            self._resident.append(made)
        size = len(made.identifier).to_bytes(2, "big")
        rest = _AAGUID + size + made.identifier + cbor.encode(made.cose)
        return {1: "none", 2: self._authenticator_data(made.application, flags, rest), 3: {}}

    def _assert(self, request: dict[int, Any]) -> dict[int, Any]:
        named = [self._credentials.get(entry["id"]) for entry in request[3]]
        found = next((entry for entry in named if entry and entry.application == request[1]), None)
        if found is None:
            raise _Refusal(_NO_CREDENTIALS)
        flags = self._verified(request.get(6), request[2])
        if found.protection == 3 and not flags & _UV:
            raise _Refusal(_NO_CREDENTIALS)
        if request.get(5, {}).get("up", True):
            flags |= self._touch()
        said = self._authenticator_data(found.application, flags)
        return {1: {"id": found.identifier, "type": "public-key"}, 2: said, 3: found.sign(said + request[2])}

    def _client_pin(self, request: dict[int, Any]) -> dict[int, Any]:
        if request[2] == 2:
            numbers = self._agreement.public_key().public_numbers()
            coordinates = {-2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
            return {1: {1: 2, 3: -25, -1: 1, **coordinates}}
        peer = ec.EllipticCurvePublicNumbers(
            int.from_bytes(request[3][-2], "big"), int.from_bytes(request[3][-3], "big"), ec.SECP256R1()
        )
        protocol = PinProtocolV2()
        secret = protocol.kdf(self._agreement.exchange(ec.ECDH(), peer.public_key()))
        digest = hashlib.sha256((self._pin or "").encode()).digest()[:16]
        if not self._pin or protocol.decrypt(secret, request[6]) != digest:
            raise _Refusal(_PIN_INVALID)
        return {2: protocol.encrypt(secret, self._token)}

    def _manage(self, request: dict[int, Any]) -> dict[int, Any]:
        if request[1] == 4:
            self._verified(request[4], b"\4" + cbor.encode(request[2]))
            wanted = request[2][1]
            found = [
                entry
                for entry in self._resident
                if hashlib.sha256(entry.application.encode()).digest() == wanted
            ]
            self._listed = iter(
                [{6: e.user, 7: {"id": e.identifier, "type": "public-key"}, 8: e.cose} for e in found]
            )
            if not found:
                raise _Refusal(_NO_CREDENTIALS)
            return {**next(self._listed), 9: len(found)}
        return next(self._listed)


def _canonical(item: tuple[str, object]) -> tuple[int, str]:
    return len(item[0]), item[0]


def plugged_in(*devices: SoftwareAuthenticator) -> AbstractContextManager[Any]:
    """Have programs find these authenticators, and no others."""
    found = mock.Mock(side_effect=lambda: iter(devices))
    return mock.patch("fido2.hid.CtapHidDevice.list_devices", found)


def any_key(algorithm: str, **how: Any) -> SSHKey:
    """Return a new private key of any type: a security key is made in an authenticator of its own."""
    if not algorithm.startswith("sk-"):
        return generate_private_key(algorithm, **how)
    with SoftwareAuthenticator().plugged_in():
        return generate_private_key(algorithm, **how)
