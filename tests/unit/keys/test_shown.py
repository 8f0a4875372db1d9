"""What is shown is decoded as what was agreed on."""

from __future__ import annotations

import pytest

from nacre.errors import KeyImportError
from nacre.keys import X509Chain
from nacre.keys.shown import decode_shown
from tests.support.x509 import USER, user_certificate


def test_a_chain_is_one_where_its_algorithm_was_agreed_on():
    chain = X509Chain([user_certificate()])
    assert isinstance(decode_shown("x509v3-ecdsa-sha2-nistp256", chain.public_data), X509Chain)
    assert decode_shown("ecdsa-sha2-nistp256", USER.public_data) == USER.convert_to_public()
    for algorithm, blob in (
        ("ecdsa-sha2-nistp256", chain.public_data),
        ("x509v3-ecdsa-sha2-nistp256", USER.public_data),
        ("x509v3-ssh-rsa", chain.public_data),
    ):
        with pytest.raises(KeyImportError):
            decode_shown(algorithm, blob)
