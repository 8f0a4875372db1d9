"""What users, authorities and vouching hosts may sign with, and that everything else is refused."""

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


def of_client(path: Path, text: str, **given: Any) -> nacre.SSHClientConnectionOptions:
    path.write_text(text)
    return configured(nacre.SSHClientConnectionOptions(config=path, host="h", username="u", **given))


def test_what_is_taken_where_nothing_is_said() -> None:
    options = nacre.SSHClientConnectionOptions()
    assert lists.authority_algorithms(options) == lists.default_authority_algorithms()
    assert {ED25519, SHA256, SHA512} < set(lists.default_authority_algorithms())
    assert not [
        name for name in lists.default_authority_algorithms() if "webauthn" in name or name == "ssh-rsa"
    ]
    assert lists.hostbased_algorithms(options) is None
    assert lists.publickey_algorithms(options) is None
    assert lists.announced_algorithms(nacre.SSHServerConnectionOptions()) is None


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
@pytest.mark.parametrize(
    ("keyword", "found"),
    [
        ("HostbasedAcceptedAlgorithms", lists.hostbased_algorithms),
        ("PubkeyAcceptedAlgorithms", lists.publickey_algorithms),
        ("PubkeyAcceptedKeyTypes", lists.publickey_algorithms),
    ],
)
def test_the_lists_of_hosts_and_users_name_certificates_too(
    tmp_path: Path, read: Any, keyword: str, found: Any
) -> None:
    def taken(said: str) -> Any:
        return found(read(tmp_path / "file", f"{keyword} {said}\n"))

    certificate = f"{ED25519}-cert-v01@openssh.com"
    assert taken(f"{certificate},ssh-dss") == (certificate,)
    assert taken("^rsa-sha2-256")[:2] == (SHA256, certificate)
    assert taken("-*-cert-*,ecdsa-*,sk-*") == (ED25519, SHA512, SHA256)
    assert taken("+ssh-rsa") == lists.default_accepted_algorithms()
    assert taken("ssh-*-cert-*") == (certificate,)
    assert taken(ED25519) == (ED25519,)
    assert "webauthn-sk-ecdsa-sha2-nistp256@openssh.com" not in taken("-ssh-rsa")


OF_RSA = "rsa-sha2-512-cert-v01@openssh.com"


@pytest.mark.parametrize("read", [of_server, of_client])
@pytest.mark.parametrize(
    ("said", "given", "taken"),
    [
        ("*-cert-*", [SHA512, ED25519], {OF_RSA, f"{ED25519}-cert-v01@openssh.com"}),
        ("rsa-*", [SHA512], {SHA512, OF_RSA}),
        (f"{ED25519},{SHA256}", [SHA256], {SHA256}),
        ("sk-*", ["sk-ssh-ed25519@openssh.com"],
         {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com"}),
    ],
)  # fmt: skip
def test_the_option_and_the_keyword_both_hold(
    tmp_path: Path, read: Any, said: str, given: list[str], taken: set[str]
) -> None:
    options = read(tmp_path / "file", f"PubkeyAcceptedAlgorithms {said}\n", signature_algs=given)
    assert set(lists.publickey_algorithms(options) or ()) == taken
    assert options.signature_algs == tuple(given)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (of_client, "PubkeyAcceptedAlgorithms rsa-*\n"),
        (of_server, "PubkeyAcceptedAlgorithms rsa-*\n"),
        (of_server, "Match user bob\nPubkeyAcceptedAlgorithms rsa-*\n"),
    ],
)
def test_nothing_in_common_of_option_and_keyword_is_told(tmp_path: Path, read: Any, text: str) -> None:
    with pytest.raises(
        nacre.ConfigParseError, match="signature_algs, which leaves none of them: ssh-ed25519"
    ):
        read(tmp_path / "file", text, signature_algs=[ED25519])


@pytest.mark.parametrize(
    ("text", "given", "announced"),
    [
        ("Port 22\n", (), None),
        ("PubkeyAcceptedAlgorithms *-cert-*\n", (), "default"),
        (f"PubkeyAcceptedAlgorithms {OF_RSA},{ED25519}\n", (), (ED25519, SHA512)),
        (f"PubkeyAcceptedAlgorithms {OF_RSA},{ED25519}\n", [SHA512], (SHA512,)),
        (f"PubkeyAcceptedAlgorithms {OF_RSA}\nMatch user bob\nPubkeyAcceptedAlgorithms {SHA256}\n", (),
         (SHA512, SHA256)),
        (f"Match user bob\nPubkeyAcceptedAlgorithms {SHA256}\n", [SHA256, ED25519], (ED25519, SHA256)),
    ],
)  # fmt: skip
def test_what_a_server_announces_is_what_somebody_may_sign_with(
    tmp_path: Path, text: str, given: Any, announced: Any
) -> None:
    options = of_server(tmp_path / "file", text, signature_algs=given)
    if announced == "default":
        announced = lists.default_authority_algorithms()
    assert lists.announced_algorithms(options) == announced


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
        ("PubkeyAcceptedAlgorithms ssh-rsa", "nacre has none of ssh-rsa"),
        ("PubkeyAcceptedAlgorithms ssh-rsa-cert-v01@openssh.com", "nacre has none of ssh-rsa-cert"),
        ("PubkeyAcceptedAlgorithms -*", "leaves no signature algorithm"),
        ("PubkeyAcceptedAlgorithms -ssh-ed25519-cert-v01", "unknown signature algorithm"),
        ("PubkeyAcceptedAlgorithms !ssh-ed25519", "unknown signature algorithm"),
        ("PubkeyAcceptedKeyTypes made*", "no signature algorithm offered by default matches"),
    ],
)
def test_a_list_that_is_wrong_names_its_line(tmp_path: Path, read: Any, line: str, why: str) -> None:
    with pytest.raises(nacre.ConfigParseError, match=f"line 1: {line.split(maxsplit=1)[0]}: .*{why}"):
        read(tmp_path / "file", f"{line}\n")


@pytest.mark.parametrize(
    ("keyword", "found"),
    [
        ("CASignatureAlgorithms", lists.authority_algorithms),
        ("HostbasedAcceptedAlgorithms", lists.hostbased_algorithms),
        ("PubkeyAcceptedAlgorithms", lists.publickey_algorithms),
    ],
)
def test_match_may_be_about_them(tmp_path: Path, keyword: str, found: Any) -> None:
    text = f"{keyword} rsa-sha2-256\nMatch user bob\n{keyword} rsa-sha2-512\n"
    options = of_server(tmp_path / "file", text)
    configuration = configuration_of(options)
    assert configuration is not None
    ends = ("192.0.2.1", 1), ("192.0.2.2", 22)
    for user, algorithm in (("bob", SHA512), ("eve", SHA256)):
        assert found(configuration.login(user, ends).options) == (algorithm,)


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


def shown_by(key: nacre.SSHKey, **how: Any) -> Any:
    """Return a certificate of a user's key, with the key."""
    return key, authority().generate_user_certificate(key, "id", principals=["user"], **how)


@cache
def other_rsa() -> nacre.SSHKey:
    return nacre.generate_private_key("ssh-rsa", key_size=2048)


#: What a user shows, by the algorithms that it can be taken with.
KINDS: dict[str, Any] = {
    ED25519: lambda: user_key(),
    f"{ED25519}-cert-v01@openssh.com": lambda: shown_by(host_key()),
    f"{SHA512} {SHA256}": lambda: authority(),
    f"{OF_RSA} rsa-sha2-256-cert-v01@openssh.com": lambda: shown_by(other_rsa()),
}
SAID = (ED25519, "*-cert-*", f"{SHA256},ssh-ed25519-cert-v01@openssh.com")


@asynctest
async def test_users_by_every_list(tmp_path: Path) -> None:
    """Each kind of key with each list: on the server, whose client would show everything, and the other way round."""
    (tmp_path / "keys").write_bytes(
        authority().export_public_key() + user_key().export_public_key()
        + b"cert-authority " + authority().export_public_key()
    )  # fmt: skip
    server, client = tmp_path / "server", tmp_path / "client"
    open_to_all = {"server_factory": nacre.SSHServer, "authorized_client_keys": str(tmp_path / "keys")}
    async with serving(**open_to_all) as free:
        for said in SAID:
            text = f"PubkeyAcceptedAlgorithms {said}\n"
            client.write_text(text)
            server.write_text(f"PubkeyAcceptedAlgorithms ssh-ed25519\nMatch user user\n{text}")
            taken = set(lists.publickey_algorithms(of_server(tmp_path / "x", text)) or ())
            async with serving(**open_to_all, config=server) as judging:
                for names, make in KINDS.items():
                    right = not taken.isdisjoint(names.split())
                    for listener, options in ((judging, {}), (free, {"config": client})):
                        assert await enters(listener, make(), **options) is right, (said, names)


async def enters(listener: Any, key: Any, **options: Any) -> bool:
    try:
        async with connected(listener, client_keys=[key], **options):
            return True
    except nacre.PermissionDenied:
        return False
