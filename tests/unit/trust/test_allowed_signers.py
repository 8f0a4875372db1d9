"""allowed_signers (ssh-keygen(1) ALLOWED SIGNERS): who may sign what, and what admits nobody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nacre.keys import generate_private_key
from nacre.keys.sshsig import create_sshsig
from nacre.trust.allowed_signers import (
    SSHAllowedSigners,
    import_allowed_signers,
    read_allowed_signers,
    validate_sshsig,
)

ALICE, BOB = (generate_private_key("ssh-ed25519") for _ in range(2))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def text(key) -> str:
    return key.export_public_key().decode().strip()


def admits(line: str, principal="alice@example.com", namespace="file", key=ALICE, ca=False) -> bool:
    """Whether the line admits; a second one keeps the file from having no line at all."""
    signers = import_allowed_signers(f"{line}\nnobody {text(BOB)}\n")
    return signers.validate(key, principal, namespace, ca, now=NOW)


@pytest.mark.parametrize(
    ("front", "admitted"),
    [
        ("alice@example.com", True),
        ("*@example.com", True),
        ("bob@example.com,alice@example.com", True),
        ('"alice@example.com"', True),
        ("alice?example.com", True),
        ("Alice@example.com", False),
        ("alice@example.co", False),
        ("*,!alice@*", False),
        ("!alice@example.com", False),
        ("!bob@example.com", False),
        ('* namespaces="file"', True),
        ('* namespaces="git,file"', True),
        ('* namespaces="git,f*"', True),
        ('* namespaces="*,!file"', False),
        ('* namespaces="git"', False),
        ('* NAMESPACES="git"', False),
        ('* valid-after="20260101Z"', True),
        ('* valid-after="20260601120000Z"', True),
        ('* valid-after="20260601120001Z"', False),
        ('* valid-before="20260601120000Z"', True),
        ('* valid-before="20260601115959Z"', False),
        ('* valid-after="20260101Z",valid-before="20270101Z",namespaces="file"', True),
        ('* valid-after="20260101Z",valid-before="20270101Z",namespaces="git"', False),
    ],
)
def test_a_line_admits_what_it_says(front, admitted):
    assert admits(f"{front} {text(ALICE)} comment") is admitted
    assert admits(f"{front} {text(BOB)}") is False


def test_an_authority_is_no_signer_and_a_signer_no_authority():
    line = f"* cert-authority {text(ALICE)}"
    assert admits(line) is False
    assert admits(line, ca=True) is True
    assert admits(f"* {text(ALICE)}", ca=True) is False


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("* bogus KEY", "bogus"),
        ('* bogus="1" KEY', "bogus"),
        ('* from="1.2.3.4" KEY', "from"),
        ("* namespaces=file KEY", "quotes"),
        ("* namespaces KEY", "namespaces"),
        ('* namespaces="" KEY', "empty"),
        ('* namespaces="a",namespaces="b" KEY', "twice"),
        ('* cert-authority="1" KEY', "cert-authority"),
        ('* valid-after="soon" KEY', "time"),
        ('* valid-after="20270101Z",valid-before="20260101Z" KEY', "valid-before"),
        ('* valid-after="20260101Z",valid-before="20260101Z" KEY', "valid-before"),
        (",a KEY", "empty"),
        ('"a KEY', "quotes"),
        ("garbage", ""),
        ("* ssh-ed25519 AAAA", ""),
        ("* ssh-rsa KEYBLOB", "type"),
        ("* cert-authority", ""),
    ],
)
def test_a_line_that_is_not_understood_admits_nobody_and_is_noted(line, reason):
    line = line.replace("KEYBLOB", text(ALICE).split()[1]).replace("KEY", text(ALICE))
    assert admits(line) is False
    signers = import_allowed_signers(f"{line}\nnobody {text(BOB)}\n")
    (problem,) = signers.problems
    assert problem.line == 1
    assert reason in problem.reason
    with pytest.raises(ValueError, match="line 1"):
        import_allowed_signers(line)


def test_a_file_without_a_line_is_an_error(tmp_path):
    for content in ("", "# a comment\n", b""):
        with pytest.raises(ValueError, match="no line"):
            import_allowed_signers(content)
    (tmp_path / "signers").write_text("\n")
    with pytest.raises(ValueError, match="no line"):
        read_allowed_signers(tmp_path / "signers")
    assert SSHAllowedSigners().validate(ALICE, "alice", "file") is False


def test_validate(tmp_path):
    signers = tmp_path / "signers"
    signers.write_text(f"alice {text(ALICE)}\n")
    (tmp_path / "data").write_bytes(b"message")
    (tmp_path / "data.sig").write_bytes(create_sshsig(ALICE, b"message"))
    signature = create_sshsig(ALICE, b"message", raw=True)
    for given in (signers, str(signers), [signers], signers.read_bytes(), read_allowed_signers(signers)):
        assert validate_sshsig(b"message", signature, "alice", given) is True
        assert validate_sshsig(tmp_path / "data", tmp_path / "data.sig", "alice", given) is True
        assert validate_sshsig(b"another", signature, "alice", given) is False
        assert validate_sshsig(b"message", signature, "bob", given) is False
        assert validate_sshsig(b"message", create_sshsig(BOB, b"message"), "alice", given) is False
        assert validate_sshsig(b"message", b"garbage", "alice", given) is False


def test_a_signature_for_something_else_is_none_for_this():
    signers = f"alice {text(ALICE)}\n".encode()
    signature = create_sshsig(ALICE, b"message", namespace="email")
    assert validate_sshsig(b"message", signature, "alice", signers) is True
    assert validate_sshsig(b"message", signature, "alice", signers, namespace="email") is True
    assert validate_sshsig(b"message", signature, "alice", signers, namespace="file") is False
    # Renamed by whoever passes it on, it no longer verifies.
    raw = create_sshsig(ALICE, b"message", namespace="email", raw=True)
    assert validate_sshsig(b"message", raw.replace(b"email", b"filee"), "alice", signers) is False


def test_a_digest_of_another_size_is_misuse():
    signers = f"alice {text(ALICE)}\n".encode()
    with pytest.raises(ValueError, match="digest"):
        validate_sshsig(b"message", create_sshsig(ALICE, b"message"), "alice", signers, is_hashed=True)


def test_a_signature_by_a_certificate():
    authority = generate_private_key("ssh-ed25519")

    def signed(by=authority, **values):
        values = {"principals": "alice@example.com", **values}
        return create_sshsig([(ALICE, by.generate_user_certificate(ALICE, "id", **values))], b"data")

    def good(signature, front="*@example.com cert-authority", key=authority, principal="alice@example.com"):
        signers = import_allowed_signers(f"{front} {text(key)}\nnobody {text(BOB)}\n")
        return validate_sshsig(b"data", signature, principal, signers, namespace="file")

    assert good(signed())
    assert not good(signed(), principal="bob@example.com")
    assert not good(signed(principals="bob@example.com"))
    assert not good(signed(principals="*@example.com"))
    assert not good(signed(principals=()))
    assert not good(signed(valid_before=5))
    assert not good(signed(valid_after="+1h"))
    assert not good(signed(BOB))
    assert not good(signed(), "*@example.com")
    assert not good(signed(), "bob@* cert-authority")
    assert not good(signed(), '* cert-authority,namespaces="git"')
    # Who is a signer by the key alone is none by its certificate, as for ssh-keygen.
    assert not good(signed(), "alice@example.com", ALICE)
    host = authority.generate_host_certificate(ALICE, "h", principals="alice@example.com")
    assert not good(create_sshsig([(ALICE, host)], b"data"))
    other = create_sshsig([(ALICE, authority.generate_user_certificate(ALICE, "id"))], b"other")
    assert not good(other)
