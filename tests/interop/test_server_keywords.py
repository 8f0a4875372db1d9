"""Keywords of sshd_config that there is no option for: the same lines for sshd of both versions and for nacre's server."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import nacre
from nacre.config_server_alone import server_alone
from nacre.server_config import configured_server
from tests.interop.programs import peer
from tests.interop.test_signature_lists import sign
from tests.support.face import asynctest, host_key
from tests.support.openssh import VERSIONS, OpenSSH, Ssh, Sshd, find

pytestmark = pytest.mark.requires("sshd")

USER = pwd.getpwuid(os.geteuid()).pw_name


async def identification(port: int) -> str:
    """Return the first line of a server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return line.decode().rstrip("\r\n")


@asynctest
async def test_keys_that_are_too_short_and_what_is_shown(openssh: OpenSSH, tmp_path: Path) -> None:
    """RSA of 2048 bits: as a key, as a certificate's key, and as the authority of another key."""
    short, key = openssh.make_key(tmp_path / "short", "rsa-2048"), openssh.make_key(tmp_path / "key")
    certs = {
        (short, sign(openssh, key, short, "ssh-ed25519", "-n", f"user,{USER}")): False,
        (key, sign(openssh, short, key, "rsa-sha2-512", "-n", f"user,{USER}")): True,
    }
    (tmp_path / "authorities").write_text(
        "".join(file.with_suffix(".pub").read_text() for file in (short, key))
    )
    (tmp_path / "keys").write_bytes(short.with_suffix(".pub").read_bytes())
    lines = [
        f"TrustedUserCAKeys {tmp_path}/authorities",
        f"AuthorizedKeysFile {tmp_path}/keys",
        "RequiredRSASize 2049",
        "VersionAddendum  be  kind",
        "HostKeyAlgorithms -ecdsa-*",
        "StrictModes no",
    ]

    async def logins(ssh: Ssh) -> dict[tuple[Path, Path | None], bool]:
        found: dict[tuple[Path, Path | None], bool] = {}
        for shown, cert in ((short, None), *certs):
            options = () if cert is None else (f"CertificateFile {cert}",)
            done = await replace(ssh, key=shown, options=options).communicate("exit 3")
            found[shown, cert] = done.returncode == 3
        return found

    with Sshd(openssh, tmp_path / "sshd", options=lines) as sshd:
        known = tmp_path / "known_sshd"
        known.write_text(sshd.known_hosts())
        theirs = await logins(Ssh(openssh, sshd.port, sshd.user, key, known))
        assert re.fullmatch(r"SSH-2.0-OpenSSH_.+ be  kind", await identification(sshd.port))
        log = sshd.log
    assert theirs == {(short, None): False, **certs}, log
    (tmp_path / "file").write_text("".join(f"{line}\n" for line in lines))
    keys = [nacre.generate_private_key("ecdsa-sha2-nistp256"), host_key()]
    options = {"config": tmp_path / "file", "authorized_client_keys": (), "server_host_keys": keys}
    async with peer(openssh, tmp_path, **options) as ssh:
        assert await logins(ssh) == theirs
        shown = await identification(ssh.port)
        assert shown == f"SSH-2.0-nacre_{nacre.__version__} be  kind"
        # The client asks for the type that is switched off, and for nothing else.
        only = replace(ssh, options=("HostKeyAlgorithms ecdsa-sha2-nistp256",))
        done = await only.communicate("exit 3")
        assert (done.returncode, b"no matching host key type" in done.stderr) == (255, True), done.stderr


@asynctest
async def test_what_is_not_used_ends(tmp_path: Path) -> None:
    """A command on which nothing moves, and a connection without any channel, of both servers.

    With both versions at once: all that they do is wait.
    """
    lines = [
        "ChannelTimeout session:shell=1h session:c*=1",
        "UnusedConnectionTimeout 2",
    ]
    (tmp_path / "file").write_text("".join(f"{line}\n" for line in lines))

    async def ends(ssh: Ssh) -> tuple[int | None, int | None]:
        """Return how the command ends, and then the connection without one."""
        command, unused = await asyncio.gather(ssh.communicate("sleep 100"), without_channel(ssh))
        return command.returncode, unused

    async def without_channel(ssh: Ssh) -> int | None:
        return (await replace(ssh, options=("SessionType none",)).communicate("")).returncode

    async def sleeping(process: nacre.SSHServerProcess[bytes]) -> None:
        await process.stdin.read()
        await process.wait_closed()

    async def both_servers(openssh: OpenSSH, directory: Path) -> None:
        directory.mkdir()
        options = {"config": tmp_path / "file", "process_factory": sleeping}
        with Sshd(openssh, directory / "sshd", options=lines) as sshd:
            known = directory / "known_sshd"
            known.write_text(sshd.known_hosts())
            async with peer(openssh, directory, **options) as ssh:
                at_sshd = ends(Ssh(openssh, sshd.port, sshd.user, sshd.user_key, known))
                assert await asyncio.gather(at_sshd, ends(ssh)) == [(255, 255)] * 2

    async with asyncio.TaskGroup() as both:
        for version in VERSIONS:
            both.create_task(both_servers(find(version), tmp_path / version))


@asynctest
async def test_sessions_are_told_how_they_have_logged_in(openssh: OpenSSH, tmp_path: Path) -> None:
    """sshd's file and nacre's have the same line, and go with the connection."""
    lines = ["ExposeAuthInfo yes", "StrictModes no"]
    key, authority = openssh.make_key(tmp_path / "key"), openssh.make_key(tmp_path / "ca")
    cert = sign(openssh, authority, key, "ssh-ed25519", "-n", f"user,{USER}")
    (tmp_path / "keys").write_text(f"cert-authority {authority.with_suffix('.pub').read_text()}")

    async def told(ssh: Ssh) -> bytes:
        ssh = replace(ssh, key=key, options=(f"CertificateFile {cert}",))
        done = await ssh.communicate('cat "$SSH_USER_AUTH"; echo "$SSH_USER_AUTH" 1>&2')
        assert done.returncode == 0, done.stderr
        (path,) = re.findall(rb"^/\S+$", done.stderr, re.MULTILINE)
        for _ in range(1000):
            if not Path(os.fsdecode(path)).exists():
                break
            await asyncio.sleep(0.05)
        assert not Path(os.fsdecode(path)).exists()
        return done.stdout

    with Sshd(openssh, tmp_path / "sshd", options=[*lines, f"AuthorizedKeysFile {tmp_path}/keys"]) as sshd:
        known = tmp_path / "known_sshd"
        known.write_text(sshd.known_hosts())
        theirs = await told(Ssh(openssh, sshd.port, sshd.user, key, known))
    assert theirs.split()[:2] == [b"publickey", b"ssh-ed25519-cert-v01@openssh.com"]

    async def tell(process: nacre.SSHServerProcess[bytes]) -> None:
        path = Path(process.env["SSH_USER_AUTH"])
        process.stdout.write(path.read_bytes())
        process.stderr.write(f"{path}\n".encode())
        process.exit(0)

    (tmp_path / "file").write_text("".join(f"{line}\n" for line in lines))
    options = {"config": tmp_path / "file", "process_factory": tell}
    async with peer(openssh, tmp_path, authorized_client_keys=str(tmp_path / "keys"), **options) as ssh:
        assert await told(ssh) == theirs


@pytest.mark.parametrize(
    "text",
    ["Port 1\nPort 2", "ListenAddress ::1\nPort 1\nListenAddress 127.0.0.1:33\nPort 2"],
    ids=["ports", "both"],
)
def test_what_is_listened_on(openssh: OpenSSH, tmp_path: Path, text: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("sshd -T looks for root's directory of its own before it reads")
    Path("/run/sshd").mkdir(exist_ok=True)
    file = tmp_path / "file"
    file.write_text(f"{text}\n")
    command = [openssh.sshd, "-T", "-h", openssh.make_key(tmp_path / "key"), "-f", file]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    theirs = set(re.findall(r"^listenaddress (\S+)$", done.stdout, re.MULTILINE))
    options = configured_server(nacre.SSHServerConnectionOptions(config=file))
    ours = set()
    for host, port in server_alone(options).listeners or ((options.host, options.port),):
        # Every interface is one of each family.
        ours |= {
            f"{'[' + name + ']' if ':' in name else name}:{port}"
            for name in ([host] if host else ["0.0.0.0", "::"])
        }
    assert ours == theirs
