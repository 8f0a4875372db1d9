"""known_hosts files that nacre and OpenSSH both write: each believes the other's, and they decide alike."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import nacre
from nacre import known_hosts
from tests.interop.programs import connected
from tests.support.face import asynctest
from tests.support.openssh import VERSIONS, OpenSSH, Sshd, client_of, find

pytestmark = pytest.mark.requires("sshd")

OTHER = nacre.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
STALE = nacre.generate_private_key("ssh-ed25519").export_public_key().decode().strip()


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd of each version in turn, with two host keys."""
    directory = tmp_path_factory.mktemp("sshd")
    with Sshd(find(request.param), directory, host_key_types=("ed25519", "ecdsa-256")) as sshd:
        yield sshd


def public(server: Sshd) -> str:
    return " ".join(server.host_keys["ed25519"].with_suffix(".pub").read_text().split()[:2])


@asynctest
async def test_each_believes_what_the_other_has_kept(server: Sshd, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    async with connected(server, known_hosts=ours, strict_host_key_checking="accept-new"):
        pass
    for hashed in ("no", "yes"):
        theirs.unlink(missing_ok=True)
        options = (
            "StrictHostKeyChecking accept-new",
            f"UserKnownHostsFile {theirs}",
            f"HashKnownHosts {hashed}",
        )
        ssh = client_of(server, None, *options)
        assert (await ssh.communicate("true")).returncode == 0
        async with connected(server, known_hosts=theirs):
            pass
        if hashed == "no":
            assert theirs.read_bytes() == ours.read_bytes()
    ours.unlink()
    async with connected(
        server, known_hosts=ours, strict_host_key_checking="accept-new", hash_known_hosts=True
    ):
        assert ours.read_text().startswith("|1|")
    strict = client_of(server, None, f"UserKnownHostsFile {ours}")
    assert (await strict.communicate("true")).returncode == 0


#: What ssh says when it has decided about its file.
DECIDED = (
    b"Learned new hostkey",
    b"Deprecating obsolete",
    b"skipping UserKnownHostsFile update",
    b"no new or deprecated keys",
    b"disabling UpdateHostkeys",
)


def starts(server: Sshd) -> dict[str, str]:
    """The files from which both begin to follow the server's keys, `{}` being the server's name there."""
    key = public(server)
    name = known_hosts.hash_host_name(f"[127.0.0.1]:{server.port}", bytes(20))
    return {
        "stale": f"# mine\n{{}} {key} comment\n{{}} {STALE}\nother {OTHER}\n",
        "hashed": f"{name} {key}\n{name} {STALE}\n",
        "pattern": f"[127.0.0.?]:* {key}\n",
        "stale elsewhere": f"{{}},a {key}\n{{}} {STALE}\nb {STALE}\n",
        "authority": f"{{}} {key}\n@cert-authority {{}} {OTHER}\n",
    }


@pytest.mark.parametrize(
    ("server", "start"),
    [
        *((VERSIONS[0], start) for start in ("stale", "hashed", "pattern", "stale elsewhere", "authority")),
        (VERSIONS[1], "stale"),
    ],
    indirect=["server"],
)
@asynctest
async def test_both_follow_a_server_s_keys_alike(server: Sshd, start: str, tmp_path: Path) -> None:
    content = starts(server)[start].replace("{}", f"[127.0.0.1]:{server.port}")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text(content)
    theirs.write_text(content)
    ssh = client_of(server, None, f"UserKnownHostsFile {theirs}", "UpdateHostKeys yes", "LogLevel DEBUG1")
    async with ssh.started("cat") as process:
        assert process.stderr is not None
        assert process.stdin is not None
        while line := await process.stderr.readline():
            if any(text in line for text in DECIDED):
                break
        else:
            raise AssertionError("ssh ended without having decided")
        process.stdin.close()
        assert await process.wait() == 0
    options = {"known_hosts": ours, "server_host_key_algs": "+ecdsa-sha2-nistp256"}
    async with connected(server, **options, update_host_keys="yes") as connection:
        await connection.run("true")
        await connection.link.tasks.wait()
    assert ours.read_text().splitlines() == theirs.read_text().splitlines()


FILE = f"""# comment
one {OTHER} c
one,two {STALE}
*.example,!bad.example {OTHER}
h?st {OTHER}
@cert-authority one {OTHER}
@revoked one {OTHER}
[one]:2222 {OTHER}
 \t three \t{OTHER}  trailing
192.0.2.1,2001:db8::1 {OTHER}
"""
NAMES = (
    "one two ONE a.example bad.example example host hst [one]:2222 [two]:2222 three 192.0.2.1 nobody".split()
)


def test_ssh_keygen_finds_hashes_and_forgets_the_same(tmp_path: Path) -> None:
    openssh = find(VERSIONS[0])
    path, ours, theirs = (tmp_path / name for name in ("plain", "ours", "theirs"))
    path.write_text(FILE)
    for name in NAMES:
        assert [entry.number for entry in known_hosts.find_host(FILE, name)] == found(openssh, path, name)
    ours.write_text(FILE)
    known_hosts.hash_names(ours)
    hashed = ours.read_text()
    for name in NAMES:
        # One line for each name: the numbers move, and the keys that are found do not. (ssh-keygen looks for the
        # hash of a name as it was typed; ssh, and nacre, of the name in lower case.)
        ours.write_text(hashed)
        assert keys(openssh, ours, name.lower()) == keys(openssh, path, name)
    for name in ("one", "host", "[one]:2222", "nobody"):
        for file in (ours, theirs):
            file.write_text(FILE)
        known_hosts.forget_host(ours, name)
        keygen(openssh, "-R", name, "-f", theirs)
        assert ours.read_bytes() == theirs.read_bytes()


def keygen(openssh: OpenSSH, *arguments: str | Path) -> str:
    done = subprocess.run([openssh.ssh_keygen, *arguments], capture_output=True, text=True, timeout=120)
    return done.stdout


def found(openssh: OpenSSH, path: Path, name: str) -> list[int]:
    lines = keygen(openssh, "-F", name, "-f", path).splitlines()
    return [int(line.split("line ")[1].split()[0]) for line in lines if line.startswith("# Host")]


def keys(openssh: OpenSSH, path: Path, name: str) -> list[str]:
    lines = keygen(openssh, "-F", name, "-f", path).splitlines()
    return [key_of(line) for line in lines if not line.startswith("# Host")]


def key_of(line: str) -> str:
    return next(word for word in line.split() if word.startswith("AAAA"))
