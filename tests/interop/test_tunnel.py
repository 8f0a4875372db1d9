"""Going through a real sshd to another one, and through a real ssh as the proxy command."""

from __future__ import annotations

from pathlib import Path

import pytest

import nacre
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Sshd, client_of

pytestmark = pytest.mark.requires("ssh")


@asynctest
async def test_through_one_sshd_to_another(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path / "near") as near, Sshd(openssh, tmp_path / "far") as far:
        hosts = (near.known_hosts() + far.known_hosts()).encode()
        common = {"config": None, "known_hosts": hosts, "username": near.user}
        async with nacre.connect("127.0.0.1", near.port, client_keys=[near.user_key], **common) as hop:
            keys = {"client_keys": [far.user_key], **common}
            async with nacre.connect("127.0.0.1", far.port, tunnel=hop, **keys) as connection:
                assert (await connection.run("echo hello")).stdout == "hello\n"
            with pytest.raises(nacre.ChannelOpenError):
                await nacre.connect("127.0.0.1", 1, tunnel=hop, **keys)
        ssh = client_of(near)
        proxy = ssh.command("-W", f"127.0.0.1:{far.port}", "--")
        async with nacre.connect("127.0.0.1", far.port, proxy_command=proxy, **keys) as connection:
            assert (await connection.run("echo hello")).stdout == "hello\n"


@asynctest
async def test_by_the_configuration(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path / "near") as near, Sshd(openssh, tmp_path / "far") as far:
        (tmp_path / "known").write_text(near.known_hosts() + far.known_hosts())
        (tmp_path / "config").write_text(
            f"Host near\n Port {near.port}\n IdentityFile {near.user_key}\n"
            f"Host far\n Port {far.port}\n IdentityFile {far.user_key}\n ProxyJump {near.user}@near\n"
            f"Host near far\n HostName 127.0.0.1\n User {far.user}\n UserKnownHostsFile {tmp_path / 'known'}\n"
        )
        async with nacre.connect("far", config=tmp_path / "config") as connection:
            assert (await connection.run("echo $SSH_CONNECTION")).stdout.split()[-1] == str(far.port)
        assert "Accepted publickey" in near.log
        # Behind a hop 127.0.0.1 is another machine's: the hop is believed for its address, and the host is not.
        (tmp_path / "known").write_text("")
        with (tmp_path / "config").open("a") as config:
            config.write(" NoHostAuthenticationForLocalhost yes\n")
        with pytest.raises(nacre.HostKeyNotVerifiable, match=str(far.port)):
            async with nacre.connect("far", config=tmp_path / "config"):
                pass
        async with nacre.connect("near", config=tmp_path / "config"):
            pass
