"""What a revocation list is to revoke, in lines; and what it does, in lines (ssh-keygen(1))."""

from __future__ import annotations

import pytest

from nacre.keys import generate_private_key
from nacre.trust.revocation import KeyRevocationList, import_krl
from nacre.trust.revocation_text import Authority, revoke_lines, revoked_lines

KEY = generate_private_key("ssh-ed25519")
LINE = KEY.export_public_key().decode().strip()


def revoked(text: str, authority: Authority | None = Authority(KEY)) -> KeyRevocationList:  # noqa: B008 - never changed
    made = KeyRevocationList()
    revoke_lines(made, text, authority)
    return import_krl(made.encode())


def told(text: str) -> list[str]:
    return revoked_lines(revoked(text), str)[3:]


@pytest.mark.parametrize("line", ["KEY", "key:KEY", "  Key: \tKEY # why\r", "sha1: KEY", "sha256: KEY"])
def test_keys(line):
    text = line.replace("KEY", LINE)
    assert revoked(f"# all\n\n{text}\n").revokes(KEY)


def test_a_fingerprint_with_or_without_its_padding():
    shown = KEY.get_fingerprint()
    assert revoked(f"hash: {shown}").revokes(KEY)
    assert revoked(f"hash: {shown}=").revokes(KEY)


def test_numbers_that_touch_are_told_as_one_range():
    lines = ["# CA key ssh-ed25519 " + KEY.get_fingerprint(), "serial: 1-5", "serial: 16", "id: a b"]
    assert told("serial: 3-4\nserial: 5\nserial: 1-3\nserial: 0x10\nid: a b\n") == ["", *lines]
    last = str((1 << 64) - 1)
    assert told(f"serial: 1 - {last}")[-1] == f"serial: 1-{last}"


@pytest.mark.parametrize(
    "line",
    [
        "serial: 0",
        "serial: 5-3",
        "serial: x",
        "serial: -1",
        f"serial: {1 << 64}",
        "serial:",
        "hash: MD5:00",
        "hash: SHA256:abc",
        "hash: SHA256:\u00e9",
        "key: x",
        "nothing of the kind",
        "ssh-rsa BASE64",
    ],
)
def test_a_line_that_is_not_understood_is_named(line):
    with pytest.raises(ValueError, match=r"^line 2: "):
        revoked(f"{LINE}\n{line.replace('BASE64', LINE.split()[1])}\n")


@pytest.mark.parametrize("line", ["serial: 1", "id: a"])
def test_who_has_no_authority_has_no_numbers(line):
    with pytest.raises(ValueError, match="-s"):
        revoked(line, None)
