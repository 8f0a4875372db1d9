"""nacre against OpenSSH's sshd, both versions, by Kerberos: a real KDC, every key exchange that sshd has."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.support.face import asynctest
from tests.support.kerberos import HOST, REALM, Realm
from tests.support.openssh import VERSIONS, Sshd, find

pytestmark = pytest.mark.requires("sshd", "krb5", "gssapi")

_OPTIONS = (
    "GSSAPIAuthentication yes",
    "GSSAPIKeyExchange yes",
    "GSSAPIStrictAcceptorCheck no",  # its key is for localhost, and the machine has another name
    "GSSAPIKexAlgorithms gss-group14-sha256-,gss-group16-sha512-,gss-nistp256-sha256-,gss-curve25519-sha256-",
)


@pytest.fixture(scope="module", params=VERSIONS)
def kerberized(
    request: pytest.FixtureRequest, realm: Realm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sshd]:
    """Return an sshd of each version that has a key of the realm; nobody's SSH key lets in."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in realm.as_host().items():
            patch.setenv(name, value)
        sshd = Sshd(find(request.param), tmp_path_factory.mktemp("sshd"), options=_OPTIONS)
        sshd.authorized_keys.write_text("")
        with sshd:
            yield sshd


def connecting(sshd: Sshd, realm: Realm, **options: Any) -> Any:
    """Connect with a ticket of whoever runs the tests, and nothing else."""
    options = {
        "username": sshd.user,
        "client_keys": None,
        "config": None,
        "known_hosts": sshd.known_hosts().encode(),
        "gss_host": HOST,
        "gss_store": str(realm.tickets(sshd.user)),
        **options,
    }
    return nacre.connect("127.0.0.1", sshd.port, **options)


@asynctest
async def test_a_login(kerberized: Sshd, in_realm: Realm) -> None:
    """The host is known by its key, the user by a ticket."""
    async with connecting(kerberized, in_realm) as connection:
        assert (await connection.run("exit 3")).exit_status == 3
        assert connection.get_server_host_key() is not None
    kerberized.wait_for_log("Accepted gssapi-with-mic")


@pytest.mark.parametrize(
    "method", ["curve25519-sha256", "nistp256-sha256", "group14-sha256", "group16-sha512"]
)
@asynctest
async def test_a_key_exchange(kerberized: Sshd, in_realm: Realm, method: str, tmp_path: Path) -> None:
    """Nobody knows the host's key: the KDC says that it is the one. Nor is another login needed."""
    asked: dict[str, Any] = {"kex_algs": f"gss-{method}"}
    if method == "group14-sha256":  # the same by a file
        asked = {"config": tmp_path / "config"}
        asked["config"].write_text(f"GSSAPIKeyExchange yes\nGSSAPIKexAlgorithms gss-{method}-\n")
    async with connecting(kerberized, in_realm, known_hosts=b"", **asked) as connection:
        assert connection.get_server_host_key() is None  # sshd shows none
        info = connection._link.protocol.info
        assert info.negotiated.kex.startswith(f"gss-{method}-")
        assert (await connection.run("exit 3")).exit_status == 3
        if method == "curve25519-sha256":  # and once more, with a context of its own
            connection._link.protocol.rekey()
            assert (await connection.run("exit 4")).exit_status == 4
    kerberized.wait_for_log("Accepted gssapi-keyex")


@asynctest
async def test_credentials_that_are_handed_on(kerberized: Sshd, in_realm: Realm) -> None:
    tickets = str(in_realm.tickets(kerberized.user, forwardable=True))
    for gss_kex, delegate in ((True, True), (False, True), (False, False)):
        async with connecting(
            kerberized, in_realm, gss_store=tickets, gss_delegate_creds=delegate, gss_kex=gss_kex
        ) as connection:
            found = await connection.run(f"KRB5_CONFIG={os.environ['KRB5_CONFIG']} klist -s")
            assert (found.exit_status == 0) is delegate


@asynctest
async def test_a_ticket_of_somebody_else(kerberized: Sshd, in_realm: Realm) -> None:
    for gss_kex in (True, False):
        with pytest.raises(nacre.PermissionDenied):
            await connecting(
                kerberized, in_realm, gss_kex=gss_kex, gss_store=str(in_realm.tickets("mallory"))
            )


@asynctest
async def test_a_host_that_the_kdc_does_not_know(kerberized: Sshd, in_realm: Realm) -> None:
    """There is no ticket for it, so that no key exchange is offered, and no login works."""
    with pytest.raises(nacre.HostKeyNotVerifiable):
        await connecting(kerberized, in_realm, gss_host="elsewhere", gss_kex=True, known_hosts=b"")
    with pytest.raises(nacre.PermissionDenied):
        await connecting(kerberized, in_realm, gss_host="elsewhere")


@asynctest
async def test_another_host_than_the_one_that_was_meant(kerberized: Sshd, in_realm: Realm) -> None:
    """The KDC knows both; who listens has the key of one alone, and ends without a word."""
    in_realm.keytab("host/other")
    with pytest.raises(nacre.DisconnectError):
        await connecting(kerberized, in_realm, gss_host="other", gss_kex=True, known_hosts=b"")
    with pytest.raises(nacre.PermissionDenied):
        await connecting(kerberized, in_realm, gss_host="other")


@asynctest
async def test_without_a_ticket_the_other_methods_are_left(kerberized: Sshd, in_realm: Realm) -> None:
    nowhere = str(in_realm.directory / "no-such-cache")
    with pytest.raises(nacre.PermissionDenied):
        await connecting(kerberized, in_realm, gss_store=nowhere)
    with pytest.raises(nacre.PermissionDenied):
        await connecting(kerberized, in_realm, gss_store=nowhere, gss_kex=True)
    with pytest.raises(nacre.KeyExchangeFailed, match="no GSS-API"):
        await connecting(kerberized, in_realm, gss_store=nowhere, kex_algs="gss-curve25519-sha256")


@asynctest
async def test_gss_that_is_not_wanted(kerberized: Sshd, in_realm: Realm) -> None:
    for unwanted in ({"gss_host": None}, {"gss_auth": False}, {"preferred_auth": "publickey"}):
        with pytest.raises(nacre.PermissionDenied):
            await connecting(kerberized, in_realm, **unwanted)


@asynctest
async def test_names_of_a_configuration(
    kerberized: Sshd, in_realm: Realm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whom GSS-API is about, at both ends: with the same file, ssh and nacre come in or do not."""
    config, known_hosts = tmp_path / "config", tmp_path / "known_hosts"
    known_hosts.write_text(kerberized.known_hosts())
    for name, value in in_realm.as_user(kerberized.user).items():
        monkeypatch.setenv(name, value)
    common = f"""
        GSSAPIAuthentication yes
        PreferredAuthentications gssapi-with-mic
        User {kerberized.user}
        UserKnownHostsFile {known_hosts}
        BatchMode yes
    """
    named = f"GSSAPIServerIdentity {HOST}\n"
    for lines, enters in (
        ("GSSAPITrustDns no\n", False),
        ("GSSAPITrustDns yes\n", True),
        (f"{named}GSSAPIClientIdentity {kerberized.user}@{REALM}\n", True),
        (f"{named}GSSAPIClientIdentity mallory@{REALM}\n", False),
    ):
        config.write_text(lines + common)
        ssh = [kerberized.openssh.ssh, "-F", config, "-p", str(kerberized.port), "127.0.0.1", "exit 0"]
        process = await asyncio.create_subprocess_exec(*ssh, stdin=asyncio.subprocess.DEVNULL)
        assert (await process.wait() == 0) is enters, lines
        try:
            async with nacre.connect("127.0.0.1", kerberized.port, config=config, client_keys=None):
                assert enters, lines
        except nacre.PermissionDenied:
            assert not enters, lines
