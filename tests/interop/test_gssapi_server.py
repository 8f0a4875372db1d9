"""OpenSSH's ssh, both versions, against nacre, by Kerberos: a real KDC, every key exchange that ssh has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.programs import peer
from tests.support.face import asynctest, host_key
from tests.support.kerberos import HOST, REALM, Realm
from tests.support.openssh import OpenSSH

pytestmark = pytest.mark.requires("ssh", "krb5", "gssapi")

_METHODS = ("gss-curve25519-sha256", "gss-nistp256-sha256", "gss-group14-sha256", "gss-group16-sha512")


class Known(nacre.SSHServer):
    """Lets in whom the realm knows by that name, and keeps the facts of the last login."""

    facts: dict[str, Any] = {}

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self._conn = conn

    def auth_completed(self) -> None:
        names = ("username", "gss_user_principal", "gss_host_principal", "gss_delegated_creds")
        type(self).facts = {name: self._conn.get_extra_info(name) for name in names}


def serving(realm: Realm, **options: Any) -> dict[str, Any]:
    """Return options of a server that lets in by Kerberos, and by nothing else."""
    return {
        "server_factory": Known,
        "authorized_client_keys": None,
        "gss_host": HOST,
        "gss_store": str(realm.keytab(f"host/{HOST}")),
        "gss_kex": True,
        "kex_algs": "+" + ",".join(_METHODS),
        **options,
    }


def by(*lines: str) -> tuple[str, ...]:
    """Return lines for an ssh that logs in by Kerberos."""
    return (*lines, "GSSAPIAuthentication yes", f"GSSAPIServerIdentity {HOST}", "PubkeyAuthentication no")


@asynctest
async def test_a_login(openssh: OpenSSH, tmp_path: Path, in_realm: Realm) -> None:
    async with peer(openssh, tmp_path, *by(), **serving(in_realm)) as ssh:
        done = await ssh.communicate("exit 5", environment=in_realm.as_user("user"))
        assert done.returncode == 5, done.stderr
        assert Known.facts == {
            "username": "user",
            "gss_user_principal": f"user@{REALM}",
            "gss_host_principal": f"host/{HOST}@{REALM}",
            "gss_delegated_creds": None,
        }


@asynctest
async def test_key_exchanges(openssh: OpenSSH, tmp_path: Path, in_realm: Realm) -> None:
    """Also with new keys on the way; ssh knows no key of the host, and needs none."""
    async with peer(openssh, tmp_path, **serving(in_realm)) as known:
        known.known_hosts.write_text("")
        for method in _METHODS:
            lines = by("GSSAPIKeyExchange yes", f"GSSAPIKexAlgorithms {method}-", "RekeyLimit 128k")
            ssh = type(known)(known.openssh, known.port, "user", None, known.known_hosts, lines)
            done = await ssh.communicate("-v", "--", "send 10", environment=in_realm.as_user("user"))
            assert done.returncode == 0, done.stderr
            assert len(done.stdout) == 10 * 32768
            assert f"kex: algorithm: {method}-".encode() in done.stderr
            assert b"gssapi-keyex" in done.stderr
            assert done.stderr.count(b"SSH2_MSG_NEWKEYS received") > 1


@asynctest
async def test_a_server_without_a_host_key(openssh: OpenSSH, tmp_path: Path, in_realm: Realm) -> None:
    lines = by("GSSAPIKeyExchange yes")
    async with peer(openssh, tmp_path, *lines, **serving(in_realm, server_host_keys=[])) as ssh:
        ssh.known_hosts.write_text("")
        done = await ssh.communicate("-v", "--", "exit 5", environment=in_realm.as_user("user"))
        assert done.returncode == 5, done.stderr
        assert b"kex: host key algorithm: null" in done.stderr


@asynctest
async def test_credentials_that_are_handed_on(openssh: OpenSSH, tmp_path: Path, in_realm: Realm) -> None:
    for kex in ("yes", "no"):
        lines = by("GSSAPIDelegateCredentials yes", f"GSSAPIKeyExchange {kex}")
        async with peer(openssh, tmp_path, *lines, **serving(in_realm)) as ssh:
            done = await ssh.communicate("exit 5", environment=in_realm.as_user("user", forwardable=True))
            assert done.returncode == 5, done.stderr
            assert str(Known.facts["gss_delegated_creds"].name) == f"user@{REALM}"


@pytest.mark.parametrize("kex", ["yes", "no"])
@asynctest
async def test_a_ticket_of_somebody_else(openssh: OpenSSH, tmp_path: Path, in_realm: Realm, kex: str) -> None:
    async with peer(openssh, tmp_path, *by(f"GSSAPIKeyExchange {kex}"), **serving(in_realm)) as ssh:
        done = await ssh.communicate("exit 5", environment=in_realm.as_user("mallory"))
        assert done.returncode == 255
        assert b"Permission denied" in done.stderr


@asynctest
async def test_the_program_decides(openssh: OpenSSH, tmp_path: Path, in_realm: Realm) -> None:
    asked = []

    class Mapping(Known):
        async def validate_gss_principal(self, *names: str) -> bool:
            asked.append(names)
            return names[1].startswith("mallory@")

    lines = by("GSSAPIKeyExchange yes")
    async with peer(openssh, tmp_path, *lines, **serving(in_realm, server_factory=Mapping)) as ssh:
        done = await ssh.communicate("exit 5", environment=in_realm.as_user("mallory"))
        assert done.returncode == 5, done.stderr
        done = await ssh.communicate("exit 5", environment=in_realm.as_user("user"))
        assert done.returncode == 255
    assert asked[0] == ("user", f"mallory@{REALM}", f"host/{HOST}@{REALM}")


@asynctest
async def test_any_name_that_there_is_a_key_for(openssh: OpenSSH, tmp_path: Path, in_realm: Realm) -> None:
    """GSSAPIStrictAcceptorCheck no: this machine is called otherwise than its key, and no option says how."""
    name, file = "acceptor.example", tmp_path / "file"
    options = {**serving(in_realm), "gss_store": str(in_realm.keytab(f"host/{name}")), "config": file}
    del options["gss_host"]
    for said, given in (("yes", {}), ("no", {"gss_host": HOST})):
        file.write_text(f"GSSAPIStrictAcceptorCheck {said}\n")
        with pytest.raises(ValueError, match="this server has no keys"):
            await nacre.listen(port=0, server_host_keys=[host_key()], **options, **given)
    lines = "GSSAPIAuthentication yes", f"GSSAPIServerIdentity {name}", "PubkeyAuthentication no"
    async with peer(openssh, tmp_path, *lines, **options) as ssh:
        done = await ssh.communicate("exit 5", environment=in_realm.as_user("user"))
        assert done.returncode == 5, done.stderr
        assert Known.facts["gss_host_principal"] == f"host/{name}@{REALM}"
