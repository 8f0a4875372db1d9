"""Certificates of users on a server: who comes in, what that permits, and what fails closed."""

from __future__ import annotations

from typing import Any

import pytest

import nacre
from nacre.keys import certificate_options, decode_certificate
from nacre.user_certificates import check_source_address
from nacre.wire.fields import encode_string, encode_uint32
from tests.support.certificates import by_hand, option, options, principals
from tests.support.face import asynctest, connect, connected, serving, user_key

CA, OTHER_CA = (nacre.generate_private_key("ssh-ed25519") for _ in range(2))
AUTHORITY = f"cert-authority {CA.export_public_key().decode()}"


def cert(authority: nacre.SSHKey = CA, **values: Any) -> nacre.SSHCertificate:
    return authority.generate_user_certificate(user_key(), "the id", **{"principals": "user", **values})


def test_the_address_that_a_certificate_is_for():
    limited = cert(source_address=["192.0.2.0/24", "2001:db8::1"])
    for address in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"):
        check_source_address(limited, address)
    for address in ("192.0.3.7", "2001:db8::2", "", None, "/run/socket", "192.0.2.0/24"):
        with pytest.raises(ValueError, match="from this address"):
            check_source_address(limited, address)
        check_source_address(cert(), address)


@asynctest
async def test_networks_count_once_the_authority_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate may name a thousand, and take 15 ms: nobody does that work for strangers."""
    taken: list[bytes] = []
    apart = certificate_options._networks.__wrapped__
    monkeypatch.setattr(
        certificate_options, "_networks", lambda listed: taken.append(listed) or apart(listed)
    )
    many = ",".join(f"10.0.{number}.0/24" for number in range(3))
    async with serving(
        server_factory=nacre.SSHServer, authorized_client_keys=nacre.import_authorized_keys(AUTHORITY)
    ) as listener:
        # As bytes, and not made here: who makes a certificate looks at its networks.
        for authority, named, asked in ((OTHER_CA, many, 0), (CA, "10.*", 1), (CA, many, 1)):
            listed = options(option("source-address", encode_string(encode_string(named.encode()))))
            blob = by_hand(user_key(), authority, critical=listed)
            pair = nacre.SSHKeyPair("ssh-ed25519", blob, ("ssh-ed25519",), user_key().sign)
            pair.has_cert = True
            taken.clear()
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, client_keys=[pair])
            assert bool(taken) is bool(asked), (named, taken)


class CAServer(nacre.SSHServer):
    """Trusts our authority, and keeps its connections."""

    conns: list[nacre.SSHServerConnection]
    asked: list[tuple[str, nacre.SSHKey]]

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self.conns.append(conn)

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_ca_key(self, username: str, key: nacre.SSHKey) -> Any:  # type: ignore[override]  # it may be a coroutine
        self.asked.append((username, key))
        return key == CA.convert_to_public()


def factory() -> type[CAServer]:
    return type("Fresh", (CAServer,), {"conns": [], "asked": []})


async def admits(
    shown: nacre.SSHCertificate, line: str | None = None, **options: Any
) -> nacre.SSHServerConnection:
    """Log in with a certificate, and return the server's connection; PermissionDenied when it is refused."""
    kind = factory()
    if line is not None:
        options["authorized_client_keys"] = nacre.import_authorized_keys(line)
        options["server_factory"] = type("Plain", (kind,), {"validate_ca_key": lambda *_: False})
    keys = [(user_key(), shown)]
    async with (
        serving(**{"server_factory": kind, **options}) as listener,
        connected(listener, client_keys=keys),
    ):
        return kind.conns[-1]


async def refused(shown: nacre.SSHCertificate, line: str | None = None) -> None:
    with pytest.raises(nacre.PermissionDenied):
        await admits(shown, line)


@asynctest
async def test_an_authority_by_callback() -> None:
    kind = factory()
    async with serving(server_factory=kind) as listener:
        async with connected(listener, client_keys=[(user_key(), cert())]):
            assert kind.asked[-1] == ("user", CA.convert_to_public())
            assert kind.conns[-1].get_extra_info("client_key_blob")
        for wrong in (cert(OTHER_CA), cert(principals="other"), cert(principals=())):
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, client_keys=[(user_key(), wrong)])
        asked = len(kind.asked)
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[(user_key(), cert(valid_before=5))])
        assert len(kind.asked) == asked, "nobody is asked about what is no good anyway"


@asynctest
async def test_an_authority_in_authorized_keys() -> None:
    await admits(cert(), AUTHORITY)
    await refused(cert(principals="other"), AUTHORITY)
    await refused(cert(principals=()), AUTHORITY)
    await refused(cert(OTHER_CA), AUTHORITY)
    await refused(cert(), CA.export_public_key().decode())
    # The line names whom it admits: the certificate must have one of them, byte for byte.
    named = AUTHORITY.replace("cert-authority", 'cert-authority,principals="ops,web"')
    await admits(cert(principals="ops"), named)
    for names in (["user"], ["ops,web"], ["op*"], ["OPS"], []):
        await refused(cert(principals=names), named)
    # A line that does not fit is followed by the next.
    await admits(cert(), named + AUTHORITY)
    await refused(cert(), AUTHORITY.replace("cert-authority", 'cert-authority,from="192.0.2.1"'))
    await refused(cert(), AUTHORITY.replace("cert-authority", "cert-authority,made-up"))


@pytest.mark.parametrize("line", [None, AUTHORITY], ids=["callback", "line"])
@asynctest
async def test_what_no_authority_can_allow(line: str | None) -> None:
    """Rows 43 and 53, whoever vouches for the certificate."""
    await refused(cert(source_address="192.0.2.0/24"), line)
    await admits(cert(source_address="192.0.2.0/24,127.0.0.1"), line)
    await refused(cert(valid_after="+1h"), line)
    await refused(cert(valid_before="-1s"), line)
    for fields in (
        {"kind": encode_uint32(2)},
        {"critical": options(option("unknown@example.com"))},
        {"critical": options(option("verify-required"))},
        {"critical": options(option("permit-pty"))},
        {"principals": principals(b"a,user", b"user,a")},
    ):
        await refused(decode_certificate(by_hand(user_key(), CA, **fields)), line)
    await admits(decode_certificate(by_hand(user_key(), CA)), line)


@asynctest
async def test_what_it_permits() -> None:
    conn = await admits(cert(force_command="forced", source_address="127.0.0.1", permit_pty=False))
    assert conn.get_certificate_option("force-command") == "forced"
    assert [str(network) for network in conn.get_certificate_option("source-address")] == ["127.0.0.1/32"]
    assert conn.get_certificate_option("permit-pty", 5) == 5
    assert conn.get_certificate_option("permit-user-rc") is True
    assert conn.forced_command() == "forced"
    assert not conn.pty_allowed()
    assert not conn.check_certificate_permission("pty")
    assert conn.check_certificate_permission("X11-forwarding")
    assert conn.check_key_permission("pty")
    assert conn.get_key_option("command") is None
    conn = await admits(cert())
    assert conn.pty_allowed()
    assert conn.forced_command() is None


@asynctest
async def test_the_line_and_the_certificate_add_up() -> None:
    line = AUTHORITY.replace("cert-authority", 'cert-authority,no-pty,command="forced"')
    conn = await admits(cert(permit_port_forwarding=False), line)
    assert conn.forced_command() == "forced"
    assert not conn.pty_allowed()
    assert conn.check_certificate_permission("pty")
    assert not conn.check_certificate_permission("port-forwarding")
    assert conn.get_key_option("cert-authority") is True
    assert (await admits(cert(force_command="forced"), line)).forced_command() == "forced"
    await refused(cert(force_command="other"), line)
    await refused(cert(force_command=""), line)


@asynctest
async def test_the_plain_key_does_not_let_its_certificate_in_nor_the_reverse() -> None:
    plain = user_key().export_public_key().decode()
    await refused(cert(), "# nothing\n")
    async with serving(
        server_factory=nacre.SSHServer, authorized_client_keys=nacre.import_authorized_keys(AUTHORITY)
    ) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[user_key()])
    # Both are offered, the certificate first.
    conn = await admits(cert(OTHER_CA), plain)
    assert conn.get_certificate_option("permit-pty") is None
    assert conn.check_certificate_permission("pty")


@asynctest
async def test_a_second_factor_lifts_nothing() -> None:
    """Row 42, with a certificate as the first of two."""

    class Two(CAServer):
        conns: list[nacre.SSHServerConnection] = []
        asked: list[tuple[str, nacre.SSHKey]] = []

        def password_auth_supported(self) -> bool:
            return True

        async def validate_ca_key(self, username: str, key: nacre.SSHKey) -> Any:
            return nacre.PartialSuccess(["password"])

        def validate_password(self, username: str, password: str) -> bool:
            return password == "secret"

    shown = cert(force_command="forced", permit_pty=False)
    login = {"client_keys": [(user_key(), shown)], "password": "secret"}
    async with serving(server_factory=Two) as listener, connected(listener, **login):
        conn = Two.conns[-1]
        assert (conn.forced_command(), conn.pty_allowed()) == ("forced", False)


@pytest.mark.parametrize(
    "kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"]
)
@asynctest
async def test_every_kind_of_key(kind: str) -> None:
    key = nacre.generate_private_key(kind, **({"key_size": 2048} if kind == "ssh-rsa" else {}))
    shown = key.generate_user_certificate(key, "id", principals="user")
    lines = nacre.import_authorized_keys(f"cert-authority {key.export_public_key().decode()}")
    options = {"server_factory": nacre.SSHServer, "authorized_client_keys": lines}
    for algorithm in key.sig_algorithms:
        async with (
            serving(**options, signature_algs=[algorithm]) as listener,
            connected(listener, client_keys=[key], client_certs=[shown]),
        ):
            pass
    async with serving(
        **options, signature_algs=["ssh-ed25519" if kind != "ssh-ed25519" else "rsa-sha2-256"]
    ) as other:
        with pytest.raises(nacre.PermissionDenied):
            await connect(other, client_keys=[(key, shown)])


@asynctest
async def test_the_log_says_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "nacre")
    await refused(cert(OTHER_CA))
    await refused(cert(valid_before=5))
    damaged = bytearray(cert().public_data)
    damaged[-1] ^= 1
    said = caplog.text
    assert "certificate 'the id' (serial 0) for user was refused: its authority is not trusted" in said
    assert "certificate 'the id' (serial 0) for user was refused: the certificate has expired" in said
    line = f'cert-authority,principals="ops" {CA.export_public_key().decode()}'
    await refused(cert(), line)
    assert "was refused: it is for other names than its authority's line" in caplog.text


def test_encoding_helpers_make_what_is_meant():
    sound = decode_certificate(
        by_hand(user_key(), CA, critical=options(option("force-command", encode_string(b"x"))))
    )
    assert sound.restrictions.force_command == "x"
