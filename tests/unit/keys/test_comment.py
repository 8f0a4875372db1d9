"""Comments of keys, pairs and certificates."""

from __future__ import annotations

import pytest

import nacre

KEY = nacre.generate_private_key("ssh-ed25519")


@pytest.mark.parametrize(
    "make",
    [
        lambda: nacre.generate_private_key("ssh-ed25519"),
        lambda: nacre.load_keypairs([KEY])[0],
        lambda: KEY.generate_user_certificate(KEY, "id", principals=["me"]),
    ],
    ids=["key", "pair", "certificate"],
)
def test_a_comment_is_set_read_and_removed(make):
    one = make()
    one.set_comment(None)
    assert (one.has_comment(), one.get_comment(), one.get_comment_bytes()) == (False, None, None)
    one.set_comment("café")
    assert (one.has_comment(), one.get_comment(), one.get_comment_bytes()) == (True, "café", "café".encode())
    one.set_comment("café", "latin-1")
    assert one.get_comment("latin-1") == "café"
    with pytest.raises(UnicodeDecodeError):
        one.get_comment()
    assert one.get_comment(errors="replace") == "caf\ufffd"
    one.set_comment(b"\xff")
    assert one.get_comment_bytes() == b"\xff"
    for nothing in (b"", "", None):
        one.set_comment("x")
        one.set_comment(nothing)
        assert not one.has_comment()
    assert not make().has_comment()
