"""The rows of the history that are about certificates, whatever part of the protocol they belong to.

One test a row, without arguments: `test_faults.py` runs them again with a fault put back.
"""

from __future__ import annotations

import pytest

from nacre.errors import KeyImportError
from nacre.keys import decode_certificate, generate_private_key
from nacre.wire.fields import encode_string
from tests.security.registry import covers
from tests.support.certificates import CERT_NAME, by_hand

KEY, CA, OTHER = (generate_private_key("ssh-ed25519") for _ in range(3))


@covers(52)
def test_go_90f76b8_a_certificate_signs_no_certificate() -> None:
    """Refused before what is nested is looked at, however deep it is; and with a sound signature too."""
    inner = OTHER.generate_user_certificate(CA, "an authority", principals="user")
    with pytest.raises(KeyImportError, match="signed by a certificate"):
        decode_certificate(by_hand(KEY, CA, signing_key=encode_string(inner.public_data)))
    bomb = encode_string(CERT_NAME) * 800
    with pytest.raises(KeyImportError, match="signed by a certificate"):
        decode_certificate(by_hand(KEY, CA, signing_key=encode_string(bomb)))
    nested = by_hand(KEY, CA)
    for _ in range(40):
        nested = by_hand(KEY, CA, signing_key=encode_string(nested))
    with pytest.raises(KeyImportError, match="signed by a certificate"):
        decode_certificate(nested)
