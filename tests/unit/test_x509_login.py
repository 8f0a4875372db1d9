"""Logins and hosts with X.509 certificates: off, until a root is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.keys import X509_ALGORITHMS
from nacre.keys.x509_directories import subject_hash
from nacre.x509_login import _is_same
from tests.support.face import HOST, asynctest, connect, connected, host_key, reported, serving, user_key
from tests.support.x509 import KEYS, ROOT, authority

ROOT_CERT = authority("CN=root")
INTER = authority("CN=int", "CN=root")
NAMES = ["ecdsa-sha2-nistp256", "ssh-rsa"]


def certified(name: str = NAMES[0], **how: Any) -> tuple[nacre.SSHKey, bytes]:
    """A key with its chain, as the content of a file."""
    how = {"principals": "user", **how}
    leaf = ROOT.generate_x509_user_certificate(KEYS[name], "CN=x", "CN=int", **how)
    return KEYS[name], leaf.export_certificate() + INTER.export_certificate()


def line_of(certificate: Any) -> bytes:
    return certificate.export_certificate("openssh")


def named_by(root: Any) -> nacre.SSHAuthorizedKeys:
    """The list of those whom an authority names."""
    return nacre.import_authorized_keys(b"cert-authority " + line_of(root))


#: What a certificate may say of itself in a line, and a root must vouch for.
SUBJECT = nacre.import_authorized_keys(b"x509v3-ssh-rsa subject=CN=x")
SERVER = {"server_factory": nacre.SSHServer, "authorized_client_keys": named_by(ROOT_CERT)}
ROOTS = {
    "server_factory": nacre.SSHServer,
    "authorized_client_keys": SUBJECT,
    "x509_trusted_certs": [ROOT_CERT],
}


@pytest.mark.parametrize("name", NAMES)
@asynctest
async def test_a_user_logs_in(name: str, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(ROOT_CERT.export_certificate())
    key, chain = certified(name)
    (tmp_path / "chain.pem").write_bytes(chain)
    key.write_private_key(tmp_path / "key")
    (tmp_path / "both").write_bytes(key.export_private_key("pkcs8-pem") + chain)
    locked = key.export_private_key(passphrase="x", rounds=1, ignore_few_rounds=True)
    (tmp_path / "locked").write_bytes(locked + chain)
    serves = {**ROOTS, "x509_trusted_certs": str(tmp_path / "root.pem")}
    async with serving(**serves) as listener:
        for given in ({"client_keys": [(key, chain)]},
                      {"client_keys": [(tmp_path / "key", tmp_path / "chain.pem")]},
                      {"client_keys": [tmp_path / "key"], "client_certs": tmp_path / "chain.pem"},
                      {"client_keys": tmp_path / "both"}, {"client_keys": tmp_path / "locked", "passphrase": lambda name: "x"}):  # fmt: skip
            async with connected(listener, **given):
                pass


@pytest.mark.parametrize(
    "how",
    [
        {"principals": "other"},
        {"principals": "User"},
        {"purposes": "secureShellServer"},
        {"valid_before": 1000},
        {"principals": ()},
    ],
    ids=["name", "case", "purpose", "expired", "common-name"],
)
@asynctest
async def test_a_user_is_refused(how: dict[str, Any]) -> None:
    async with serving(**SERVER) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[certified(**how)])


@asynctest
async def test_other_roots_and_none() -> None:
    key, chain = certified()
    for others in (
        {**ROOTS, "x509_trusted_certs": [authority("CN=other")]},
        {**SERVER, "authorized_client_keys": named_by(authority("CN=other"))},
    ):
        async with serving(**others) as listener:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, client_keys=[(key, chain)])
    async with serving(**ROOTS) as listener:
        leaf = nacre.import_certificate(chain.split(b"-----BEGIN", 2)[1].join((b"-----BEGIN", b"")))
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[(key, leaf)])
    lines = nacre.import_authorized_keys(user_key().export_public_key())
    async with serving(server_factory=nacre.SSHServer, authorized_client_keys=lines) as listener:
        async with connected(listener, client_keys=[user_key()]) as connection:
            algorithms = connection.get_extra_info("server_sig_algs") or ()
            assert not set(algorithms) & set(X509_ALGORITHMS)
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[(key, chain)], signature_algs=["ecdsa-sha2-nistp256"])


@pytest.mark.parametrize("revoked", [KEYS[NAMES[0]], ROOT], ids=["own", "authority"])
@asynctest
async def test_a_revoked_key_logs_nobody_in(revoked: nacre.SSHKey) -> None:
    key, chain = certified()
    for trusts in (SERVER, ROOTS):
        async with serving(**trusts, revoked_keys=revoked.export_public_key()) as listener:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, client_keys=[(key, chain)])


@asynctest
async def test_a_root_alone_lets_nobody_in(caplog: pytest.LogCaptureFixture) -> None:
    """As with AsyncSSH: a program that gives lists to some users in `begin_auth` gives none to the others."""

    class Server(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            self.conn = conn

        def begin_auth(self, username: str) -> bool:
            if username == "user":
                self.conn.set_authorized_keys(SUBJECT)
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: nacre.SSHKey) -> bool:
            return False  # asked of the key alone, which the client shows too

        def validate_ca_key(self, username: str, key: nacre.SSHKey) -> bool:
            raise AssertionError("that is for OpenSSH's certificates")

    roots, given = (
        {"x509_trusted_certs": [ROOT_CERT]},
        {"client_keys": [certified(principals=("user", "other"))]},
    )
    caplog.set_level("INFO", "nacre")
    async with serving(server_factory=Server, **roots) as listener:
        async with connected(listener, **given):
            pass
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, username="other", **given)
    assert "a line of authorized_client_keys must admit it, and there are none" in caplog.text


def host_chain(**how: Any) -> tuple[nacre.SSHKey, bytes]:
    how = {"principals": HOST, **how}
    key = KEYS["ecdsa-sha2-nistp256"]
    leaf = ROOT.generate_x509_host_certificate(key, "CN=host", "CN=int", **how)
    return key, leaf.export_certificate() + INTER.export_certificate()


@asynctest
async def test_a_host_is_believed() -> None:
    async with serving(server_host_keys=[host_chain(), host_key()]) as listener:
        trusts = {"known_hosts": b"", "x509_trusted_certs": [ROOT_CERT]}
        async with connected(listener, **trusts) as connection:
            assert connection.get_server_host_key() == KEYS["ecdsa-sha2-nistp256"].convert_to_public()
        # Without a root, it is not asked for a chain.
        known = f"[{HOST}]:{listener.get_port()} {host_key().export_public_key().decode()}".encode()
        async with connected(listener, known_hosts=known) as connection:
            assert connection.get_server_host_key() == host_key().convert_to_public()
        barred = {**trusts, "revoked_host_keys": KEYS["ecdsa-sha2-nistp256"].export_public_key()}
        with pytest.raises(nacre.HostKeyNotVerifiable, match="revoked"):
            await connect(listener, **barred)
        leaf = nacre.import_certificate(host_chain()[1].split(b"-----BEGIN", 2)[1].join((b"-----BEGIN", b"")))
        for certificate in (leaf, INTER):
            line = b"@revoked * " + certificate.export_certificate("openssh")
            with pytest.raises(nacre.HostKeyNotVerifiable, match="revoked"):
                await connect(listener, **{**trusts, "known_hosts": line})
        for subject in (b"CN=host", b"CN=int", b"CN=root"):
            line = b"@revoked * x509v3-ssh-rsa subject=" + subject
            with pytest.raises(nacre.HostKeyNotVerifiable, match=r"revoked|vouches|trusted here"):
                await connect(listener, **{**trusts, "known_hosts": line})
        with pytest.raises(nacre.NotSupportedYet, match="revoked"):
            await connect(listener, **{**trusts, "known_hosts": b"@revoked * x509v3-ssh-rsa subject=host"})
        assert "NotSupportedYet" in str(reported())


@asynctest
async def test_a_revoked_root_vouches_for_nobody() -> None:
    key = KEYS["ecdsa-sha2-nistp521"]
    root = key.generate_x509_ca_certificate(key, "CN=other root")
    leaf = key.generate_x509_user_certificate(KEYS[NAMES[0]], "CN=x", "CN=other root", principals="user")
    for revoked in (None, key.export_public_key()):
        roots = {**ROOTS, "x509_trusted_certs": [ROOT_CERT, root]}
        async with serving(**roots, revoked_keys=revoked) as listener:
            given = {"client_keys": [(KEYS[NAMES[0]], leaf)]}
            if revoked is None:
                async with connected(listener, **given):
                    continue
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, **given)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"principals": "elsewhere.example"}, "it is for elsewhere"),
        ({"purposes": "secureShellClient"}, "purposes"),
        ({"valid_before": 1000}, "vouches"),
    ],
    ids=["name", "purpose", "expired"],
)
@asynctest
async def test_a_host_is_not_believed(how: dict[str, Any], said: str) -> None:
    async with serving(server_host_keys=[host_chain(**how)]) as listener:
        with pytest.raises(nacre.HostKeyNotVerifiable, match=said):
            await connect(listener, known_hosts=b"", x509_trusted_certs=[ROOT_CERT])
        with pytest.raises(nacre.HostKeyNotVerifiable, match="not believed"):
            await connect(listener, known_hosts=b"", x509_trusted_certs=[authority("CN=other")])


@asynctest
async def test_roots_in_a_directory(tmp_path: Path) -> None:
    where = {"x509_trusted_cert_paths": [str(tmp_path)]}
    file = tmp_path / f"{subject_hash(ROOT_CERT.x509_cert.subject)}.0"
    key, chain = certified()
    serves = {**where, "authorized_client_keys": SUBJECT, "server_host_keys": [host_chain(), host_key()]}
    async with serving(server_factory=nacre.SSHServer, **serves) as listener:
        host = {"known_hosts": b"", **where}
        user = {"client_keys": [(key, chain)]}
        for content in (None, b"junk"):
            if content is not None:
                file.write_bytes(content)
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, **user)
            with pytest.raises(nacre.HostKeyNotVerifiable, match="not believed"):
                await connect(listener, **host, **user)
        file.write_bytes(ROOT_CERT.export_certificate())
        async with connected(listener, **host, **user):
            pass


@asynctest
async def test_known_hosts_with_x509() -> None:
    """A certificate of the host's own, one that vouches for it, and its subject."""
    key, chain = host_chain(principals="elsewhere.example")
    leaf = nacre.import_certificate(chain.split(b"-----BEGIN", 2)[1].join((b"-----BEGIN", b"")))
    roots = {"x509_trusted_certs": [ROOT_CERT]}
    subject, other = (b"* x509v3-ssh-rsa subject=CN=" + name for name in (b"host\n", b"other\n"))
    own = b"* " + line_of(leaf)
    async with serving(server_host_keys=[(key, chain), host_key()]) as listener:
        for known, trusts in ((own, {}), (subject, roots), (subject + b"@cert-authority * " + line_of(ROOT_CERT), {}),
                              (other + own, roots)):  # fmt: skip
            async with connected(listener, known_hosts=known, **trusts) as connection:
                assert connection.get_server_host_key() == key.convert_to_public()
        for known, trusts in ((subject, {}), (other, roots), (b"* " + line_of(ROOT_CERT), {}),
                              (b"elsewhere " + own[2:], roots), (own + b"@revoked " + own, roots),
                              (b"@revoked " + subject + own, roots)):  # fmt: skip
            with pytest.raises(nacre.HostKeyNotVerifiable):
                await connect(listener, known_hosts=known, **trusts)
    named, old = host_chain(), host_chain(valid_before=1000)
    expired = nacre.import_certificate(old[1].split(b"-----BEGIN", 2)[1].join((b"-----BEGIN", b"")))
    async with serving(server_host_keys=[named]) as listener:
        async with connected(listener, known_hosts=b"* " + line_of(ROOT_CERT)):
            pass
        with pytest.raises(nacre.HostKeyNotVerifiable, match="another subject"):
            await connect(listener, known_hosts=other, **roots)
    async with serving(server_host_keys=[old]) as listener:
        with pytest.raises(nacre.HostKeyNotVerifiable, match="not believed"):
            await connect(listener, known_hosts=b"* " + line_of(expired))


@asynctest
async def test_authorized_keys_with_x509() -> None:
    conns: list[nacre.SSHServerConnection] = []

    class Server(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            conns.append(conn)

    key, chain = certified(principals="somebody")
    leaf = nacre.import_certificate(chain.split(b"-----BEGIN", 2)[1].join((b"-----BEGIN", b"")))
    subject, roots = b"x509v3-ssh-rsa subject=CN=x\n", {"x509_trusted_certs": [ROOT_CERT]}
    named = b'cert-authority,principals="somebody",no-pty ' + line_of(ROOT_CERT)
    given = {"client_keys": [(key, chain)]}
    for lines, trusts in ((b"no-pty " + line_of(leaf), {}), (b"no-pty " + subject, roots), (named, {})):
        keys = nacre.import_authorized_keys(lines)
        async with (
            serving(server_factory=Server, authorized_client_keys=keys, **trusts) as listener,
            connected(listener, **given),
        ):
            assert not conns[-1].pty_allowed()
    away = b'from="192.0.2.1" '
    mine, mine_chain = certified()
    my_leaf = nacre.import_certificate(mine_chain.split(b"-----BEGIN", 2)[1].join((b"-----BEGIN", b"")))
    barred = {"revoked_keys": ROOT.export_public_key()}
    for lines, trusts, shown in (
        (subject, {}, (key, chain)),
        (subject.replace(b"CN=x", b"CN=y"), roots, (key, chain)),
        (b"cert-authority " + line_of(ROOT_CERT), {}, (key, chain)),
        (away + line_of(leaf), {}, (key, chain)),
        # The root vouches for this one; the line keeps it out, and so does a list in which it is not.
        (away + line_of(my_leaf), roots, (mine, mine_chain)),
        (user_key().export_public_key(), roots, (mine, mine_chain)),
        (subject.replace(b"CN=x", b"CN=y"), roots, (mine, mine_chain)),
        (named, barred, (key, chain)),
    ):
        keys = nacre.import_authorized_keys(lines)
        async with serving(server_factory=nacre.SSHServer, authorized_client_keys=keys, **trusts) as listener:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, client_keys=[shown])


def test_options(tmp_path: Path) -> None:
    ordinary = ROOT.generate_user_certificate(ROOT, "id")
    with pytest.raises(ValueError, match=r"takes X\.509"):
        nacre.SSHServerConnectionOptions(x509_trusted_certs=[ordinary])
    with pytest.raises(ValueError, match="no purpose"):
        nacre.SSHServerConnectionOptions(x509_purposes="fun")
    assert nacre.SSHClientConnectionOptions(x509_trusted_certs=[]).x509_trusted_certs is None
    assert nacre.SSHClientConnectionOptions(x509_trusted_cert_paths=None).x509_trusted_cert_paths == ()
    for wrong, error in ((str(tmp_path / "none"), NotADirectoryError), ([7], TypeError)):
        with pytest.raises(error):
            nacre.SSHClientConnectionOptions(x509_trusted_cert_paths=wrong)


def test_names_of_hosts() -> None:
    assert _is_same("A.example", "a.Example.")
    assert _is_same("2001:db8::1", "2001:0db8:0::1")
    for host, principal in (
        ("", ""),
        ("a.example", "*.example"),
        ("127.0.0.1", "127.0.0.2"),
        ("a", "1.2.3.4"),
    ):
        assert not _is_same(host, principal)
