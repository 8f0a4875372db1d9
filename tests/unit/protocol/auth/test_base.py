"""What methods and drivers agree on."""

from __future__ import annotations

import pytest

from nacre.protocol.auth.base import SERVICE, USERAUTH, Attempt
from nacre.protocol.auth.client import ClientNone
from nacre.protocol.auth.kbdint import ClientKbdint, ServerKbdint
from nacre.protocol.auth.password import ClientPassword, ServerPassword
from nacre.protocol.auth.publickey import ClientPublicKey, ServerPublicKey


def test_the_services_of_the_standards():
    assert (SERVICE, USERAUTH) == ("ssh-connection", "ssh-userauth")


def test_what_a_success_stands_on_does_not_change():
    attempt = Attempt("alice", "publickey", b"key")
    with pytest.raises(AttributeError):
        attempt.username = "root"
    assert Attempt("alice", "password").key_blob is None


@pytest.mark.parametrize("method", [ServerKbdint, ServerPassword, ServerPublicKey])
def test_a_servers_half_takes_requests_and_messages(method):
    assert callable(method().request)
    assert callable(method().message)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (ClientNone(), "none"),
        (ClientPassword("x"), "password"),
        (ClientKbdint(""), "keyboard-interactive"),
        (ClientPublicKey("ssh-ed25519", b"k", query=True), "publickey"),
    ],
)
def test_a_clients_half_has_its_name_and_shows_no_secret(method, name):
    assert method.name == name
    assert method.key_blob == (b"k" if name == "publickey" else None)
