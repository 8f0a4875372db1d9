"""What a signature proves."""

from __future__ import annotations

from nacre.keys import Proof, generate_private_key


def test_a_plain_key_proves_itself_and_no_more():
    key = generate_private_key("ssh-ed25519")
    signature = key.sign(b"data", "ssh-ed25519")
    assert key.proof(b"data", signature) is Proof.KEY
    assert key.proof(b"other", signature) is Proof.NOTHING
    assert key.proof(b"data", b"") is Proof.NOTHING
    assert key.possible_proof is Proof.KEY
    assert not Proof.NOTHING


def test_nothing_is_required_by_nobody():
    """What is wrong must not pass because nothing was asked for."""
    key = generate_private_key("ssh-ed25519")
    for touch_required in (True, False):
        key.set_touch_required(touch_required)
        assert key.required_proof is Proof.KEY
        assert key.verify(b"data", b"") is False
