"""Messages of GSS-API as bytes of RFC 4462, and a count that is larger than what follows."""

from __future__ import annotations

import pytest

from nacre.errors import WireError
from nacre.wire.gss import GssMechanisms, KexGssComplete, KexGssInit, UserauthGssapiToken

#: Kerberos 5 (RFC 4121 section 1), in DER.
KERBEROS = bytes.fromhex("06092a864886f712010202")


def test_the_mechanisms_of_a_login():
    encoded = bytes.fromhex("00000001 0000000b") + KERBEROS
    assert GssMechanisms((KERBEROS,)).encode() == encoded
    assert GssMechanisms.decode(encoded).mechanisms == (KERBEROS,)


@pytest.mark.parametrize("count", [1, 2, 0xFFFFFFFF])
def test_a_count_of_what_is_not_there(count):
    with pytest.raises(WireError):
        GssMechanisms.decode(count.to_bytes(4, "big"))


def test_the_key_exchange():
    assert KexGssInit(b"token", b"share").encode() == bytes.fromhex("1e 00000005") + b"token\0\0\0\5share"
    encoded = KexGssComplete(b"share", b"mic", True, b"\0\0\0\5token").encode()
    assert encoded == bytes.fromhex("20 00000005") + b"share\0\0\0\3mic\x01\0\0\0\5token"
    assert UserauthGssapiToken(b"t").encode() == b"\x3d\0\0\0\1t"
