"""The names of addresses: what is a name, and that it must lead back."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from nacre.aio.host_names import confirmed_name, is_host_name, name_of
from tests.support.cases import each_case
from tests.support.face import asynctest

LOOPBACK = "127.0.0.1"


class Names:
    """A name server in place of the system's."""

    def __init__(self, names: dict[str, str], addresses: dict[str, list[str]]) -> None:
        self.names = names
        self.addresses = addresses

    def getnameinfo(self, address: tuple[str, int], flags: int) -> tuple[str, str]:
        assert flags == socket.NI_NAMEREQD
        if address[0] not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return self.names[address[0]], "0"

    def getaddrinfo(self, name: str, port: None, family: int, kind: int) -> list[Any]:
        if name not in self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, kind, 6, "", (addr, 0)) for addr in self.addresses[name]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    server = Names(
        {
            "192.0.2.1": "Good.Example.",
            "192.0.2.2": "stolen.example",
            "192.0.2.3": "192.0.2.1",
            "192.0.2.4": "a,b",
            "192.0.2.5": "lost.example",
            "2001:db8::1": "six.example",
        },
        {
            "good.example": ["192.0.2.9", "192.0.2.1"],
            "stolen.example": ["192.0.2.1"],
            "192.0.2.1": ["192.0.2.3"],
            "a,b": ["192.0.2.4"],
            "six.example": ["2001:db8:0:0::1"],
        },
    )
    monkeypatch.setattr(socket, "getnameinfo", server.getnameinfo)
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    return server


@each_case(
    "name",
    ["localhost", "a", "a.b.example", "_x.y", "a-b.c3", "3com.example", "xn--bcher-kva.example", "a" * 255],
)
def test_names(name: str) -> None:
    assert is_host_name(name)


@pytest.mark.parametrize(
    "name",
    ["", ".", "a.", "a..b", ".a", "-a", "a-", "a b", "a,b", "*", "a*", "[a]", "a\n", "A", "é", "127.0.0.1", "::1",
     "127.1", "1", "a%b", "!a", "@a", "|1|x", "a" * 256],
)  # fmt: skip
def test_what_is_no_name(name: str) -> None:
    assert not is_host_name(name)


@asynctest
async def test_a_name_that_leads_back(names: Names) -> None:
    assert await name_of(("192.0.2.1", 22)) == "good.example"
    assert await confirmed_name("192.0.2.1") == "good.example"
    assert await confirmed_name("::ffff:192.0.2.1") == "good.example"
    assert await confirmed_name("2001:db8::1") == "six.example"


@asynctest
async def test_a_name_that_is_not_its_own(names: Names) -> None:
    """Whoever has an address may have its name server say any name."""
    for address in ("192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "", "x"):
        assert await confirmed_name(address) is None


@asynctest
async def test_the_systems_own_resolver() -> None:
    assert await name_of((LOOPBACK, 22)) in (None, await confirmed_name(LOOPBACK))
