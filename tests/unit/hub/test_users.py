"""User names, roles and fingerprints."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.hub.problem import HubProblem
from nacre.hub.users import (
    RESERVED_NAMES,
    Role,
    UserKey,
    check_user_name,
    fingerprint,
    is_user_name,
    key_algorithm,
)

FIRST = string.ascii_lowercase + "_"
REST = FIRST + string.digits + ".-"
names = st.builds(str.__add__, st.sampled_from(FIRST), st.text(REST, max_size=31)).filter(
    lambda name: name not in RESERVED_NAMES and not name.startswith("invite-")
)


@given(names)
def test_every_name_of_the_rule_is_taken(name: str) -> None:
    assert is_user_name(name)
    check_user_name(name)


@given(st.text())
def test_no_other_text_is_taken(text: str) -> None:
    expected = (
        1 <= len(text) <= 32
        and text[0] in FIRST
        and all(character in REST for character in text)
        and text not in RESERVED_NAMES
        and not text.startswith("invite-")
    )
    assert is_user_name(text) is expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "-a",
        "1a",
        "Alice",
        "a b",
        "a/b",
        "../../x",
        "a\0",
        "alice\n",
        "a+b",
        "ａlice",
        "é",
        "a" * 33,
    ],
)
def test_names_that_would_do_harm(name: str) -> None:
    assert not is_user_name(name)
    with pytest.raises(HubProblem, match="cannot be a user name; use 1 to 32 of"):
        check_user_name(name)


@pytest.mark.parametrize("name", ["root", "daemon", "nobody", "invite-a", "invite-7kq2-m4xd-9pta"])
def test_reserved_names(name: str) -> None:
    assert not is_user_name(name)
    with pytest.raises(HubProblem, match="is reserved; choose another"):
        check_user_name(name)


def test_roles_by_name() -> None:
    assert Role.parse("admin") is Role.ADMIN
    with pytest.raises(HubProblem, match="there is no role 'Admin'; use admin or user"):
        Role.parse("Admin")


# The fingerprint is what ssh-keygen -l of OpenSSH 9.2 says.
ZERO_KEY = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)
ZERO_FINGERPRINT = "SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk"


def test_what_a_blob_says_of_itself() -> None:
    assert key_algorithm(ZERO_KEY) == "ssh-ed25519"
    assert fingerprint(ZERO_KEY) == ZERO_FINGERPRINT


@pytest.mark.parametrize(
    "blob", [b"", b"\0\0\0", b"\0\0\0\0", b"\xff\xff\xff\xffabc", b"\0\0\0\x04a b\n", b"\0\0\0\x02\xff\xff"]
)
def test_what_is_no_key_blob(blob: bytes) -> None:
    with pytest.raises(HubProblem, match="not a public key"):
        key_algorithm(blob)


def test_a_key_is_shown_without_its_blob() -> None:
    key = UserKey(1, "alice", "ssh-ed25519", ZERO_KEY, fingerprint(ZERO_KEY), "c", 0.0)
    assert "blob" not in repr(key)
