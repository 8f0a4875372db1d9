"""Certificates, with OpenSSH's ssh-keygen as the judge: what it makes we read, what we make it shows."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

import nacre
from nacre.errors import KeyImportError
from tests.support.agent import ssh_agent
from tests.support.openssh import OpenSSH

pytestmark = pytest.mark.requires("ssh")

TYPES = ("ed25519", "ecdsa-256", "ecdsa-384", "ecdsa-521", "rsa-2048")


def run(openssh: OpenSSH, *arguments: object) -> str:
    done = subprocess.run(
        [openssh.ssh_keygen, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.parametrize("key_type", TYPES)
def test_what_ssh_keygen_makes(openssh: OpenSSH, tmp_path: Path, key_type: str) -> None:
    """Every type as key and as authority; each field is what was asked for."""
    authority, key = openssh.make_key(tmp_path / "ca", key_type), openssh.make_key(tmp_path / "key", key_type)
    options = ("-n", "a,b", "-z", "7", "-V", "20200101000000:20300101000000", "-O", "force-command=ls -l")
    options += ("-O", "source-address=192.0.2.0/24", "-O", "no-pty", "-O", "extension:x@example.com=y")
    run(openssh, "-q", "-s", authority, "-I", "the id", *options, key.with_suffix(".pub"))
    cert = nacre.read_certificate(tmp_path / "key-cert.pub")
    assert cert.key == nacre.read_public_key(key.with_suffix(".pub"))
    assert cert.signing_key == nacre.read_public_key(authority.with_suffix(".pub"))
    assert (cert.key_id, cert.serial, cert.principals, cert.cert_type) == ("the id", 7, ["a", "b"], 1)
    assert cert.restrictions.force_command == "ls -l"
    assert [str(network) for network in cert.restrictions.source_address or ()] == ["192.0.2.0/24"]
    assert "x@example.com" in cert.options
    assert not cert.restrictions.permits("pty")
    assert cert.restrictions.permits("X11-forwarding")
    assert cert.valid_before - cert.valid_after == 3653 * 86400
    assert cert.get_comment() == "test"
    # What ssh-keygen wrote is what we would write.
    line = (tmp_path / "key-cert.pub").read_bytes()
    assert cert.export_certificate() == line
    assert cert._statement.encode() == cert.public_data[: len(cert._statement.encode())]


def test_certificates_of_hosts(openssh: OpenSSH, tmp_path: Path) -> None:
    authority, key = openssh.make_key(tmp_path / "ca"), openssh.make_key(tmp_path / "key")
    run(openssh, "-q", "-s", authority, "-I", "h", "-h", "-n", "host.example.com", key.with_suffix(".pub"))
    cert = nacre.read_certificate(tmp_path / "key-cert.pub")
    cert.validate(2, "host.example.com")
    assert cert.options == {}


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"])
def test_signatures_of_an_rsa_authority(openssh: OpenSSH, tmp_path: Path, algorithm: str) -> None:
    """SHA-1 is refused (row 57), the others are not."""
    authority, key = openssh.make_key(tmp_path / "ca", "rsa-2048"), openssh.make_key(tmp_path / "key")
    run(openssh, "-q", "-t", algorithm, "-s", authority, "-I", "i", "-n", "u", key.with_suffix(".pub"))
    if algorithm == "ssh-rsa":
        with pytest.raises(KeyImportError, match="ssh-rsa"):
            nacre.read_certificate(tmp_path / "key-cert.pub")
    else:
        assert nacre.read_certificate(tmp_path / "key-cert.pub").signature_algorithm == algorithm


KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


@cache
def two_keys(kind: str) -> list[nacre.SSHKey]:
    size = {"key_size": 2048} if kind == "ssh-rsa" else {}
    return [nacre.generate_private_key(kind, **size) for _ in range(2)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_make(openssh: OpenSSH, tmp_path: Path, kind: str) -> None:
    authority, key = two_keys(kind)
    cert = authority.generate_user_certificate(
        key, "an id", serial=12, principals=["a", "b"], valid_after="20200101", valid_before="20300101",
        force_command="ls -l", source_address=["192.0.2.1", "10.0.0.0/8"], permit_x11_forwarding=False,
    )  # fmt: skip
    cert.write_certificate(tmp_path / "cert")
    shown = [line.strip() for line in run(openssh, "-L", "-f", tmp_path / "cert").splitlines()]
    assert f"Type: {kind}-cert-v01@openssh.com user certificate" in shown
    using = authority.sig_algorithms[0]
    assert any(
        line.startswith("Signing CA: ") and authority.get_fingerprint() in line and f"(using {using})" in line
        for line in shown
    )
    assert any(line.startswith("Public key: ") and key.get_fingerprint() in line for line in shown)
    assert 'Key ID: "an id"' in shown
    assert "Serial: 12" in shown
    assert "Valid: from 2020-01-01T00:00:00 to 2030-01-01T00:00:00" in shown
    assert shown[shown.index("Principals:") + 1 :] == [
        "a", "b",
        "Critical Options:", "force-command ls -l", "source-address 192.0.2.1/32,10.0.0.0/8",
        "Extensions:", "permit-agent-forwarding", "permit-port-forwarding", "permit-pty", "permit-user-rc",
    ]  # fmt: skip


def test_what_we_make_for_hosts(openssh: OpenSSH, tmp_path: Path) -> None:
    authority, key = nacre.generate_private_key("ssh-ed25519"), nacre.generate_private_key("ssh-ed25519")
    authority.generate_host_certificate(key, "h", principals="a.example.com").write_certificate(
        tmp_path / "cert"
    )
    shown = run(openssh, "-L", "-f", tmp_path / "cert")
    assert "host certificate" in shown
    assert "Valid: forever" in shown
    assert "Critical Options: (none)" in shown


# ---------------------------------------------------------------- signatures by a certificate


def takes(openssh: OpenSSH, directory: Path, signature: bytes) -> bool:
    """Whether ssh-keygen takes a signature of b"message" for one of me@example.com."""
    (directory / "sig").write_bytes(signature)
    command = [openssh.ssh_keygen, "-Y", "verify", "-f", directory / "signers", "-I", "me@example.com"]
    command += ["-n", "file", "-s", directory / "sig"]
    done = subprocess.run(command, input=b"message", capture_output=True, timeout=120, check=False)
    return done.returncode == 0


def test_our_signatures_by_a_certificate(openssh: OpenSSH, tmp_path: Path) -> None:
    """Both take the same of them."""
    authority, key = nacre.generate_private_key("ssh-ed25519"), nacre.generate_private_key("ssh-ed25519")
    for front in ("*@example.com cert-authority", "*@example.com"):
        line = f"{front} {authority.export_public_key().decode()}"
        (tmp_path / "signers").write_text(line)
        for values in (
            {"principals": "me@example.com"},
            {"principals": "*@example.com"},
            {"principals": "you@example.com"},
            {"principals": "me@example.com", "valid_before": 5},
        ):
            cert = authority.generate_user_certificate(key, "id", **values)
            signature = nacre.create_sshsig([(key, cert)], b"message")
            expected = "cert-authority" in front and values == {"principals": "me@example.com"}
            assert takes(openssh, tmp_path, signature) == expected, (front, values)
            assert nacre.validate_sshsig(b"message", signature, "me@example.com", line.encode()) == expected


@pytest.mark.requires("ssh-agent")
def test_their_signatures_by_a_certificate(openssh: OpenSSH, tmp_path: Path) -> None:
    authority, key = openssh.make_key(tmp_path / "ca"), openssh.make_key(tmp_path / "key")
    run(openssh, "-q", "-s", authority, "-I", "i", "-n", "me@example.com", key.with_suffix(".pub"))
    (tmp_path / "data").write_bytes(b"message")
    with ssh_agent(tmp_path) as agent:
        agent.ssh_add(key)
        command = [openssh.ssh_keygen, "-Y", "sign", "-n", "file", "-f", f"{key}-cert.pub", tmp_path / "data"]
        environment = {**os.environ, "SSH_AUTH_SOCK": str(agent.path)}
        subprocess.run(command, check=True, capture_output=True, timeout=120, env=environment)
    signature = (tmp_path / "data.sig").read_bytes()
    line = f"* cert-authority {authority.with_suffix('.pub').read_text()}".encode()
    assert nacre.validate_sshsig(b"message", signature, "me@example.com", line)
    assert not nacre.validate_sshsig(b"message", signature, "you@example.com", line)
    assert not nacre.validate_sshsig(b"other", signature, "me@example.com", line)
