"""Profiles: what they have, and what they keep out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.client_config import configured
from nacre.crypto.registry import Family, select
from nacre.keys import select_host_key_algorithms
from nacre.profiles import PROFILES, takes_user_key, tries_user_key, with_profile
from nacre.server_config import configured_server
from tests.support.face import HOST, asynctest, client_options, connected, host_key, serving, user_key

RSA_2048 = nacre.generate_private_key("ssh-rsa", key_size=2048)


def test_every_name_of_a_profile_is_known() -> None:
    pq = PROFILES["pq"]
    for option, family in (
        ("kex_algs", Family.KEX),
        ("encryption_algs", Family.CIPHER),
        ("mac_algs", Family.MAC),
    ):
        assert select(family, pq[option]) == pq[option]
    assert select_host_key_algorithms(pq["server_host_key_algs"]) == pq["server_host_key_algs"]


@pytest.mark.parametrize("options", [nacre.SSHClientConnectionOptions, nacre.SSHServerConnectionOptions])
def test_what_a_program_says_besides(options: Any) -> None:
    made = options(profile="pq")
    assert made.kex_algs == ("mlkem768x25519-sha256",)
    assert (
        options(made, mac_algs="hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com").profile == "pq"
    )
    with pytest.raises(ValueError, match="profile='pq' chooses kex_algs: give one of the two"):
        options(made, kex_algs="curve25519-sha256")
    with pytest.raises(ValueError, match="there is no profile 'best'; there are pq"):
        options(profile="best")
    assert options(profile=None).kex_algs == ()
    assert with_profile({"port": 1}, ("port",)) == {"port": 1}


def test_a_configuration_does_not_lift_it(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("KexAlgorithms curve25519-sha256\nCiphers aes256-ctr\n")
    for options in (
        configured(nacre.SSHClientConnectionOptions(host="h", config=path, profile="pq")),
        configured_server(nacre.SSHServerConnectionOptions(config=path, profile="pq")),
    ):
        assert options.kex_algs == ("mlkem768x25519-sha256",)
        assert "aes256-ctr" not in options.encryption_algs


def test_keys_of_users() -> None:
    assert takes_user_key(None, RSA_2048)
    assert not takes_user_key("pq", RSA_2048)
    assert takes_user_key("pq", user_key())
    certificate = RSA_2048.generate_user_certificate(user_key(), "id", principals=["user"])
    assert not takes_user_key("pq", certificate)
    for profile, key, certs, shown in (
        (None, RSA_2048, (), [True]),
        ("pq", RSA_2048, (), [False]),
        ("pq", user_key(), (), [True]),
        ("pq", user_key(), [certificate], [False, True]),
    ):
        pairs = nacre.load_keypairs(key, certlist=certs)
        assert [tries_user_key(profile, pair) for pair in pairs] == shown


@asynctest
async def test_a_server_and_a_client_of_the_profile() -> None:
    keys = nacre.import_authorized_keys(
        "".join(key.export_public_key().decode() for key in (RSA_2048, user_key()))
    )
    given = {"profile": "pq", "authorized_client_keys": keys, "server_factory": nacre.SSHServer}
    async with serving(**given) as listener:
        async with connected(listener, profile="pq", client_keys=[user_key()]) as connection:
            assert connection.get_extra_info("send_cipher") == "aes128-gcm@openssh.com"
        with pytest.raises(nacre.KeyExchangeFailed):
            await nacre.connect(HOST, listener.get_port(), **client_options(kex_algs="curve25519-sha256"))
        with pytest.raises(nacre.PermissionDenied):
            await nacre.connect(HOST, listener.get_port(), **client_options(client_keys=[RSA_2048]))
    async with serving(authorized_client_keys=keys, server_factory=nacre.SSHServer) as listener:
        with pytest.raises(nacre.PermissionDenied):  # a client shows none either
            await nacre.connect(
                HOST, listener.get_port(), **client_options(profile="pq", client_keys=[RSA_2048])
            )
    with pytest.raises(ValueError, match="host keys of type ssh-ed25519 alone"):
        await nacre.listen(HOST, 0, profile="pq", server_host_keys=[host_key(), RSA_2048])
