"""X.509 certificates there and back, with OpenSSL's command as the other side: OpenSSH has none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import nacre
from nacre.keys.x509 import X509Chain
from nacre.keys.x509_making import name_parts
from nacre.keys.x509_subjects import X509Subject
from nacre.keys.x509_trust import check_chain, purpose_oids
from tests.support.face import asynctest, connected, serving
from tests.support.x509 import KEYS, ROOT

pytestmark = pytest.mark.requires("openssl")

NAME = "O=Example,CN=root"
SUBJECTS = ("O=Example,CN=alice", r"O=A\, B,CN=Ä \"x\" \\", "CN=a,OU=b+O=c")


def openssl(*arguments: object, data: bytes = b"") -> str:
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=data, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.mark.parametrize("name", sorted(KEYS))
def test_ours(tmp_path: Path, name: str) -> None:
    """`openssl verify` follows the path, and shows the names as they were meant."""
    root = ROOT.generate_x509_ca_certificate(ROOT, NAME)
    middle = ROOT.generate_x509_ca_certificate(ROOT, "CN=middle", NAME)
    root.write_certificate(tmp_path / "root")
    middle.write_certificate(tmp_path / "middle")
    told = ["-CAfile", tmp_path / "root", "-untrusted", tmp_path / "middle"]
    for subject in SUBJECTS if name == "ecdsa-sha2-nistp256" else SUBJECTS[:1]:
        leaf = ROOT.generate_x509_user_certificate(
            KEYS[name],
            subject,
            "CN=middle",
            principals="alice@example",
            purposes="secureShellClient,clientAuth",
        )
        leaf.write_certificate(tmp_path / "leaf", "pem")
        assert openssl("verify", "-x509_strict", "-purpose", "sslclient", *told, tmp_path / "leaf").endswith(
            "OK\n"
        )
        shown = openssl(
            "x509", "-in", tmp_path / "leaf", "-noout", "-subject", "-nameopt", "RFC2253,-esc_msb,utf8"
        )
        # RFC 2253 has the last part first.
        assert X509Subject(_reversed(shown)).is_of(leaf)
        text = openssl("x509", "-in", tmp_path / "leaf", "-noout", "-ext", "subjectAltName,extendedKeyUsage")
        assert "email:alice@example" in text
        assert "SSH Client" in text


def _reversed(shown: str) -> str:
    return ",".join(reversed(name_parts(shown.strip().removeprefix("subject="))))


@asynctest
async def test_theirs(tmp_path: Path) -> None:
    """What OpenSSL has made lets in whom it names, and is checked as ours is."""
    keys = {name: KEYS[name] for name in ("ecdsa-sha2-nistp256", "ssh-rsa")}
    ROOT.write_private_key(tmp_path / "authority", "pkcs8-pem")
    openssl(
        "req", "-x509", "-new", "-key", tmp_path / "authority", "-out", tmp_path / "root", "-subj", "/O=Example/CN=root",
        "-days", "2", "-addext", "keyUsage=critical,keyCertSign",
    )  # fmt: skip
    (tmp_path / "extensions").write_text("subjectAltName=email:user\nextendedKeyUsage=1.3.6.1.5.5.7.3.21\n")
    root = nacre.read_certificate(tmp_path / "root")
    assert (root.subject, root.is_authority) == (NAME, True)
    for name, key in keys.items():
        key.write_private_key(tmp_path / name, "pkcs8-pem")
        request = openssl("req", "-new", "-key", tmp_path / name, "-subj", "/O=Example/CN=x").encode()
        openssl(
            "x509", "-req", "-CA", tmp_path / "root", "-CAkey", tmp_path / "authority", "-days", "2",
            "-extfile", tmp_path / "extensions", "-out", tmp_path / f"{name}.pem", data=request,
        )  # fmt: skip
        leaf = nacre.read_certificate(tmp_path / f"{name}.pem")
        assert leaf.key == key.convert_to_public()
        assert leaf.user_principals == ["user"]
        now = leaf.x509_cert.not_valid_before_utc.timestamp() + 1
        check_chain(X509Chain([leaf]), [root], purpose_oids("secureShellClient"), now)
        with pytest.raises(ValueError, match="other purposes"):
            check_chain(X509Chain([leaf]), [root], purpose_oids("secureShellServer"), now)
    async with serving(
        server_factory=nacre.SSHServer,
        authorized_client_keys=nacre.import_authorized_keys("x509v3-ssh-rsa subject=O=Example,CN=x"),
        x509_trusted_certs=str(tmp_path / "root"),
    ) as listener:
        for name in keys:
            pair = (tmp_path / name, tmp_path / f"{name}.pem")
            async with connected(listener, client_keys=[pair], username="user"):
                pass
