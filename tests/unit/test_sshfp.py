"""SSHFP records by dnspython, from a small DNS server on loopback."""

from __future__ import annotations

import asyncio
import functools
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

import nacre
from nacre import sshfp
from nacre.host_fingerprints import DnsVerdict, sshfp_records, verdict_of
from nacre.sshfp import has_resolver, resolve_sshfp
from tests.support.face import HOST, asynctest, client_options, host_key, serving

NAME = "host.example"


class Server(asyncio.DatagramProtocol):
    """Answers every question with the same records.

    Args:
        records: in the form of a zone file.
        flags: of the answer, besides those of any.
        rcode: of the answer.
    """

    def __init__(self, records: list[str], flags: int, rcode: int) -> None:
        self.records, self.flags, self.rcode = records, flags, rcode
        self.questions: list[dns.message.Message] = []
        self.gone = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        question = dns.message.from_wire(data)
        self.questions.append(question)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA | self.flags
        answer.set_rcode(self.rcode)
        if self.records:
            answer.answer.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", "SSHFP", *self.records))
        self.transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def answering(
    records: list[str], flags: int = 0, rcode: int = dns.rcode.NOERROR
) -> AsyncIterator[tuple[Server, Any]]:
    """Yield the server, and a resolver that asks it."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: Server(records, flags, rcode), ("127.0.0.1", 0)
    )
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    try:
        yield server, resolver
    finally:
        transport.close()
        await server.gone.wait()


def as_text(key: nacre.SSHKey) -> list[str]:
    return [f"{one.algorithm} {one.digest_type} {one.fingerprint.hex()}" for one in sshfp_records(key)]


@asynctest
async def test_records_and_whether_they_came_safely() -> None:
    for flags, secure in ((0, False), (dns.flags.AD, True)):
        async with answering(as_text(host_key()), flags) as (server, resolver):
            answer = await resolve_sshfp(NAME, resolver=resolver)
            assert answer.secure is secure
            assert verdict_of(answer.records, host_key()) is DnsVerdict.HINTED
            assert (await resolve_sshfp(NAME, resolver=resolver, trust_ad=False)).secure is False
            question = server.questions[0]
            assert question.question[0].to_text() == f"{NAME}. IN SSHFP"
            assert question.ednsflags & dns.flags.DO
            assert question.flags & dns.flags.AD


@asynctest
async def test_no_records_and_no_answer() -> None:
    for rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        async with answering([], dns.flags.AD, rcode) as (_, resolver):
            assert (await resolve_sshfp(NAME, resolver=resolver)).records == ()
    async with answering([], 0, dns.rcode.REFUSED) as (_, resolver):
        with pytest.raises(OSError, match="the DNS did not answer"):
            await resolve_sshfp(NAME, resolver=resolver)
        for odd in ("a" * 64 + ".example", "..", ""):
            with pytest.raises(OSError, match="did not answer"):
                await resolve_sshfp(odd, resolver=resolver)
    for address in ("192.0.2.1", "2001:db8::1", "fe80::1%lo"):
        assert not (await resolve_sshfp(address)).records


@pytest.mark.parametrize(
    ("server", "text", "trusted"),
    [
        ("127.0.0.53", "", True),
        ("::1", "", True),
        ("192.0.2.1", "nameserver 192.0.2.1\noptions edns0 trust-ad\n", True),
        ("192.0.2.1", "nameserver 192.0.2.1\n# options trust-ad\noptions edns0\n", False),
        ("192.0.2.1", None, False),
        ("https://dns.example/", "", False),
    ],
)
def test_who_is_believed_about_validation(
    server: str, text: str | None, trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As glibc has it: see resolv.conf(5), trust-ad."""
    path = tmp_path / "resolv.conf"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(sshfp, "_RESOLV_CONF", path)
    assert sshfp._trusts(server) is trusted
    assert has_resolver()


@asynctest
async def test_a_client_asks_the_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the option to the packet and back: a key that nobody knows, vouched for by the DNS."""
    async with serving() as listener:
        for flags, secure in ((dns.flags.AD, True), (0, False)):
            async with answering(as_text(host_key()), flags) as (_, resolver):
                given = functools.partial(resolve_sshfp, resolver=resolver)
                monkeypatch.setattr(sshfp, "resolve_sshfp", given)
                sock = socket.create_connection((HOST, listener.get_port()))
                sock.setblocking(False)
                options = {"known_hosts": b"", "verify_host_key_dns": "yes", "host": NAME, "sock": sock}
                if secure:
                    async with nacre.connect(**client_options(**options)):
                        pass
                else:
                    with pytest.raises(nacre.HostKeyNotVerifiable, match="is not known"):
                        await nacre.connect(**client_options(**options))


@pytest.mark.requires("sshd")
def test_records_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    for name in ("ssh-ed25519", "ecdsa-sha2-nistp256"):
        key = nacre.generate_private_key(name)
        key.write_public_key(tmp_path / "key.pub")
        done = subprocess.run(
            ["ssh-keygen", "-r", NAME, "-f", tmp_path / "key.pub"], check=True, capture_output=True, text=True
        )
        assert done.stdout.splitlines() == [f"{NAME} IN SSHFP {record}" for record in as_text(key)]
