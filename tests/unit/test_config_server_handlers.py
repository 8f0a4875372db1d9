"""Keywords of a server's configuration that there is no option for; `sshd -T` judges what they may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.config_server_alone import ServerAlone, server_alone
from nacre.keys import Proof
from nacre.server_config import configuration_of, configured_server
from tests.support.face import (
    HOST,
    OpenServer,
    asynctest,
    client_options,
    connect,
    host_key,
    serving,
    user_key,
)

ENDS = (("10.1.2.3", 999), ("127.0.0.1", 22))


def read(path: Path, text: str, **given: Any) -> nacre.SSHServerConnectionOptions:
    path.write_text(text)
    return configured_server(nacre.SSHServerConnectionOptions(config=path, **given))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("HostKeyAlgorithms rsa-sha2-256,ssh-rsa", {"host_key_algorithms": ("rsa-sha2-256",)}),
        ("VersionAddendum  be  kind ", {"addendum": "be  kind"}),
        ("VersionAddendum none", {}),
        ("RequiredRSASize 3072\nRequiredRSASize 4096", {"rsa_bits": 3072}),
        ("PubkeyAuthOptions none", {"key_proof": Proof.NOTHING}),
        ("PubkeyAuthOptions none touch-required", {"key_proof": Proof.PRESENCE}),
        (
            "PubkeyAuthOptions verify-required touch-required",
            {"key_proof": Proof.PRESENCE | Proof.VERIFICATION},
        ),
        (
            "ChannelTimeout session:shell=0 session:*=5m global=1h",
            {"channel_timeouts": (("session:shell", 0.0), ("session:*", 300.0), ("global", 3600.0))},
        ),
        ("ChannelTimeout none", {"channel_timeouts": ()}),
        ("UnusedConnectionTimeout 5m", {"unused_timeout": 300.0}),
        ("UnusedConnectionTimeout 0", {"unused_timeout": 0.0}),
        ("ExposeAuthInfo yes", {"exposes_auth": True}),
        ("ExposeAuthInfo no", {}),
        ("FingerprintHash md5", {"fingerprint_hash": "md5"}),
        ("GSSAPIStrictAcceptorCheck no", {"any_acceptor": True}),
        ("GSSAPIStrictAcceptorCheck yes", {}),
        ("IPQoS lowdelay none", {"traffic": (0x10, None)}),
        ("IPQoS ef", {"traffic": (0xB8, 0xB8)}),
        ("PerSourceNetBlockSize 24:48", {"net_blocks": (24, 48)}),
        ("PerSourceNetBlockSize 24", {"net_blocks": (24, 0)}),
    ],
)
def test_keywords(tmp_path: Path, line: str, said: dict[str, Any]) -> None:
    assert server_alone(read(tmp_path / "file", f"{line}\n")) == ServerAlone(**said)


def test_what_a_sign_changes_of_host_keys_is_everything(tmp_path: Path) -> None:
    found = server_alone(read(tmp_path / "file", "HostKeyAlgorithms -*-cert-*,rsa-*\n")).host_key_algorithms
    assert {"ssh-ed25519", "ecdsa-sha2-nistp256"} <= set(found)
    assert not [name for name in found if "rsa" in name or "cert" in name]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("HostKeyAlgorithms ssh-rsa", "nacre has none of ssh-rsa"),
        ("HostKeyAlgorithms -rsa-sha2-265", "unknown signature algorithm"),
        ("VersionAddendum é", "printable ASCII is expected"),
        (f"VersionAddendum {'a' * 240}", "characters at most"),
        ("PerSourceNetBlockSize 33", "not of the form bits:bits"),
        ("PubkeyAuthOptions touch", "none, touch-required or verify-required"),
        ("Match user bob\nHostKeyAlgorithms ssh-ed25519", "may not stand in a Match block"),
    ],
)
def test_what_is_refused(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(nacre.ConfigParseError, match=why):
        read(tmp_path / "file", f"{line}\n")


def test_a_block_says_its_own(tmp_path: Path) -> None:
    text = "RequiredRSASize 3072\nMatch user bob\nRequiredRSASize 4096\nPubkeyAuthOptions touch-required\n"
    known = configuration_of(read(tmp_path / "file", text))
    assert known is not None
    for user, said in (
        ("bob", ServerAlone(rsa_bits=4096, key_proof=Proof.PRESENCE)),
        ("eve", ServerAlone(rsa_bits=3072)),
    ):
        assert server_alone(known.login(user, ENDS).options) == said


def test_a_version_that_the_program_gives_is_added_to(tmp_path: Path) -> None:
    options = read(tmp_path / "file", f"VersionAddendum {'a' * 44}\n", server_version="x" * 200)
    assert len(server_alone(options).addendum) == 44
    with pytest.raises(nacre.ConfigParseError, match="44 characters at most"):
        read(tmp_path / "file", f"VersionAddendum {'a' * 45}\n", server_version="x" * 200)


@pytest.mark.parametrize(
    ("text", "given", "ends"),
    [
        ("Port 1", {}, [("", 1)]),
        ("Port 1\nPort 2\nPort 1", {}, [("", 1), ("", 2)]),
        ("Port 1\nListenAddress a:7\nListenAddress b\nPort 2", {}, [("a", 7), ("b", 1), ("b", 2)]),
        ("ListenAddress ::1\nListenAddress *", {}, [("::1", 22), ("", 22)]),
        ("Port 1\nPort 2\nListenAddress a:7", {"port": 9}, [("a", 9)]),
        ("Port 1\nPort 2\nListenAddress a:7", {"host": "h"}, [("h", 1), ("h", 2)]),
        ("Port 1\nListenAddress a:7", {"host": "h", "port": 0}, [("h", 0)]),
        ("MaxSessions 3", {"host": "h", "port": 9}, [("h", 9)]),
    ],
)
def test_what_is_listened_on(
    tmp_path: Path, text: str, given: dict[str, Any], ends: list[tuple[str, int]]
) -> None:
    options = read(tmp_path / "file", f"{text}\n", **given)
    assert (options.host, options.port) == ends[0]
    assert server_alone(options).listeners == (tuple(ends) if len(ends) > 1 else ())


@asynctest
async def test_sources_are_counted_by_the_blocks_that_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("PerSourceNetBlockSize 24:48\n")
    async with serving(config=tmp_path / "file") as listener:
        assert listener._side.policy().blocks == (24, 48)
    async with serving() as listener:
        assert listener._side.policy().blocks == (32, 64)


@asynctest
async def test_a_server_on_several_ends(tmp_path: Path) -> None:
    hosts = (HOST, "127.0.0.2")
    (tmp_path / "file").write_text("".join(f"ListenAddress {host}\n" for host in hosts))
    options = {"config": tmp_path / "file", "server_host_keys": [host_key()], "server_factory": OpenServer}
    listener = await nacre.listen(port=0, **options)
    try:
        ends = [address[:2] for address in listener.get_addresses()]
        assert [host for host, _ in ends] == list(hosts)
        for host, port in ends:
            async with await nacre.connect(host, port, **client_options()):
                pass
        # Where one of them is taken, none is listened on.
        with pytest.raises(OSError, match=str(ends[1][1])):
            await nacre.listen(port=ends[1][1], **options)
    finally:
        listener.close()
        await listener.wait_closed()


@pytest.mark.parametrize(("line", "prefix"), [("", "SHA256:"), ("FingerprintHash md5\n", "MD5:")])
@asynctest
async def test_the_log_shows_keys_by_the_hash_that_is_named(
    tmp_path: Path, caplog: Any, line: str, prefix: str
) -> None:
    caplog.set_level("INFO")
    (tmp_path / "file").write_text(f"{line}MaxSessions 3\n")
    options = {"config": tmp_path / "file", "server_factory": nacre.SSHServer}
    async with serving(**options, authorized_client_keys=nacre.SSHAuthorizedKeys()) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[user_key()])
    assert f"a ssh-ed25519 {prefix}" in caplog.text
