"""What a server's configuration says beside options: which keys are too short, which host keys may be used."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.client_hosts import ClientHosts
from nacre.config_server_alone import (
    SERVER_ALONE,
    ServerAlone,
    channel_limits,
    is_too_short,
    server_alone,
    usable_host_keys,
)
from nacre.keys import load_keypairs
from nacre.protocol import events
from nacre.trust import known_hosts_line
from tests.support.face import asynctest, connect, connected, host_key, serving, user_key


@functools.cache
def short_key() -> nacre.SSHKey:
    return nacre.generate_private_key("ssh-rsa", key_size=2048)


def saying(**said: Any) -> nacre.SSHServerConnectionOptions:
    return nacre.SSHServerConnectionOptions().completed({SERVER_ALONE: ServerAlone(**said)})


def test_nothing_is_said_by_default() -> None:
    assert server_alone(nacre.SSHServerConnectionOptions()) == ServerAlone()
    assert server_alone(saying(rsa_bits=4096)).rsa_bits == 4096


def test_the_length_is_that_of_the_key_not_of_its_authority() -> None:
    options = saying(rsa_bits=2049)
    assert is_too_short(short_key(), options)
    assert is_too_short(user_key().generate_user_certificate(short_key(), "id"), options)
    assert not is_too_short(short_key().generate_user_certificate(user_key(), "id"), options)
    assert not is_too_short(user_key(), options)
    for enough in (0, 2048):
        assert not is_too_short(short_key(), saying(rsa_bits=enough))


def test_host_keys_that_are_too_short_are_left_out(caplog: Any) -> None:
    long, short = load_keypairs([host_key()]), load_keypairs([short_key()])
    options = saying(rsa_bits=3072)
    assert usable_host_keys(options, [*short, *long]) == long
    assert "1 host keys are not used: shorter than RequiredRSASize" in caplog.text
    with pytest.raises(ValueError, match="no host key is left: RequiredRSASize asks for 3072 bits"):
        usable_host_keys(options, short)
    assert usable_host_keys(options, []) == []


def test_a_host_key_must_sign_with_what_is_named() -> None:
    keys = load_keypairs([host_key()])
    assert usable_host_keys(saying(host_key_algorithms=("ssh-ed25519",)), keys) == keys
    with pytest.raises(ValueError, match=r"HostKeyAlgorithms has nothing of .*: ssh-ed25519"):
        usable_host_keys(saying(host_key_algorithms=("rsa-sha2-512",)), keys)


def test_the_first_pattern_that_fits_counts_and_none_stands_for_all() -> None:
    timeouts = (("session:shell", 0.0), ("session:*", 300.0), ("*", 7.0), ("global", 60.0))
    for kind, own in (("session:shell", 0.0), ("session:command", 300.0), ("agent-connection", 7.0)):
        assert channel_limits(timeouts, kind) == (own, 60.0)
    assert channel_limits(timeouts[:2], "agent-connection") == (0.0, 0.0)


@asynctest
async def test_sessions_on_which_nothing_moves(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text("Match user bob\nChannelTimeout session:command=1\nUnusedConnectionTimeout 1h\n")

    async def hold(process: nacre.SSHServerProcess[str]) -> None:
        await process.stdin.read()

    for line_editor in (False, True):
        options = {"config": config, "process_factory": hold, "line_editor": line_editor}
        async with serving(**options) as listener, connected(listener, username="bob") as client:
            kept = await client.create_process(subsystem="x")
            done = await client.run("x")
            assert (done.exit_status, done.exit_signal) == (None, None)
            assert not kept.channel.is_closing()
            assert not client.is_closed()
        async with serving(**options) as listener, connected(listener, username="eve") as client:
            process = await client.create_process("x")
            await client.create_process("y")
            assert not process.channel.is_closing()


@asynctest
async def test_a_server_shows_and_takes_what_is_said(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text(
        "HostKeyAlgorithms -ssh-ed25519*,rsa-sha2-512\nVersionAddendum be kind\n"
        "Match user eve\nRequiredRSASize 3072\n"
    )
    keys = nacre.SSHAuthorizedKeys(
        "".join(key.export_public_key().decode() for key in (short_key(), user_key()))
    )
    options = {
        "config": config,
        "server_factory": nacre.SSHServer,
        "authorized_client_keys": keys,
        "server_host_keys": [host_key(), short_key()],
    }
    async with serving(**options) as listener:
        async with connected(listener, username="bob", client_keys=[short_key()], known_hosts=None) as client:
            shown = client.get_server_host_key()
            assert shown is not None
            assert shown.public_data == short_key().public_data
            assert client.get_extra_info("server_version") == f"SSH-2.0-nacre_{nacre.__version__} be kind"
            negotiated = client.link.protocol.info.negotiated
            assert negotiated is not None
            assert negotiated.host_key == "rsa-sha2-256"
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, username="eve", client_keys=[short_key()], known_hosts=None)
        async with connected(listener, username="eve", client_keys=[user_key()], known_hosts=None):
            pass
    config.write_text("RequiredRSASize 3072\n")
    with pytest.raises(ValueError, match="no host key is left"):
        async with serving(**{**options, "server_host_keys": [short_key()]}):
            pass


@asynctest
async def test_a_configuration_without_a_host_key_says_where_one_may_stand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("Port 22\n")
    with pytest.raises(ValueError, match=r"give server_host_keys .*, or HostKey in the configuration"):
        async with serving(config=tmp_path / "file", server_host_keys=[]):
            pass


@asynctest
async def test_hosts_that_vouch(caplog: Any) -> None:
    caplog.set_level("INFO")

    async def yes(value: Any) -> bool:
        return value is True

    for bits, believed in ((2048, True), (2049, False)):
        options = saying(rsa_bits=bits).completed(
            {"known_client_hosts": known_hosts_line("192.0.2.7", None, short_key()).encode()}
        )
        hosts = ClientHosts(options, nacre.SSHServer(), "192.0.2.7", 1, yes, logging.getLogger("nacre"))
        question = events.HostbasedQuestion(
            events.Token(None), "user", "rsa-sha2-256", short_key().public_data, "192.0.2.7", "u"
        )
        assert (await hosts.believed(question, None) is not None) is believed
    assert "its key has fewer bits than RequiredRSASize" in caplog.text
