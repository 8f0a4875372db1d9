"""Sources and lists of networks."""

from __future__ import annotations

import pytest

from nacre.aio.sources import Networks, host_of, is_internet, parse_address, source_of


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_source_is_an_address_or_a_network(host: str, source: str) -> None:
    assert source_of(parse_address(host)) == source


@pytest.mark.parametrize(
    ("host", "blocks", "source"),
    [
        ("192.0.2.7", (24, 64), "192.0.2.0/24"),
        ("192.0.2.7", (0, 0), "0.0.0.0/0"),
        ("2001:db8::7", (24, 128), "2001:db8::7"),
        ("2001:db8:0:1::7", (32, 48), "2001:db8::/48"),
        ("::ffff:192.0.2.7", (16, 0), "192.0.0.0/16"),
    ],
)
def test_a_source_may_be_a_block_of_any_size(host: str, blocks: tuple[int, int], source: str) -> None:
    assert source_of(parse_address(host), blocks) == source


def test_addresses_of_sockets() -> None:
    assert host_of(("192.0.2.7", 1)) == "192.0.2.7"
    assert host_of(("::1", 1, 0, 0)) == "::1"
    assert host_of("") is None
    assert host_of("/run/socket") is None
    assert is_internet(("192.0.2.7", 1))
    assert is_internet(("::1", 1, 0, 0))
    assert not any(map(is_internet, ("", "/run/socket", None, (3, 22))))


def test_networks() -> None:
    networks = Networks(["127.0.0.0/8", "2001:db8::/32", "192.0.2.1"])
    for host in ("127.0.0.5", "2001:db8::9", "192.0.2.1", "::ffff:127.0.0.1"):
        assert networks.include(parse_address(host))
    for host in ("128.0.0.1", "2001:db9::9", "192.0.2.2", "::1"):
        assert not networks.include(parse_address(host))
    assert not networks.include(None)
    assert Networks(["unix"]).include(None)
    assert networks
    assert not Networks()
    assert Networks(["::1"]) == Networks(("::1",))
    assert hash(Networks(["::1"])) == hash(Networks(("::1",)))
    assert repr(networks) == "[127.0.0.0/8, 2001:db8::/32, 192.0.2.1]"


@pytest.mark.parametrize("entry", ["", "localhost", "192.0.2.1/24", "1.2.3", "::/129"])
def test_what_is_no_network(entry: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        Networks([entry])
