"""What known_hosts says of X.509: what is revoked is trusted no more."""

from __future__ import annotations

import pytest

from nacre.keys.x509_subjects import X509Subject
from nacre.trust.known_x509 import NO_X509, known_x509, x509_certificates, x509_subjects
from tests.support.x509 import ROOT, USER, authority, user_certificate

LEAF = user_certificate()
ROOT_CERT = authority("CN=root")
ALICE = X509Subject("CN=alice")


def test_lists() -> None:
    assert NO_X509.lists() == ([], [], [], [])
    assert not NO_X509.revokes(LEAF)
    known = known_x509([LEAF, ALICE], [ROOT_CERT], ())
    assert known.lists() == ([LEAF], [ROOT_CERT], [ALICE], [])
    assert known.revokes(ROOT_CERT)
    assert not known.revokes(LEAF)


def test_what_is_revoked_is_not_trusted() -> None:
    assert known_x509([LEAF], [LEAF], ()).certificates == ()
    assert known_x509([LEAF], [user_certificate("CN=other")], ()).certificates == (), "the key is the same"
    assert known_x509([LEAF], [], {USER.public_data}).certificates == ()
    known = known_x509([LEAF, ALICE], [ALICE], ())
    assert known.certificates == ()
    assert known.revokes(LEAF)
    assert known.subjects == (ALICE,), "else the name of the host would be enough"


def test_lists_of_programs() -> None:
    assert x509_certificates(LEAF.export_certificate()) == (LEAF,)
    assert x509_certificates([]) == x509_certificates(None) == ()
    assert x509_subjects("CN=alice") == x509_subjects([ALICE]) == (ALICE,)
    with pytest.raises(ValueError, match="fourth"):
        x509_certificates([ROOT.generate_user_certificate(ROOT, "id")])
    with pytest.raises(ValueError, match="no subject"):
        x509_subjects(["alice"])
