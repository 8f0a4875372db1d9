"""What authorities and vouching hosts may sign with, and that everything else is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import signature_lists as lists
from nacre.client_config import configured
from nacre.server_config import configuration_of, configured_server
from tests.support.face import asynctest, connect, connected, host_key, serving, user_key

SHA256, SHA512, ED25519 = "rsa-sha2-256", "rsa-sha2-512", "ssh-ed25519"


@cache
def authority() -> nacre.SSHKey:
    return nacre.generate_private_key("ssh-rsa", key_size=2048)


def of_server(path: Path, text: str, **given: Any) -> nacre.SSHServerConnectionOptions:
    path.write_text(text)
    return configured_server(nacre.SSHServerConnectionOptions(config=path, **given))


def of_client(path: Path, text: str) -> nacre.SSHClientConnectionOptions:
    path.write_text(text)
    return configured(nacre.SSHClientConnectionOptions(config=path, host="h", username="u"))


def test_what_is_taken_where_nothing_is_said() -> None:
    options = nacre.SSHClientConnectionOptions()
    assert lists.authority_algorithms(options) == lists.default_authority_algorithms()
    assert {ED25519, SHA256, SHA512} < set(lists.default_authority_algorithms())
    assert not [
        name for name in lists.default_authority_algorithms() if "webauthn" in name or name == "ssh-rsa"
    ]
    assert lists.hostbased_algorithms(options) is None


@pytest.mark.parametrize("read", [of_server, of_client])
@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("rsa-sha2-256,ssh-ed25519", (SHA256, ED25519)),
        ("ssh-rsa,rsa-sha2-512", (SHA512,)),
        ("rsa-*", (SHA512, SHA256)),
        ("-*sk-*,ecdsa-*", (ED25519, SHA512, SHA256)),
        ("+ssh-rsa", lists.default_authority_algorithms()),
        ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com",)),
    ],
)
def test_the_lists_of_authorities(tmp_path: Path, read: Any, said: str, taken: tuple[str, ...]) -> None:
    assert lists.authority_algorithms(read(tmp_path / "file", f"CASignatureAlgorithms {said}\n")) == taken


@pytest.mark.parametrize("read", [of_server, of_client])
def test_the_lists_of_hosts_name_certificates_too(tmp_path: Path, read: Any) -> None:
    def taken(said: str) -> Any:
        return lists.hostbased_algorithms(read(tmp_path / "file", f"HostbasedAcceptedAlgorithms {said}\n"))

    certificate = f"{ED25519}-cert-v01@openssh.com"
    assert taken(f"{certificate},ssh-dss") == (certificate,)
    assert taken("^rsa-sha2-256")[:2] == (SHA256, certificate)
    assert taken("-*-cert-*,ecdsa-*,sk-*") == (ED25519, SHA512, SHA256)
    assert taken("+ssh-rsa") == lists.default_hostbased_algorithms()


@pytest.mark.parametrize("read", [of_server, of_client])
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("CASignatureAlgorithms ssh-rsa", "nacre has none of ssh-rsa"),
        ("CASignatureAlgorithms -*", "leaves no signature algorithm"),
        ("CASignatureAlgorithms -rsa-sha2-265", "unknown signature algorithm"),
        ("CASignatureAlgorithms ssh-ed25519-cert-v01@openssh.com", "unknown signature algorithm"),
        ("HostbasedAcceptedAlgorithms ssh-rsa", "nacre has none of ssh-rsa"),
        ("HostbasedAcceptedAlgorithms -*", "leaves no signature algorithm"),
        ("HostbasedAcceptedAlgorithms made-up", "unknown signature algorithm"),
    ],
)
def test_a_list_that_is_wrong_names_its_line(tmp_path: Path, read: Any, line: str, why: str) -> None:
    with pytest.raises(nacre.ConfigParseError, match=f"line 1: {line.split(maxsplit=1)[0]}: .*{why}"):
        read(tmp_path / "file", f"{line}\n")


def test_match_may_be_about_authorities_and_not_about_hosts(tmp_path: Path) -> None:
    text = "CASignatureAlgorithms rsa-sha2-256\nMatch user bob\nCASignatureAlgorithms rsa-sha2-512\n"
    options = of_server(tmp_path / "file", text)
    configuration = configuration_of(options)
    assert configuration is not None
    ends = ("192.0.2.1", 1), ("192.0.2.2", 22)
    for user, algorithm in (("bob", SHA512), ("eve", SHA256)):
        assert lists.authority_algorithms(configuration.login(user, ends).options) == (algorithm,)
    with pytest.raises(nacre.ConfigParseError, match="holds for a whole connection"):
        of_server(tmp_path / "file", "Match user bob\nHostbasedAcceptedAlgorithms ssh-ed25519\n")


def test_the_refusal(tmp_path: Path) -> None:
    options = of_server(tmp_path / "file", "CASignatureAlgorithms rsa-sha2-512\n")
    for algorithm in (SHA512, SHA256):
        cert = authority().generate_user_certificate(user_key(), "id", sig_alg=algorithm)
        if algorithm == SHA512:
            lists.require_authority_algorithm(cert, options)
        else:
            with pytest.raises(
                ValueError, match="signed with rsa-sha2-256, which CASignatureAlgorithms has not"
            ):
                lists.require_authority_algorithm(cert, options)


@asynctest
async def test_a_server_refuses_certificates_of_users(tmp_path: Path) -> None:
    (tmp_path / "ca").write_bytes(authority().export_public_key())
    (tmp_path / "file").write_text(
        f"TrustedUserCAKeys {tmp_path / 'ca'}\nAuthorizedKeysFile none\nCASignatureAlgorithms rsa-sha2-512\n"
    )
    options = {"config": tmp_path / "file", "authorized_client_keys": (), "server_factory": nacre.SSHServer}
    async with serving(**options) as listener:
        for algorithm in (SHA512, SHA256):
            cert = authority().generate_user_certificate(
                user_key(), "id", principals=["user"], sig_alg=algorithm
            )
            if algorithm == SHA512:
                async with connected(listener, client_keys=[(user_key(), cert)]):
                    pass
            else:
                with pytest.raises(nacre.PermissionDenied):
                    await connect(listener, client_keys=[(user_key(), cert)])


class Trusting(nacre.SSHClient):
    """Trusts whoever certifies."""

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
        return True


@asynctest
async def test_a_client_refuses_certificates_of_hosts(tmp_path: Path) -> None:
    cert = authority().generate_host_certificate(host_key(), "id", principals=["127.0.0.1"], sig_alg=SHA256)
    public = authority().export_public_key().decode()
    trusted = {"known_hosts": f"@cert-authority * {public}".encode()}
    asked = {"known_hosts": b"", "client_factory": Trusting}
    file = tmp_path / "file"
    async with serving(server_host_keys=[(host_key(), cert)]) as listener:
        for believing in (trusted, asked):
            file.write_text("CASignatureAlgorithms rsa-sha2-256\n")
            async with connected(listener, config=file, **believing):
                pass
            file.write_text("CASignatureAlgorithms -rsa-sha2-256\n")
            with pytest.raises(nacre.HostKeyNotVerifiable, match="signed with rsa-sha2-256"):
                await connect(listener, config=file, **believing)


@asynctest
async def test_hosts_that_vouch(tmp_path: Path) -> None:
    """RSA signs best with rsa-sha2-512: the client's list chooses, and the server's refuses."""
    rsa, (ours, theirs) = authority(), (tmp_path / "client", tmp_path / "server")
    cert = rsa.generate_host_certificate(rsa, "id", principals=["h"], sig_alg=SHA256)
    public = rsa.export_public_key().decode()

    async def enters(of_ours: str, of_theirs: str, *shown: Any) -> bool:
        ours.write_text(of_ours)
        theirs.write_text(of_theirs)
        known = f"{'@cert-authority ' if shown else ''}h {public}".encode()
        options = {"config": theirs, "known_client_hosts": known, "trust_client_host": True}
        mine = {"client_host_keys": list(shown) or [rsa], "client_host": "h", "client_username": "user"}
        async with serving(**options, server_factory=nacre.SSHServer, authorized_client_keys=()) as listener:
            try:
                async with connected(listener, config=ours, **mine):
                    return True
            except nacre.PermissionDenied:
                return False

    keyword = "HostbasedAcceptedAlgorithms"
    assert await enters("", "")
    assert not await enters("", f"{keyword} rsa-sha2-256\n")
    assert await enters(f"{keyword} rsa-sha2-256\n", f"{keyword} rsa-sha2-256\n")
    assert not await enters(f"{keyword} ssh-ed25519\n", "")
    # What users may sign with says nothing of hosts, once that is said.
    assert await enters(
        f"{keyword} rsa-*\n", f"PubkeyAcceptedAlgorithms ssh-ed25519\n{keyword} rsa-sha2-512\n"
    )
    # A certificate is another algorithm, and has another signature, its authority's.
    certified = (rsa, cert)
    assert await enters("", "CASignatureAlgorithms rsa-sha2-256\n", certified)
    assert not await enters("", "CASignatureAlgorithms rsa-sha2-512\n", certified)
    assert not await enters("", f"{keyword} rsa-sha2-512\n", certified)
    only = f"{keyword} rsa-sha2-512-cert-v01@openssh.com\n"
    assert await enters(only, only, certified)
    assert not await enters("", only)
