"""CASignatureAlgorithms, HostbasedAcceptedAlgorithms and PubkeyAcceptedAlgorithms: the same files for nacre, ssh and sshd of
both versions."""

from __future__ import annotations

import asyncio
import os
import pwd
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.client_config import configured
from nacre.server_auth import ServerAuthenticator
from nacre.server_config import configured_server
from nacre.signature_lists import authority_algorithms, hostbased_algorithms, publickey_algorithms
from tests.interop.programs import connected, peer
from tests.support.face import asynctest, client_options, serving
from tests.support.openssh import OpenSSH, Ssh, Sshd

pytestmark = pytest.mark.requires("sshd")

USER = pwd.getpwuid(os.geteuid()).pw_name
#: ssh-rsa is SHA-1, which OpenSSH has by name and nacre not at all.
ALGORITHMS = ("rsa-sha2-256", "rsa-sha2-512", "ssh-rsa")
LISTS = ("rsa-sha2-256,ssh-ed25519", "-ecdsa-*,rsa-sha2-512", "^rsa-sha2-256", "+ssh-rsa", "rsa-*")


def sign(openssh: OpenSSH, authority: Path, key: Path, algorithm: str, *options: str) -> Path:
    """Have ssh-keygen certify a key with an algorithm; returns the file of the certificate."""
    command = [openssh.ssh_keygen, "-q", "-s", authority, "-t", algorithm, "-I", "id", *options]
    subprocess.run([*command, key.with_suffix(".pub")], check=True, timeout=120)
    return Path(f"{key}-cert.pub").rename(key.with_name(f"{key.name}-{algorithm}-cert.pub"))


def shown(command: list[str | Path]) -> dict[str, list[str]]:
    """Return what a program has made of the three keywords."""
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    wanted = ("casignaturealgorithms", "hostbasedacceptedalgorithms", "pubkeyacceptedalgorithms")
    return {name: value.split(",") for name, _, value in pairs if name in wanted}


@pytest.mark.parametrize("said", LISTS)
def test_both_read_the_same(openssh: OpenSSH, tmp_path: Path, said: str) -> None:
    file = tmp_path / "file"
    keywords = ("CASignatureAlgorithms", "HostbasedAcceptedAlgorithms", "PubkeyAcceptedKeyTypes")
    file.write_text("".join(f"{keyword} {said}\n" for keyword in keywords))
    client = configured(nacre.SSHClientConnectionOptions(config=file, host="h", username="u"))
    server = configured_server(nacre.SSHServerConnectionOptions(config=file))
    judges = [(client, [openssh.ssh, "-G", "-F", file, "h"])]
    if os.geteuid() == 0:  # sshd -T looks for root's directory before it reads
        Path("/run/sshd").mkdir(exist_ok=True)
        key = openssh.make_key(tmp_path / "key")
        judges.append((server, [openssh.sshd, "-T", "-h", key, "-f", file]))
    for options, command in judges:
        found = shown(command)
        for keyword, ours in (
            ("casignaturealgorithms", authority_algorithms(options)),
            ("hostbasedacceptedalgorithms", hostbased_algorithms(options)),
            ("pubkeyacceptedalgorithms", publickey_algorithms(options)),
        ):
            # The order of a pattern's names is each one's own. An old name that nacre has not is left out.
            theirs = {name for name in found[keyword] if not name.startswith(("ssh-rsa", "ssh-mldsa"))}
            assert set(ours or ()) == theirs, keyword


@asynctest
async def test_certificates_of_users(openssh: OpenSSH, tmp_path: Path) -> None:
    """sshd and nacre's server, by the same lines, for certificates of one authority."""
    authority, key = openssh.make_key(tmp_path / "ca", "rsa-2048"), openssh.make_key(tmp_path / "key")
    certs = {name: sign(openssh, authority, key, name, "-n", f"user,{USER}") for name in ALGORITHMS}
    lines = [
        f"TrustedUserCAKeys {authority}.pub",
        "AuthorizedKeysFile none",
        "CASignatureAlgorithms -rsa-sha2-512",
    ]
    taken = {}
    with Sshd(openssh, tmp_path / "sshd", options=lines) as sshd:
        known = tmp_path / "known_sshd"
        known.write_text(sshd.known_hosts())
        for name, cert in certs.items():
            ssh = Ssh(openssh, sshd.port, sshd.user, key, known, (f"CertificateFile {cert}",))
            taken[name] = (await ssh.communicate("exit 3")).returncode == 3
    assert taken == {"rsa-sha2-256": True, "rsa-sha2-512": False, "ssh-rsa": False}
    (tmp_path / "file").write_text("".join(f"{line}\n" for line in lines))
    options = {"config": tmp_path / "file", "authorized_client_keys": ()}
    async with peer(openssh, tmp_path, **options) as ssh:
        for name, cert in certs.items():
            ssh = replace(ssh, key=key, options=(f"CertificateFile {cert}",))
            done = await ssh.communicate("exit 3")
            assert (done.returncode == 3) is taken[name], (name, done.stderr)


@asynctest
async def test_certificates_of_hosts(openssh: OpenSSH, tmp_path: Path) -> None:
    """ssh and nacre's client, by the same file, of an sshd whose certificate is signed with rsa-sha2-256."""
    authority = openssh.make_key(tmp_path / "ca", "rsa-2048")
    host = openssh.make_key(tmp_path / "sshd_key")
    cert = sign(openssh, authority, host, "rsa-sha2-256", "-h", "-n", "127.0.0.1")
    lines = [f"HostKey {host}", f"HostCertificate {cert}"]
    known = tmp_path / "known"
    with Sshd(openssh, tmp_path / "sshd", options=lines) as sshd:
        known.write_text(f"@cert-authority * {authority.with_suffix('.pub').read_text()}")
        for said, taken in (("-rsa-sha2-512", True), ("-rsa-sha2-256", False)):
            line = f"CASignatureAlgorithms {said}"
            ssh = Ssh(openssh, sshd.port, sshd.user, sshd.user_key, known, (line,))
            assert ((await ssh.communicate("exit 3")).returncode == 3) is taken
            (tmp_path / "file").write_text(f"{line}\n")
            options = {"config": tmp_path / "file", "known_hosts": known}
            if taken:
                async with connected(sshd, **options):
                    pass
            else:
                with pytest.raises(nacre.HostKeyNotVerifiable, match="signed with rsa-sha2-256"):
                    async with connected(sshd, **options):
                        pass


OF_ED25519, OF_RSA = "ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-{}-cert-v01@openssh.com"
#: What a user may show, by the algorithm that it is shown with.
KINDS = (
    "ssh-ed25519", OF_ED25519, "rsa-sha2-256", "rsa-sha2-512", OF_RSA.format(256), OF_RSA.format(512),
)  # fmt: skip
#: What is said, and what of that a user may show then, as the manual has it.
SAID = {
    "ssh-ed25519": {"ssh-ed25519"},
    OF_ED25519: {OF_ED25519},
    "*-cert-v01@openssh.com": {OF_ED25519, OF_RSA.format(256), OF_RSA.format(512)},
    f"rsa-sha2-256,{OF_RSA.format(512)}": {"rsa-sha2-256", OF_RSA.format(512)},
    "-*-cert-*,rsa-sha2-256": {"ssh-ed25519", "rsa-sha2-512"},
    "^rsa-sha2-512,ecdsa-*": set(KINDS),
    "sk-*,ecdsa-*": set(),
}


@cache
def keys() -> list[nacre.SSHKey]:
    """Return an authority, and a user's keys: a client shows each once, and so there is one for each RSA algorithm."""
    found = [nacre.generate_private_key("ssh-ed25519") for _ in range(2)]
    return [*found, *(nacre.generate_private_key("ssh-rsa", key_size=2048) for _ in range(2))]


@cache
def certified(algorithm: str) -> nacre.SSHCertificate:
    """Return the certificate of the key that has an algorithm."""
    authority, *mine = keys()
    key = mine[("ssh-ed25519", "rsa-sha2-256", "rsa-sha2-512").index(algorithm.partition("-cert")[0])]
    return authority.generate_user_certificate(key, "id", principals=["user", USER])


def silent(algorithm: str, asked: set[str]) -> nacre.SSHKeyPair:
    """Return what is shown with an algorithm, and does not sign: it notes that it was to."""

    def sign(data: bytes, name: str) -> bytes:
        asked.add(algorithm)
        raise ValueError("no signature")

    certificate, plain = certified(algorithm), algorithm.removesuffix("-cert-v01@openssh.com")
    key = certificate.key
    pair = nacre.SSHKeyPair(key.algorithm, key.public_data, (plain,), sign)
    if plain != algorithm:
        pair.set_certificate(certificate)
    return pair


async def would_do(port: int, user: str, known: bytes, address: str) -> set[str]:
    """Return the algorithms of what a server would have: it is asked, and has no signature."""
    asked: set[str] = set()
    with pytest.raises(nacre.PermissionDenied):
        await nacre.connect(
            "127.0.0.1", port, username=user, known_hosts=known, config=None, local_addr=(address, 0),
            client_keys=[silent(algorithm, asked) for algorithm in KINDS],
        )  # fmt: skip
    return asked


def with_other_lists(folder: Path) -> dict[str, set[str]]:
    """Return lines where another keyword refuses, too, and what is taken then: each list has its say."""
    authority = keys()[0]
    (folder / "authority").write_bytes(authority.export_public_key())
    (folder / "stolen").write_bytes(certified("ssh-ed25519").export_certificate())
    of_ed25519, plain = {"ssh-ed25519", OF_ED25519}, {name for name in KINDS if "-cert-" not in name}
    return {
        f"*\nRevokedKeys {folder / 'authority'}": plain,
        f"-*-cert-*\nRevokedKeys {folder / 'stolen'}": plain - of_ed25519,
        "*\nCASignatureAlgorithms rsa-*": plain,
        "*-cert-*\nRequiredRSASize 3072": {OF_ED25519},
    }


@asynctest
async def test_which_of_a_users_keys_would_do(openssh: OpenSSH, tmp_path: Path) -> None:
    """sshd and nacre's server, by one file, which says something else of each address."""
    authority, *mine = keys()
    authorized = b"".join(key.export_public_key() for key in mine)
    authorized += b"cert-authority " + authority.export_public_key()
    right = {**SAID, **with_other_lists(tmp_path)}
    matches = {f"127.0.1.{number}": said for number, said in enumerate(right, 1)}
    file = tmp_path / "file"
    file.write_text(
        "PubkeyAcceptedAlgorithms ssh-ed25519\n"
        + "".join(
            f"Match address {address}\nPubkeyAcceptedAlgorithms {said}\n" for address, said in matches.items()
        )
    )
    lines = [f"Include {file}", "MaxAuthTries 20"]
    answers: dict[str, dict[str, set[str]]] = {}
    with Sshd(openssh, tmp_path / "sshd", options=lines) as sshd:
        sshd.authorized_keys.write_bytes(authorized)
        known = sshd.known_hosts().encode()
        answers["sshd"] = {
            said: await would_do(sshd.port, sshd.user, known, address) for address, said in matches.items()
        }
    (tmp_path / "keys").write_bytes(authorized)
    options = {"authorized_client_keys": str(tmp_path / "keys"), "server_factory": nacre.SSHServer}
    async with serving(config=file, **options) as listener:
        answers["nacre"] = {
            said: await would_do(listener.get_port(), "user", client_options()["known_hosts"], address)
            for address, said in matches.items()
        }
    assert answers == {"sshd": right, "nacre": right}


@asynctest
async def test_which_keys_a_client_shows(
    openssh: OpenSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ssh and nacre's client, by one file, at a server that would have none of them."""
    seen: list[str] = []
    judge = ServerAuthenticator.public_key

    async def noting(self: ServerAuthenticator, event: Any) -> Any:
        seen.append(event.algorithm)
        return await judge(self, event)

    monkeypatch.setattr(ServerAuthenticator, "public_key", noting)
    authority, *mine = keys()
    file, text = tmp_path / "file", ""
    for number, key in enumerate(mine[:2]):
        path = tmp_path / f"key{number}"
        path.write_bytes(key.export_private_key())
        path.chmod(0o600)
        certificate = authority.generate_user_certificate(key, "id", principals=["user"])
        Path(f"{path}-cert.pub").write_bytes(certificate.export_certificate())
        text += f"IdentityFile {path}\nCertificateFile {path}-cert.pub\n"
    (tmp_path / "none").write_bytes(b"")
    ours = {**client_options(config=file, agent_path=None)}
    del ours["client_keys"]
    async with peer(openssh, tmp_path, authorized_client_keys=str(tmp_path / "none")) as ssh:
        command = replace(ssh, key=None).command("exit 3")
        command[command.index("none")] = str(file)
        command[command.index("IdentityFile none")] = "IdentitiesOnly yes"
        for said, may_be_shown in SAID.items():
            if "*-cert" in said:
                continue  # the order of a pattern's names is each one's own
            file.write_text(f"{text}PubkeyAcceptedAlgorithms {said}\n")
            process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
            assert await process.wait() == 255
            theirs = sorted(seen)
            seen.clear()
            with pytest.raises(nacre.PermissionDenied):
                await nacre.connect("127.0.0.1", ssh.port, **ours)
            assert sorted(seen) == theirs, said
            assert set(seen) <= may_be_shown
            seen.clear()
