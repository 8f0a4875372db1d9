"""Keys, signatures and known_hosts, with OpenSSH's ssh-keygen as the judge."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from nacre.errors import KeyEncryptionError
from nacre.keys import (
    SSHKey,
    generate_private_key,
    read_private_key,
    read_public_key,
    read_public_key_list,
)
from nacre.keys.openssh_cipher import CIPHERS
from nacre.keys.sshsig import create_sshsig
from nacre.trust import import_known_hosts, known_hosts_line
from nacre.trust.allowed_signers import validate_sshsig
from nacre.trust.revocation import KeyRevocationList, read_krl

PASSPHRASE = "correct horse"
TYPES = {
    "ssh-ed25519": ("ed25519", None),
    "ecdsa-sha2-nistp256": ("ecdsa", 256),
    "ecdsa-sha2-nistp384": ("ecdsa", 384),
    "ecdsa-sha2-nistp521": ("ecdsa", 521),
    "ssh-rsa": ("rsa", 2048),
}
# OpenSSH before 9.6 has Ed25519 in its own format only.
PEM_TYPES = [name for name in TYPES if name != "ssh-ed25519"]

#: Each type with three ciphers, and each cipher with one type at least: neither knows of the other.
TYPES_AND_CIPHERS = [
    (name, cipher)
    for at, name in enumerate(TYPES)
    for number, cipher in enumerate(CIPHERS)
    if (at + number) % 3 == 0
]


@pytest.fixture(scope="module", autouse=True)
def keygen() -> str:
    path = shutil.which("ssh-keygen")
    if path is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("ssh-keygen is not here: apt-get install openssh-client")
    return str(path)


def run(*arguments: object, data: bytes = b"", status: int = 0) -> bytes:
    done = subprocess.run(
        ["ssh-keygen", *map(str, arguments)], input=data, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    return done.stdout


@cache
def our_key(name: str) -> SSHKey:
    arguments = {"key_size": 2048} if name == "ssh-rsa" else {}
    return generate_private_key(name, comment=f"ours {name}", **arguments)


@pytest.fixture(params=list(TYPES))
def ours(request) -> SSHKey:
    """A key that nacre made, once a process."""
    return our_key(request.param)


@pytest.fixture(params=list(TYPES))
def theirs(request, tmp_path_factory) -> Path:
    """The file of a key that ssh-keygen made, once a process."""
    path = tmp_path_factory.getbasetemp() / f"their_{request.param}"
    if path.exists():
        return path
    kind, bits = TYPES[request.param]
    size = ["-b", bits] if bits else []
    run("-q", "-t", kind, *size, "-N", "", "-C", f"theirs {request.param}", "-f", path)
    return path


def public_of(path: Path) -> bytes:
    return path.with_suffix(".pub").read_bytes()


def converted(path: Path, to: Path, *arguments: object) -> Path:
    """A copy of a private key file, changed by ssh-keygen -p."""
    to.write_bytes(path.read_bytes())
    to.chmod(0o600)
    run("-q", "-p", "-P", "", *arguments, "-f", to)
    return to


# ---------------------------------------------------------------- theirs, read by nacre


def test_their_private_and_public_keys(theirs):
    key = read_private_key(theirs)
    assert key.export_public_key() == public_of(theirs)
    assert read_public_key(f"{theirs}.pub") == key.convert_to_public()
    assert run("-y", "-f", theirs) == key.export_public_key()


@pytest.mark.parametrize(("theirs", "cipher"), TYPES_AND_CIPHERS, indirect=["theirs"])
def test_their_encrypted_keys(theirs, tmp_path, cipher):
    path = converted(theirs, tmp_path / "key", "-N", PASSPHRASE, "-a", 2, "-Z", cipher)
    assert read_private_key(path, PASSPHRASE).export_public_key() == public_of(theirs)
    with pytest.raises(KeyEncryptionError):
        read_private_key(path, "wrong")


@pytest.mark.parametrize("form", ["PKCS8", "PEM"])
@pytest.mark.parametrize("passphrase", ["", PASSPHRASE])
def test_their_pem_keys(theirs, tmp_path, form, passphrase):
    path = converted(theirs, tmp_path / "key", "-N", passphrase, "-a", 2, "-m", form)
    key = read_private_key(path, passphrase)
    assert key == read_private_key(theirs)


def test_their_exported_public_keys(theirs, tmp_path):
    key = read_public_key(f"{theirs}.pub")
    for form in ("RFC4716", "PKCS8", "PEM") if key.algorithm in PEM_TYPES else ("RFC4716",):
        (tmp_path / "key").write_bytes(run("-e", "-m", form, "-f", f"{theirs}.pub"))
        assert read_public_key(tmp_path / "key") == key


@pytest.mark.parametrize("hash_name", ["sha256", "md5", "sha512"])
def test_fingerprints(theirs, hash_name):
    shown = run("-l", "-E", hash_name, "-f", theirs).split()[1].decode()
    assert read_private_key(theirs).get_fingerprint(hash_name) == shown


# ---------------------------------------------------------------- ours, read by ssh-keygen


@pytest.mark.parametrize(
    ("ours", "cipher"), [*((name, None) for name in TYPES), *TYPES_AND_CIPHERS], indirect=["ours"]
)
def test_our_openssh_keys(ours, tmp_path, cipher):
    path = tmp_path / "key"
    passphrase = PASSPHRASE if cipher else ""
    ours.write_private_key(path, passphrase=passphrase, cipher_name=cipher, rounds=2, ignore_few_rounds=True)
    assert run("-y", "-P", passphrase, "-f", path) == ours.export_public_key()
    if cipher:
        run("-y", "-P", "wrong", "-f", path, status=255)
    # ssh-keygen writes it again, which needs every private number to be right.
    run("-q", "-p", "-P", passphrase, "-N", "", "-f", path)
    assert read_private_key(path) == ours
    assert read_private_key(path).get_comment() == ours.get_comment()


def test_our_pem_keys(ours, tmp_path):
    forms = [("pkcs8-pem", ""), ("pkcs8-pem", PASSPHRASE), ("pkcs1-pem", "")]
    for form, passphrase in forms if ours.algorithm in PEM_TYPES else []:
        path = tmp_path / "key"
        ours.write_private_key(path, form, passphrase)
        expected = ours.convert_to_public()
        expected.set_comment(None)
        assert run("-y", "-P", passphrase, "-f", path) == expected.export_public_key()


def test_our_public_keys(ours, tmp_path):
    forms = {"openssh": None, "rfc4716": "RFC4716", "pkcs8-pem": "PKCS8", "pkcs1-pem": "PEM"}
    if ours.algorithm != "ssh-rsa":
        del forms["pkcs1-pem"]
    if ours.algorithm == "ssh-ed25519":
        del forms["pkcs8-pem"]
    for form, theirs_form in forms.items():
        path = tmp_path / form
        ours.write_public_key(path, form)
        if theirs_form:
            (tmp_path / "back").write_bytes(run("-i", "-m", theirs_form, "-f", path))
            path = tmp_path / "back"
        assert ours.get_fingerprint() == run("-l", "-f", path).split()[1].decode()


def test_appended_public_keys(theirs, tmp_path):
    for _ in range(2):
        read_private_key(theirs).append_public_key(tmp_path / "keys")
    assert len(run("-l", "-f", tmp_path / "keys").splitlines()) == 2
    assert len(read_public_key_list(tmp_path / "keys")) == 2


# ---------------------------------------------------------------- signatures


def test_their_signatures(theirs, tmp_path):
    (tmp_path / "data").write_bytes(b"message")
    signers = b"me " + read_public_key(f"{theirs}.pub").export_public_key()
    for hash_name in ("sha256", "sha512"):
        run("-Y", "sign", "-n", "file", "-O", f"hashalg={hash_name}", "-f", theirs, tmp_path / "data")
        signature = tmp_path / "data.sig"
        assert validate_sshsig(tmp_path / "data", signature, "me", signers, namespace="file")
        assert not validate_sshsig(b"another", signature, "me", signers)
        assert not validate_sshsig(b"message", signature, "me", signers, namespace="git")
        signature.unlink()


def verify(tmp_path: Path, signature: bytes, namespace: str = "file") -> bool:
    """Whether ssh-keygen takes the signature of b"message" for one of me@example.com."""
    (tmp_path / "sig").write_bytes(signature)
    arguments = ("-f", tmp_path / "signers", "-I", "me@example.com", "-n", namespace, "-s", tmp_path / "sig")
    command = ["ssh-keygen", "-Y", "verify", *map(str, arguments)]
    done = subprocess.run(command, input=b"message", capture_output=True, timeout=120, check=False)
    assert done.returncode in (0, 255), done
    assert (b"Good" in done.stdout) is (done.returncode == 0)
    return done.returncode == 0


def test_our_signatures(ours, tmp_path):
    (tmp_path / "signers").write_bytes(b"me@example.com " + ours.export_public_key())
    for hash_name in ("sha256", "sha512"):
        assert verify(tmp_path, create_sshsig(ours, b"message", hash_name=hash_name))
    assert verify(tmp_path, create_sshsig(ours, b"message", namespace="git"), "git")
    assert not verify(tmp_path, create_sshsig(ours, b"message", namespace="git"))
    assert not verify(tmp_path, create_sshsig(ours, b"another"))


SIGNER_LINES = [
    "me@example.com KEY",
    "*@example.com KEY comment",
    "you@example.com,me@example.com KEY",
    '"me@example.com" KEY',
    "ME@example.com KEY",
    "*,!me@* KEY",
    "!you@example.com KEY",
    "you@example.com KEY",
    '* namespaces="file" KEY',
    '* namespaces="git,f*" KEY',
    '* namespaces="git" KEY',
    '* namespaces="*,!file" KEY',
    '* Namespaces="file" KEY',
    '* valid-after="20200101" KEY',
    '* valid-after="20200101",valid-before="20400101" KEY',
    '* valid-before="20200101" KEY',
    '* valid-after="20360101" KEY',
    '* valid-before="20200101",valid-after="20400101" KEY',
    '* valid-after="nonsense" KEY',
    "* cert-authority KEY",
    "* bogus KEY",
    "* namespaces=file KEY",
    '* namespaces="file",namespaces="file" KEY',
    "# me@example.com KEY",
    "  me@example.com\tKEY",
]


def test_lines_of_allowed_signers_mean_what_they_mean_to_ssh_keygen(tmp_path):
    key = generate_private_key("ssh-ed25519")
    other = generate_private_key("ssh-ed25519").export_public_key().decode()
    signature = create_sshsig(key, b"message")
    for line in SIGNER_LINES:
        text = line.replace("KEY", key.export_public_key().decode().strip()) + f"\nnobody {other}"
        (tmp_path / "signers").write_text(text)
        ours = validate_sshsig(
            b"message", signature, "me@example.com", tmp_path / "signers", namespace="file"
        )
        assert ours is verify(tmp_path, signature), line


# ---------------------------------------------------------------- known_hosts


@pytest.mark.parametrize(
    ("host", "port"), [("example.com", 22), ("example.com", 2222), ("::1", 22), ("::1", 8022)]
)
def test_our_line_is_found_plain_and_hashed(tmp_path, host, port):
    key = generate_private_key("ssh-ed25519").convert_to_public()
    path = tmp_path / "known_hosts"
    path.write_text(known_hosts_line(host, port, key) + "\n")
    name = host if port == 22 else f"[{host}]:{port}"
    assert b"found: line 1" in run("-F", name, "-f", path)
    run("-q", "-H", "-f", path)
    assert path.read_text().startswith("|1|")
    assert b"found: line 1" in run("-F", name, "-f", path)
    assert import_known_hosts(path.read_text()).match(host, "", port)[0] == [key]
    assert import_known_hosts(path.read_text()).match("other.example", "", port)[0] == []


def test_patterns_match_what_ssh_keygen_says(tmp_path):
    patterns = [
        "a.example",
        "*.example",
        "*.example,!b.example",
        "!b.example,*.example",
        "?.example",
        "*",
        "!a.example",
        "a*a*.example",
        "[a.example]:2222",
        "[*.example]:*",
        "A.EXAMPLE",
        "192.0.2.?",
    ]
    hosts = ["a.example", "b.example", "aa.example", "example", "aba.example", "192.0.2.7", "192.0.2.77"]
    keys = [generate_private_key("ssh-ed25519").convert_to_public() for _ in patterns]
    path = tmp_path / "known_hosts"
    lines = [
        f"{pattern} {key.export_public_key().decode().strip()}\n"
        for pattern, key in zip(patterns, keys, strict=True)
    ]
    path.write_text("".join(lines))
    known = import_known_hosts("".join(lines))
    for name, host, port in [(host, host, 22) for host in hosts] + [("[a.example]:2222", "a.example", 2222)]:
        # Every name is matched by "*", so that there is always a line.
        found = set(re.findall(r"found: line (\d+)", run("-F", name, "-f", path).decode()))
        expected = [key for number, key in enumerate(keys, start=1) if str(number) in found]
        assert expected
        assert known.match(host, "", port)[0] == expected, name


# ---------------------------------------------------------------- revocation lists


def is_revoked(path: Path, shown: Path) -> bool:
    done = subprocess.run(
        ["ssh-keygen", "-Q", "-f", str(path), str(shown)], capture_output=True, timeout=120, check=False
    )
    assert (b"REVOKED" in done.stdout) is (done.returncode == 1), done
    assert done.returncode in (0, 1)
    return done.returncode == 1


def test_revocation_lists_both_ways(tmp_path):
    authority, key, other = (generate_private_key("ssh-ed25519") for _ in range(3))
    for name, one in (("ca", authority), ("key", key), ("other", other)):
        one.write_public_key(tmp_path / f"{name}.pub")
    shown = {
        tmp_path / f"{name}.pub": one for name, one in (("ca", authority), ("key", key), ("other", other))
    }
    for serial in (0, 1, 2, 6, 64, 66, 100, 1000):
        certificate = authority.generate_user_certificate(
            key, f"id{serial}", serial=serial, principals=["me"]
        )
        shown[tmp_path / f"{serial}-cert.pub"] = certificate
        certificate.write_certificate(tmp_path / f"{serial}-cert.pub")
    specification = (
        "serial: 2\nserial: 5-9\nid: id100\nserial: 64\nserial: 66\nserial: 70\nsha256: {0}\nsha1: {0}\n"
    )
    (tmp_path / "spec").write_text(specification.format((tmp_path / "other.pub").read_text().strip()))
    run("-k", "-q", "-f", tmp_path / "theirs", "-s", tmp_path / "ca.pub", "-z", "7", tmp_path / "spec")
    theirs = read_krl(tmp_path / "theirs")
    assert theirs.version == 7
    theirs.write(tmp_path / "ours")
    verdicts = {name: theirs.revokes(one) for name, one in shown.items()}
    assert sum(verdicts.values()) == 6
    for name, verdict in verdicts.items():
        assert is_revoked(tmp_path / "theirs", name) is verdict
        assert is_revoked(tmp_path / "ours", name) is verdict
    made = KeyRevocationList()
    made.add_key(authority)
    made.write(tmp_path / "all")
    assert all(is_revoked(tmp_path / "all", name) is made.revokes(one) for name, one in shown.items())
