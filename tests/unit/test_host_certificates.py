"""Certificates of hosts on a client: which are believed, and what a person is told of the others."""

from __future__ import annotations

from typing import Any

import pytest

import nacre
from nacre.host_certificates import Authority, certificate_refusal, find_authority, misfit
from nacre.host_trust import look_up
from nacre.keys import certificate_algorithms, default_host_key_algorithms
from tests.support.cases import each_case
from tests.support.face import asynctest, connect, connected, host_key, reported, serving

CA, OTHER = (nacre.generate_private_key("ssh-ed25519") for _ in range(2))
NAME = "127.0.0.1"  # what the tests connect to

CLIENT = nacre.SSHClientConnectionOptions()


def line(key: nacre.SSHKey, hosts: str = "*", marker: str = "") -> str:
    return f"{marker}{hosts} {key.export_public_key().decode().strip()}\n"


CA_LINE = line(CA, marker="@cert-authority ")


def cert(authority: nacre.SSHKey = CA, **values: Any) -> nacre.SSHCertificate:
    return authority.generate_host_certificate(host_key(), "h", **{"principals": NAME, **values})


def trust(lines: str, host: str = NAME, port: int = 22) -> Any:
    return look_up(lines.encode(), host, "192.0.2.1", port, None)


@each_case(
    ("lines", "standing"),
    [
        ("", Authority.UNKNOWN),
        (CA_LINE, Authority.TRUSTED),
        (line(CA), Authority.UNKNOWN),
        (line(OTHER, marker="@cert-authority "), Authority.UNKNOWN),
        (line(CA, "elsewhere", "@cert-authority "), Authority.UNKNOWN),
        (line(host_key()), Authority.KEY_TRUSTED),
        (line(host_key(), marker="@cert-authority "), Authority.UNKNOWN),
        (CA_LINE + line(CA, marker="@revoked "), Authority.REVOKED),
        (CA_LINE + line(host_key(), marker="@revoked "), Authority.REVOKED),
        (line(host_key()) + line(CA, marker="@revoked "), Authority.REVOKED),
    ],
)
def test_who_stands_behind_it(lines, standing):
    assert find_authority(trust(lines), cert()) is standing


def test_a_certificate_that_is_revoked_revokes_its_key():
    text = cert().export_certificate().decode().strip()
    assert find_authority(trust(f"{CA_LINE}@revoked * {text}\n"), cert()) is Authority.REVOKED
    assert find_authority(trust(f"* {text}\n@cert-authority * {text}\n"), cert()) is Authority.UNKNOWN


def test_what_a_trusted_authority_cannot_make_good():
    known = trust(CA_LINE)
    assert misfit(known, cert(), 100, CLIENT) == ""
    assert "other names" in misfit(known, cert(principals="elsewhere"), 100, CLIENT)
    assert "names nobody" in misfit(known, cert(principals=()), 100, CLIENT)
    assert "not valid yet" in misfit(known, cert(valid_after=101), 100, CLIENT)
    assert "expired" in misfit(known, cert(valid_before=100), 100, CLIENT)
    user = CA.generate_user_certificate(host_key(), "u", principals=NAME)
    assert "user certificate" in misfit(known, user, 100, CLIENT)
    aliased = look_up(CA_LINE.encode(), NAME, NAME, 22, "alias")
    assert "other names" in misfit(aliased, cert(), 100, CLIENT)
    assert misfit(aliased, cert(principals="alias"), 100, CLIENT) == ""


def test_what_is_told():
    known = trust(CA_LINE, port=2222)
    fingerprints = (CA.get_fingerprint(), host_key().get_fingerprint())
    for standing, said in ((Authority.REVOKED, "@revoked"), (Authority.UNKNOWN, "trusts neither")):
        text = str(certificate_refusal(known, cert(), standing))
        assert said in text
        assert all(fingerprint in text for fingerprint in fingerprints)
        assert f"[{NAME}]:2222" in text
    text = str(certificate_refusal(known, cert(principals=["a\x1b[31m"]), Authority.TRUSTED, "why"))
    assert "why" in text
    assert "\x1b" not in text


def test_what_is_offered():
    certified, plain = certificate_algorithms(), default_host_key_algorithms()
    assert trust("").algorithms(()) == plain
    assert trust("").algorithms((), True) == (*certified, *plain)
    assert trust(CA_LINE).algorithms(()) == (*certified, *plain)
    assert trust(CA_LINE).algorithms(("ssh-ed25519",), True) == ("ssh-ed25519",)
    known = trust(line(host_key()))
    assert known.algorithms(()) == plain
    assert known.algorithms((), True)[: len(certified) + 1] == ("ssh-ed25519", *certified)
    assert look_up(None, NAME, NAME, 22, None).algorithms((), True) == plain


def test_an_authority_is_one_on_every_port():
    for lines in (
        line(CA, NAME, "@cert-authority "),
        line(OTHER, f"[{NAME}]:2222") + line(CA, NAME, "@cert-authority "),
    ):
        assert find_authority(trust(lines, port=2222), cert()) is Authority.TRUSTED
    by_address = line(OTHER, NAME) + line(CA, "192.0.2.1", "@cert-authority ")
    assert find_authority(trust(by_address), cert()) is Authority.UNKNOWN


async def login(shown: nacre.SSHCertificate | None, known_hosts: Any, **options: Any) -> nacre.SSHKey | None:
    """Connect to a server with this certificate; returns what it has shown."""
    keys = [(host_key(), shown)] if shown is not None else [host_key()]
    if isinstance(known_hosts, str):
        known_hosts = known_hosts.encode()
    async with (
        serving(server_host_keys=keys) as listener,
        connected(listener, known_hosts=known_hosts, **options) as connection,
    ):
        return connection.get_server_host_key()


@asynctest
async def test_a_host_with_a_certificate() -> None:
    assert await login(cert(), CA_LINE) == host_key().convert_to_public()
    assert await login(cert(principals="127.*"), CA_LINE)
    assert await login(cert(), ([], [CA.export_public_key()], []))
    # A server with a certificate is entered by its plain key too, and one without where there is an authority.
    assert await login(cert(), line(host_key()))
    assert await login(cert(valid_before=5), line(host_key()))
    assert await login(None, CA_LINE + line(host_key()))
    assert await login(cert(), None)


@pytest.mark.parametrize(
    ("values", "lines", "said"),
    [
        ({"principals": "localhost"}, CA_LINE, "other names"),
        ({"principals": ()}, CA_LINE, "names nobody"),
        ({"valid_before": 5}, CA_LINE, "expired"),
        ({}, CA_LINE + line(CA, marker="@revoked "), "is not known"),
        ({}, CA_LINE + line(host_key(), marker="@revoked "), "revoked"),
        ({}, line(OTHER, marker="@cert-authority "), "trusts neither"),
    ],
    ids="name nobody expired ca-revoked key-revoked other-ca".split(),
)
@asynctest
async def test_a_certificate_that_is_not_believed(values: dict[str, Any], lines: str, said: str) -> None:
    with pytest.raises(nacre.HostKeyNotVerifiable, match=said):
        await login(cert(**values), lines)


@asynctest
async def test_the_program_is_asked_about_the_authority() -> None:
    asked: list[Any] = []

    class Client(nacre.SSHClient):
        answer = True

        async def validate_host_ca_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:  # type: ignore[override]  # it may be a coroutine
            asked.append((host, addr, key))
            return self.answer

    assert await login(cert(), "", client_factory=Client)
    assert asked == [(NAME, NAME, CA.convert_to_public())]
    with pytest.raises(nacre.HostKeyNotVerifiable, match="other names"):
        await login(cert(principals="elsewhere"), "", client_factory=Client)
    with pytest.raises(nacre.HostKeyNotVerifiable, match="trusts neither"):
        await login(cert(), "", client_factory=type("No", (Client,), {"answer": False}))
    asked.clear()
    assert await login(cert(), CA_LINE, client_factory=Client)
    with pytest.raises(nacre.HostKeyNotVerifiable, match="revoked"):
        await login(cert(), line(CA, marker="@revoked "), client_factory=Client)
    assert not asked


@asynctest
async def test_a_callback_that_fails_is_no_trust() -> None:
    """Row 7."""

    class Client(nacre.SSHClient):
        def validate_host_ca_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
            raise MemoryError

    async with serving(server_host_keys=[(host_key(), cert())]) as listener:
        with pytest.raises(nacre.HostKeyNotVerifiable):
            await connect(listener, known_hosts=b"", client_factory=Client)
    (report,) = reported()
    assert isinstance(report["exception"], MemoryError)


@asynctest
async def test_a_server_does_not_start_with_a_users_certificate() -> None:
    user = CA.generate_user_certificate(host_key(), "u")
    with pytest.raises(ValueError, match="no certificate of a host"):
        async with serving(server_host_keys=[(host_key(), user)]):
            pass
    async with serving(server_host_keys=[host_key()], server_host_certs=[cert()]) as listener:
        async with connected(listener, known_hosts=CA_LINE.encode()):
            pass
        listener.update(server_host_certs=None)
        with pytest.raises(nacre.HostKeyNotVerifiable):
            await connect(listener, known_hosts=CA_LINE.encode())
        listener.update(server_host_certs=[cert()])
        async with connected(listener, known_hosts=CA_LINE.encode()):
            pass
        # Of several for one key the last is shown: a client does not choose.
        listener.update(server_host_certs=[cert(nacre.generate_private_key("ssh-ed25519")), cert()])
        async with connected(listener, known_hosts=CA_LINE.encode()):
            pass
        with pytest.raises(ValueError, match="no certificate of a host"):
            listener.update(server_host_certs=[user])


@asynctest
async def test_a_revoked_certificate_is_not_believed() -> None:
    certificate = cert(serial=7)
    by_serial, by_authority, other = (nacre.KeyRevocationList() for _ in range(3))
    by_serial.add_serials(CA, 7)
    by_authority.add_key(CA)
    other.add_serials(CA, 8)
    async with serving(server_host_keys=[(host_key(), certificate)]) as listener:
        for known_hosts in (CA_LINE.encode(), (CA_LINE + line(host_key())).encode(), None):
            for revoked in (by_serial, by_authority):
                with pytest.raises(nacre.HostKeyNotVerifiable, match="revoke"):
                    await connect(
                        listener, known_hosts=known_hosts, revoked_host_keys=revoked,
                        server_host_key_algs=list(certificate_algorithms()),
                    )  # fmt: skip
        async with connected(listener, known_hosts=CA_LINE.encode(), revoked_host_keys=other):
            pass
