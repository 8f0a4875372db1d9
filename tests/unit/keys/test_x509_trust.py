"""Which chains lead to a trusted root (RFC 5280, RFC 6187 section 2.2)."""

from __future__ import annotations

import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import nacre
from nacre.keys import SSHX509Certificate, X509Chain
from nacre.keys.x509_trust import PURPOSES, check_chain, purpose_oids
from tests.support.x509 import KEYS, ROOT, USER, authority, user_certificate

NOW = time.time()
ROOT_CERT = authority("CN=root")
INTER = authority("CN=int", "CN=root", ca_path_len=0)
CLIENT = purpose_oids("secureShellClient")


def check(*certificates, trusted=(ROOT_CERT,), purposes=CLIENT, now=NOW):
    check_chain(X509Chain(certificates), trusted, purposes, now)


def refused(*certificates, match="vouches", **how):
    with pytest.raises(ValueError, match=match):
        check(*certificates, **how)


def by_hand(leaf, *extensions, issuer="CN=root"):
    """A certificate like another, with other extensions."""
    old = leaf.x509_cert
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(x509.Name.from_rfc4514_string(issuer))
        .public_key(old.public_key())
        .serial_number(7)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return SSHX509Certificate(builder.sign(ROOT.library_private_key, hashes.SHA256()))


@pytest.mark.parametrize("name", KEYS)
def test_chains_that_are_good(name):
    key = KEYS[name]
    leaf = ROOT.generate_x509_user_certificate(key, "CN=alice", "CN=int")
    check(leaf, INTER)
    check(leaf, INTER, ROOT_CERT)
    check(ROOT.generate_x509_user_certificate(key, "CN=alice", "CN=root"))
    check(leaf, trusted=(INTER,))
    check(leaf, trusted=(leaf,))


def test_no_authority_has_a_key_of_ed25519():
    key = KEYS["ssh-ed25519"]
    root = key.generate_x509_ca_certificate(key, "CN=ed")
    leaf = key.generate_x509_user_certificate(USER, "CN=alice", "CN=ed")
    refused(leaf, trusted=(root,))
    check(leaf, trusted=(leaf,))


def test_chains_that_lead_nowhere():
    leaf = user_certificate(issuer="CN=int")
    refused(leaf)
    refused(leaf, trusted=(), match="is trusted here")
    refused(leaf, INTER, trusted=(authority("CN=other"),))
    refused(user_certificate(issuer="CN=int2"), INTER)
    stranger = nacre.generate_private_key("ecdsa-sha2-nistp256")
    refused(stranger.generate_x509_user_certificate(USER, "CN=alice", "CN=root"))
    own = USER.generate_x509_user_certificate(USER, "CN=alice")
    refused(own)
    refused(own, own)


def test_who_may_sign():
    """No user's certificate vouches for another, nor an authority's beyond the length of its path."""
    user = ROOT.generate_x509_user_certificate(ROOT, "CN=user", "CN=root")
    refused(user_certificate(issuer="CN=user"), user)
    below = authority("CN=below", "CN=int")
    refused(user_certificate(issuer="CN=below"), below, INTER)
    no_constraints = by_hand(authority("CN=int", "CN=root"))
    refused(user_certificate(issuer="CN=int"), no_constraints)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    not_for_that = by_hand(INTER, (x509.BasicConstraints(True, None), True), (usage, True))
    refused(user_certificate(issuer="CN=int"), not_for_that)


def test_times():
    for how in ({"valid_after": NOW + 60}, {"valid_before": NOW - 60}):
        how = {name: int(value) for name, value in how.items()}
        refused(user_certificate(**how), match=".")
        own = user_certificate(**how)
        refused(own, trusted=(own,), match=".")
        refused(user_certificate(issuer="CN=int"), authority("CN=int", "CN=root", **how), match=".")
        refused(user_certificate(), trusted=(authority("CN=root", **how),), match=".")
    bounded = user_certificate(valid_after=int(NOW) - 60, valid_before=int(NOW) + 60)
    check(bounded)
    refused(bounded, now=NOW + 120, match=".")


def test_purposes():
    host = ROOT.generate_x509_host_certificate(USER, "CN=alice", "CN=root")
    refused(host, match="other purposes")
    check(host, purposes=purpose_oids("secureShellServer"))
    check(host, purposes=purpose_oids(None))
    check(host, purposes=purpose_oids("any"))
    check(user_certificate(purposes=None))
    check(user_certificate(purposes="clientAuth, secureShellClient"))
    check(user_certificate(purposes="2.5.29.37.0"))
    signs_not = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
    refused(by_hand(user_certificate(), (signs_not, True)), match="not for signatures")


def test_purposes_have_names():
    assert purpose_oids(["secureShellClient", "1.2.3"]) == {PURPOSES["secureShellClient"], "1.2.3"}
    with pytest.raises(ValueError, match="no purpose"):
        purpose_oids("secureshell")


def test_what_is_not_understood_refuses():
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")
    refused(by_hand(user_certificate(), (unknown, True)), match=r"1\.2\.3\.4|vouches")
    check(by_hand(user_certificate(), (unknown, False)))
    limits = x509.NameConstraints([x509.DNSName("example.com")], None)
    for critical in (True, False):
        inter = by_hand(INTER, (x509.BasicConstraints(True, None), True), (limits, critical))
        refused(user_certificate(issuer="CN=int"), inter, match=".")


def test_sha_1_signs_nothing():
    sha1 = USER.generate_x509_user_certificate(USER, "CN=alice")
    assert sha1.x509_cert.signature_hash_algorithm.name == "sha256"
    with pytest.raises(nacre.KeyGenerationError, match="sha1"):
        ROOT.generate_x509_user_certificate(USER, "CN=alice", hash_alg="sha1")
