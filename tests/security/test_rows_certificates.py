"""The rows of the history that are about certificates, whatever part of the protocol they belong to.

One test a row, without arguments: `test_faults.py` runs them again with a fault put back.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from nacre.errors import KeyImportError
from nacre.keys import SSHCertificate, decode_certificate
from nacre.wire.fields import encode_string, encode_uint32, encode_uint64
from tests.security.certified import AUTHORITY_LINE, CA, KEY, OTHER, admitted
from tests.security.configured import names_no_authority
from tests.security.foreign_shares import refuse_host_keys
from tests.security.registry import covers
from tests.support.certificates import CERT_NAME, by_hand, option, options, principals


def made(**fields: bytes) -> SSHCertificate:
    return decode_certificate(by_hand(KEY, CA, **fields))


@covers(49)
def test_cve_2026_35414_a_principal_is_one_name() -> None:
    named = AUTHORITY_LINE.replace("cert-authority", 'cert-authority,principals="ops,web"')
    for lines in ("", AUTHORITY_LINE):
        assert admitted(made(principals=principals(b"a,root")), lines, user="a,root")
        assert admitted(made(principals=principals(b"a", b"root")), lines, user="root")
        for user in ("a", "root", "", "*"):
            assert admitted(made(principals=principals(b"a,root")), lines, user=user) is None, user
        for name in (b"*", b"?oot", b"Root", b"root\0", b"root ", b"root,", b""):
            assert admitted(made(principals=principals(name)), lines, user="root") is None, name
        # A list without names is for nobody, not for everybody.
        assert admitted(made(principals=principals()), lines, user="root") is None
    assert admitted(made(principals=principals(b"ops")), named, user="root")
    for names in ((b"ops,web",), (b"root",), (b"*",), ()):
        assert admitted(made(principals=principals(*names)), named, user="root") is None, names
    with tempfile.TemporaryDirectory() as folder:
        names_no_authority(Path(folder))


@covers(52)
def test_go_90f76b8_a_certificate_signs_no_certificate() -> None:
    """Refused before what is nested is looked at, however deep it is; and with a sound signature too."""
    inner = OTHER.generate_user_certificate(CA, "an authority", principals="user")
    with pytest.raises(KeyImportError, match="signed by a certificate"):
        made(signing_key=encode_string(inner.public_data))
    bomb = encode_string(CERT_NAME) * 800
    with pytest.raises(KeyImportError, match="signed by a certificate"):
        made(signing_key=encode_string(bomb))
    nested = by_hand(KEY, CA)
    for _ in range(40):
        nested = by_hand(KEY, CA, signing_key=encode_string(nested))
    with pytest.raises(KeyImportError, match="signed by a certificate"):
        decode_certificate(nested)
    refuse_host_keys(
        CERT_NAME.decode(), [nested, by_hand(KEY, CA, signing_key=encode_string(inner.public_data))]
    )


@covers(53)
def test_what_is_critical_and_not_known_refuses() -> None:
    for lines in ("", AUTHORITY_LINE):
        assert admitted(made(), lines)
        refused: tuple[dict[str, Any], ...] = (
            {"critical": options(option("unknown@example.com"))},
            {"critical": options(option("no-touch-required"))},
            {"critical": options(option("permit-pty"))},
            {"critical": options(option("Force-Command", encode_string(b"x")))},
            {"critical": options(option("verify-required"))},
            {"kind": encode_uint32(2)},
            {"before": encode_uint64(1)},
            {"after": encode_uint64((1 << 63) - 1)},
        )
        for fields in refused:
            assert admitted(made(**fields), lines) is None, fields
        # What stands among the extensions restricts nothing, and passes for no restriction.
        lax = admitted(made(extensions=options(option("force-command", encode_string(b"x")))), lines)
        assert lax is not None
        assert lax.restrictions.forced_command() is None
        assert "force-command" not in lax.restrictions.certificate_options
        assert not lax.restrictions.certificates_permit("pty")
    cert = made(after=encode_uint64(100), before=encode_uint64(200))
    for now, good in ((99, False), (100, True), (199, True), (200, False)):
        if good:
            cert.validate(1, "user", now)
        else:
            with pytest.raises(ValueError):
                cert.validate(1, "user", now)
    for value in (b"", b"x", encode_string(b"x") + b"x"):
        with pytest.raises(KeyImportError):
            made(critical=options(option("force-command", value)))
