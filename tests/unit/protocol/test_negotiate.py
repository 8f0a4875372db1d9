"""Agreement on algorithms (RFC 4253 section 7.1)."""

from __future__ import annotations

import pytest

from nacre.errors import KeyExchangeFailed, WireError
from nacre.keys import default_host_key_algorithms, generate_private_key
from nacre.protocol.negotiate import (
    agree,
    guess_is_wrong,
    negotiate,
    offer,
    offered_host_key_algorithms,
    our_kexinit,
    read_kexinit,
)
from nacre.protocol.settings import Role, Settings
from tests.support.cases import each_case
from tests.support.protocol import changed

BASE = our_kexinit(Role.CLIENT, Settings(), bytes(16), first=False)
KEYS = ("ssh-ed25519",)


def lists(**changes):
    return changed(BASE, server_host_key_algorithms=KEYS, **changes)


def agreed(client, server):
    """What both sides choose, which must be the same."""
    ours = negotiate(Role.CLIENT, client, server, strict=True)
    assert negotiate(Role.SERVER, server, client, strict=True) == ours
    return ours


def test_the_markers_are_in_the_first_kexinit_only():
    first = our_kexinit(Role.CLIENT, Settings(), bytes(16), first=True).kex_algorithms
    assert first[-2:] == ("ext-info-c", "kex-strict-c-v00@openssh.com")
    server = our_kexinit(Role.SERVER, Settings(), bytes(16), first=True).kex_algorithms
    assert server[-2:] == ("ext-info-s", "kex-strict-s-v00@openssh.com")
    assert BASE.kex_algorithms == Settings().kex_algorithms


def test_the_clients_order_decides():
    client = lists(encryption_client_to_server=("aes256-ctr", "aes128-ctr"))
    server = lists(encryption_client_to_server=("aes128-ctr", "aes256-ctr"))
    assert agreed(client, server).cipher_client_to_server == "aes256-ctr"


def test_each_direction_is_chosen_for_itself():
    client = lists(encryption_client_to_server=("aes128-ctr",), encryption_server_to_client=("aes256-ctr",),
                   mac_client_to_server=("hmac-sha2-256",), mac_server_to_client=("hmac-sha2-512",))  # fmt: skip
    both = agreed(client, client)
    assert (both.cipher_client_to_server, both.cipher_server_to_client) == ("aes128-ctr", "aes256-ctr")
    assert (both.mac_client_to_server, both.mac_server_to_client) == ("hmac-sha2-256", "hmac-sha2-512")


def test_a_cipher_that_authenticates_takes_no_mac_whatever_the_lists_say():
    client = lists(encryption_client_to_server=("aes128-gcm@openssh.com",), mac_client_to_server=("a",))
    server = lists(encryption_client_to_server=("aes128-gcm@openssh.com",), mac_client_to_server=("b",))
    assert agreed(client, server).mac_client_to_server == ""


@pytest.mark.parametrize(
    ("field", "word"),
    [
        ("kex_algorithms", "key exchange method"),
        ("server_host_key_algorithms", "host key algorithm"),
        ("encryption_client_to_server", "cipher"),
        ("encryption_server_to_client", "cipher"),
        ("compression_client_to_server", "compression method"),
    ],
)
def test_nothing_in_common_names_both_lists(field, word):
    server = changed(lists(), **{field: ("theirs-only",)})
    with pytest.raises(
        KeyExchangeFailed, match=rf"no {word} in common: we offer .*the peer offers theirs-only"
    ):
        negotiate(Role.CLIENT, lists(), server, strict=True)


@each_case(
    ("field", "theirs", "hint"),
    [
        (
            "kex_algorithms",
            ("diffie-hellman-group14-sha1", "diffie-hellman-group14-sha256", "ecdh-sha2-nistp256"),
            'The option kex_algs="+ecdh-sha2-nistp256" would connect, at a risk: no protection from a future quantum',
        ),
        ("kex_algorithms", ("diffie-hellman-group14-sha256",), "logins that cost the server much work"),
        (
            "mac_client_to_server",
            ("hmac-md5", "hmac-sha1"),
            'mac_algs="hmac-sha1" would connect, at a risk: SHA-1',
        ),
        (
            "server_host_key_algorithms",
            ("ecdsa-sha2-nistp256",),
            'server_host_key_algs="+ecdsa-sha2-nistp256" would',
        ),
        ("server_host_key_algorithms", ("ssh-rsa",), "nacre has none of what the peer offers"),
        ("server_host_key_algorithms", ("null",), "The server shows no key: gss_kex=True would connect"),
        ("encryption_client_to_server", ("aes128-cbc", "3des-cbc"), "nacre has none of what the peer offers"),
        ("compression_client_to_server", ("zlib",), "nacre has none of what the peer offers"),
    ],
)
def test_a_failure_says_which_option_would_connect_and_what_it_costs(field, theirs, hint):
    ours = lists(encryption_client_to_server=("aes128-ctr",))
    server = changed(ours, **{field: theirs})
    with pytest.raises(KeyExchangeFailed) as failed:
        negotiate(Role.CLIENT, ours, server, strict=True)
    assert hint in str(failed.value)
    assert str(failed.value) == f"{failed.value.reason}. {failed.value.hint}"
    assert failed.value.hint not in failed.value.reason  # the peer is told the lists alone


def test_what_the_defaults_have_costs_nothing():
    ours = changed(lists(), kex_algorithms=("curve25519-sha256",))
    theirs = changed(lists(), kex_algorithms=("mlkem768x25519-sha256",))
    with pytest.raises(KeyExchangeFailed) as failed:
        negotiate(Role.CLIENT, ours, theirs, strict=True)
    assert failed.value.hint == 'The option kex_algs="+mlkem768x25519-sha256" would connect.'


def test_a_server_is_told_of_its_keys():
    client = changed(lists(), server_host_key_algorithms=("rsa-sha2-512",))
    with pytest.raises(
        KeyExchangeFailed, match="we offer ssh-ed25519; the peer offers rsa-sha2-512"
    ) as failed:
        negotiate(Role.SERVER, lists(), client, strict=True)
    assert "server_host_keys" in failed.value.hint


def test_a_missing_mac_is_refused_where_one_is_needed():
    client = lists(encryption_client_to_server=("aes128-ctr",))
    server = lists(encryption_client_to_server=("aes128-ctr",), mac_client_to_server=())
    with pytest.raises(KeyExchangeFailed, match="MAC"):
        negotiate(Role.SERVER, server, client, strict=True)


def test_a_marker_is_never_a_method():
    markers = ("ext-info-c", "kex-strict-c-v00@openssh.com")
    with pytest.raises(KeyExchangeFailed, match="we offer nothing"):
        negotiate(Role.CLIENT, lists(kex_algorithms=markers), lists(kex_algorithms=markers), strict=True)


def test_a_long_list_of_the_peers_is_not_repeated_in_full():
    theirs = lists(kex_algorithms=tuple(f"method-{n}" for n in range(500)))
    with pytest.raises(KeyExchangeFailed) as caught:
        negotiate(Role.CLIENT, lists(), theirs, strict=True)
    assert len(caught.value.reason) < 1000


@pytest.mark.parametrize(
    ("follows", "changes", "wrong"),
    [
        (False, {"kex_algorithms": ("other",)}, False),  # nothing follows: nothing to ignore
        (True, {}, False),
        (True, {"kex_algorithms": ("other",)}, True),
        (True, {"server_host_key_algorithms": ("other",)}, True),
        (True, {"encryption_client_to_server": ("other",)}, False),
    ],
)
def test_a_guess_is_right_when_both_first_names_are_the_same(follows, changes, wrong):
    theirs = changed(lists(), first_kex_packet_follows=follows, **changes)
    assert guess_is_wrong(lists(), theirs) is wrong


def test_a_server_offers_what_its_keys_can_do():
    keys = (generate_private_key("ssh-ed25519"), generate_private_key("ssh-rsa", key_size=2048))
    settings = Settings(host_keys=keys)
    assert offered_host_key_algorithms(Role.SERVER, settings) == (
        "ssh-ed25519",
        "rsa-sha2-512",
        "rsa-sha2-256",
    )
    narrow = Settings(host_keys=keys, host_key_algorithms=("rsa-sha2-256",))
    assert offered_host_key_algorithms(Role.SERVER, narrow) == ("rsa-sha2-256",)
    assert offered_host_key_algorithms(Role.SERVER, Settings()) == ()


def test_a_client_offers_what_it_accepts():
    assert offered_host_key_algorithms(Role.CLIENT, Settings()) == default_host_key_algorithms()
    assert offered_host_key_algorithms(Role.CLIENT, Settings(host_key_algorithms=KEYS)) == KEYS


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("role", Role)
def test_what_is_offered_is_our_kexinit_but_for_the_cookie(role, first):
    cookie = bytes(range(16))
    ours, rest = offer(role, Settings(), first=first)
    whole = our_kexinit(role, Settings(), cookie, first=first)
    assert whole.encode() == b"\x14" + cookie + rest
    assert changed(whole, cookie=bytes(16)) == ours == offer(role, Settings(), first=first)[0]


@pytest.mark.parametrize("more", [(), ("x" * 60,) * 100], ids=["short", "long"])
def test_the_same_lists_are_read_and_agreed_on_alike_whatever_the_cookie(more):
    client, server = lists(), lists(kex_algorithms=(*more, "curve25519-sha256"))
    for cookie in (b"a" * 16, b"b" * 16):
        payload = changed(server, cookie=cookie).encode()
        theirs = read_kexinit(payload)
        assert changed(theirs, cookie=cookie) == changed(server, cookie=cookie)
        sent = changed(client, cookie=cookie).encode(), payload
        found = agree(Role.CLIENT, client, theirs, sent, strict=True)
        assert found == negotiate(Role.CLIENT, client, server, strict=True)
        assert agree(Role.CLIENT, client, theirs, sent, strict=False).strict is False


@pytest.mark.parametrize("cut", [1, 16, 17, 40, -1])
def test_a_kexinit_that_is_cut_off_is_refused_each_time(cut):
    payload = lists().encode()[:cut]
    for _ in range(2):
        with pytest.raises(WireError):
            read_kexinit(payload)
