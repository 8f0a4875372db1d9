"""Rows 65 to 82 of the history: channels, forwarding, and what commands are started with.

One test a row, without arguments: `test_faults.py` runs them again with a fault put back.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import nacre
from nacre.agent import Agent, Constraints, Destination, Hop, HopKey, messages
from nacre.agent import client as agent_client
from nacre.agent.bindings import SESSION_BIND, Session
from nacre.agent.constraints import encode_constraints
from nacre.agent.lending import goes_through
from nacre.aio.channel import SSHChannel
from nacre.client_config import configured
from nacre.dialing import ProxyCommand, parse_hops
from nacre.errors import ChannelOpenError, OpenFailureReason, WireError
from nacre.hub.environment import child_environment
from nacre.protocol import limits
from nacre.protocol.events import ChannelData, ChannelRequestQuestion, ChannelWritable
from nacre.protocol.settings import Role, Settings
from nacre.trust import import_authorized_keys
from nacre.wire.fields import Reader, encode_string, encode_uint32
from nacre.wire.requests import CHANNEL_REQUESTS
from tests.pair.damage import string, uint32
from tests.pair.ends import HOST_KEY, LATER
from tests.pair.stage import Stage
from tests.pair.talk import data, extended, lent, numbers, opened, reason, request
from tests.security.configured import asks_programs_without_a_shell, lets_no_key_set_the_environment
from tests.security.drive import play_row
from tests.security.expectations import Phase
from tests.security.registry import covers
from tests.support.face import Recorder, asynctest, connected, serving, user_key


@covers(65)
def test_cve_2026_39830_answers_that_nobody_asked_for() -> None:
    play_row(65)


@covers(66)
def test_go_6c195c8_refused_channels_leave_nothing() -> None:
    play_row(66)


class _Looked(dict[int, None]):
    """Channels that wait, and how often all of them were looked at."""

    looks = 0

    def __iter__(self) -> Iterator[int]:
        self.looks += 1
        return super().__iter__()


@covers(67)
def test_cve_2025_54804_windows_do_not_overflow() -> None:
    play_row(67)
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    channels = [opened(stage, raw=raw, window=0) for raw in range(3)]
    for number in channels:
        assert stage.end.connection.channel_write(number, b"x" * 9, None) == 0
    waiting = stage.end.connection._writing.blocked = _Looked(stage.end.connection._writing.blocked)
    for count in range(10):
        stage.send(b"\x5d" + uint32(channels[1], count % 2))
    # A byte more for one channel costs no look at a thousand others.
    assert waiting.looks == 0
    assert [event.channel for event in stage.end.of(ChannelWritable)] == [channels[1]]


@covers(68)
def test_cve_2026_59843_a_maximum_packet_of_nothing() -> None:
    play_row(68)


@covers(69)
def test_cve_2026_39834_a_write_of_4_gib() -> None:
    play_row(69)


@covers(70)
def test_cve_2026_59850_nothing_is_heard_after_close() -> None:
    play_row(70)


@covers(71)
def test_cve_2026_54886_extended_data_of_any_type() -> None:
    play_row(71)
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    number = opened(stage)
    pieces = lent(stage) // (1 << 14)
    sent = [message for _ in range(pieces) for message in stage.send(extended(number, bytes(1 << 14), 7))]
    assert 93 in numbers(sent)  # nobody reads it, and its window comes back
    assert not stage.end.of(ChannelData)


@covers(72)
def test_channels_and_sessions_of_one_connection_are_bounded() -> None:
    play_row(72)
    settings = Settings(host_keys=(HOST_KEY,), max_channels=2)
    stage = Stage(Role.SERVER, settings=settings).to(Phase.AUTHENTICATED)
    for raw in range(2):
        opened(stage, raw=raw)
    (refusal,) = stage.send(b"\x5a" + string(b"session") + uint32(2, 1000, 1000))
    assert refusal[:9] == b"\x5c" + uint32(2, OpenFailureReason.RESOURCE_SHORTAGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "LANES_MESSAGES", 5)
        _small_messages_of_many_channels()


def _small_messages_of_many_channels() -> None:
    """What waits for decisions is counted over all channels, until it is taken or its channel is gone."""
    stage = Stage(Role.SERVER, answers={ChannelRequestQuestion: LATER}).to(Phase.AUTHENTICATED)
    ask = b"x@example.com"
    first, second, third = channels = [opened(stage, raw=raw) for raw in range(3)]
    for number in channels:
        stage.send(request(number, ask))
        stage.send(request(number, ask))
    stage.send(data(first, b"x"))
    stage.send(b"\x61" + uint32(first))
    stage.end.connection.answer(stage.end.of(ChannelRequestQuestion)[-1].token, True)
    stage.end.pump()
    for _ in range(2):
        stage.send(data(second, b"x"))
        stage.send(request(second, ask))
    assert not stage.end.connection.closed
    stage.send(request(third, ask))
    assert reason(stage) == 2


#: One well-formed payload of each request that has one.
_REQUESTS = {
    "pty-req": encode_string(b"xterm") + encode_uint32(80) * 4 + encode_string(b"\x35\0\0\0\1\0"),
    "env": encode_string(b"A") + encode_string(b"b"),
    "exec": encode_string(b"true"),
    "subsystem": encode_string(b"sftp"),
    "window-change": encode_uint32(80) * 4,
    "xon-xoff": b"\1",
    "signal": encode_string(b"INT"),
    "exit-status": encode_uint32(1),
    "exit-signal": encode_string(b"TERM") + b"\0" + encode_string(b"why") + encode_string(b"en"),
    "break": encode_uint32(500),
}


@covers(73)
def test_go_9beb694_requests_cut_short_at_every_byte() -> None:
    for name, whole in _REQUESTS.items():
        CHANNEL_REQUESTS[name].decode(whole)
        for cut in range(len(whole)):
            with pytest.raises(WireError):
                CHANNEL_REQUESTS[name].decode(whole[:cut])
    for name in ("exit-status", "exit-signal", "xon-xoff"):
        whole = _REQUESTS[name]
        for cut in range(len(whole)):
            stage = Stage(Role.CLIENT).to(Phase.AUTHENTICATED)
            stage.send(request(opened(stage), name.encode(), whole[:cut], reply=False))
            assert reason(stage) == 2, (name, cut)


#: A payload of each channel, global request and request of a session that forwards something.
_OPENS = {
    "direct-tcpip": encode_string(b"127.0.0.1") + encode_uint32(22) + encode_string(b"127.0.0.1") + bytes(4),
    "direct-streamlocal@openssh.com": encode_string(b"/tmp/x") + encode_string(b"") + bytes(4),
    "forwarded-tcpip": encode_string(b"127.0.0.1") + bytes(4) + encode_string(b"127.0.0.1") + bytes(4),
    "forwarded-streamlocal@openssh.com": encode_string(b"/tmp/x") + encode_string(b""),
    "x11": encode_string(b"127.0.0.1") + bytes(4),
    "auth-agent@openssh.com": b"",
    "tun@openssh.com": encode_uint32(1) + encode_uint32(0x7FFFFFFF),
}
_GLOBALS = {
    "tcpip-forward": encode_string(b"127.0.0.1") + bytes(4),
    "cancel-tcpip-forward": encode_string(b"127.0.0.1") + bytes(4),
    "streamlocal-forward@openssh.com": encode_string(b"/tmp/x"),
    "cancel-streamlocal-forward@openssh.com": encode_string(b"/tmp/x"),
}
_OF_SESSIONS = {
    "x11-req": b"\0" + encode_string(b"MIT-MAGIC-COOKIE-1") + encode_string(b"00") + bytes(4),
    "agent-req": b"",
}
_AGENT = "auth-agent-req@openssh.com"


@covers(74)
def test_cve_2025_32728_restrictions_cover_every_kind_of_forwarding() -> None:
    line = user_key().export_public_key().decode().strip()
    #: Whether a terminal is granted, and the use of the client's agent.
    lines = {
        f"restrict {line}": (False, False),
        f"restrict,pty {line}": (True, False),
        f"restrict,agent-forwarding {line}": (False, True),
        f"pty,agent-forwarding,restrict {line}": (False, False),
        f"no-pty {line}": (False, True),
        f"no-port-forwarding,no-agent-forwarding,no-x11-forwarding {line}": (True, False),
    }

    async def forwards(connection: nacre.SSHClientConnection) -> None:
        for kind, payload in _OPENS.items():
            with pytest.raises(ChannelOpenError):
                await SSHChannel[bytes](connection.link).open(kind, payload, Recorder)
        for name, payload in _GLOBALS.items():
            assert await connection.link.global_request(name, payload) == (False, b""), name

    async def waits(process: nacre.SSHServerProcess[str]) -> None:
        await process.wait_closed()

    @asynctest
    async def matrix() -> None:
        for restricted, (terminal, agent) in lines.items():
            authorized = import_authorized_keys(restricted)
            async with (
                serving(
                    server_factory=nacre.SSHServer,
                    authorized_client_keys=authorized,
                    process_factory=waits,
                ) as listener,
                connected(listener, client_keys=[user_key()]) as connection,
            ):
                await forwards(connection)
                channel, _ = await connection.create_session(Recorder)
                for name, payload in _OF_SESSIONS.items():
                    assert not await channel.make_request(name, payload), name
                assert await channel.make_request(_AGENT) is agent, restricted
                try:
                    await connection.create_session(Recorder, request_pty="force", term_type="xterm")
                except ChannelOpenError:
                    granted = False
                else:
                    granted = True
                assert granted is terminal, restricted

    matrix()


@covers(76)
def test_dropbear_ports_that_are_none() -> None:
    for port in (65_536, 99_999):
        with pytest.raises(ValueError, match="no hop"):
            parse_hops(f"host:{port}")
    for port in (-1, 65_536, 2**32 - 1, 2**32 + 22):
        with pytest.raises(ValueError, match="port"):
            nacre.SSHClientConnectionOptions(host="host", port=port)
        with pytest.raises(ValueError, match="no hop"):
            parse_hops(f"host:{port}")


#: What a client of an agent asks that changes it, or has something loaded.
_CHANGES = (
    *(bytes((number,)) + string(b"provider") + string(b"pin") for number in (20, 21, 26)),
    *(bytes((number,)) + user_key().private_data + string(b"comment") for number in (17, 25)),
    b"\x12" + string(user_key().public_data),
    b"\x13",
    b"\x16" + string(b"passphrase"),
    b"\x17" + string(b"passphrase"),
)


@covers(78)
def test_cve_2023_38408_from_afar_an_agent_lists_and_signs_and_loads_nothing() -> None:
    loaded: list[str] = []

    def smartcards(provider: str, pin: str) -> list[nacre.SSHKeyPair]:
        loaded.append(provider)
        return []

    agent = Agent(smartcards=smartcards)

    async def tried(process: nacre.SSHServerProcess[str]) -> None:
        connection = process.channel.get_connection()
        async with nacre.connect_agent(connection) as client:
            for request in _CHANGES:
                assert await client._exchange(request) == b"\5", request
            assert len(await client.get_keys()) == 1
        process.exit(7)

    @asynctest
    async def forwarded() -> None:
        await agent.add_keys([HOST_KEY])
        async with await agent.listen() as listening:
            # nacre's agent, which whoever forwards it may not filter (as ssh does not) …
            async with nacre.connect_agent(listening.path) as client:
                bind = Session(HOST_KEY.public_data, b"session", HOST_KEY.sign(b"session", "ssh-ed25519"))
                await client._exchange(
                    messages.extension_request(SESSION_BIND, bind.binding(forwarding=True))
                )
                for request in _CHANGES:
                    assert await client._exchange(request) == b"\5", request
                assert len(await client.get_keys()) == 1
            # … and nacre's client, which may forward any agent.
            assert not any(map(goes_through, _CHANGES))
            async with (
                serving(process_factory=tried) as listener,
                connected(listener, agent_path=listening.path, agent_forwarding=True) as connection,
            ):
                assert (await connection.run()).exit_status == 7
        assert not loaded
        assert len(agent.keys) == 1

    forwarded()


@covers(79)
def test_cve_2023_51384_a_constraint_is_kept_or_the_key_refused() -> None:
    host = HopKey(HOST_KEY.public_data)
    here = (Destination(Hop("host", (host,))),)
    way = encode_constraints(Constraints(destinations=here))
    certificate = HOST_KEY.generate_user_certificate(user_key(), "id")
    keys = (
        user_key().private_data,
        messages.certified(user_key().encode_ssh_private(), "ssh-ed25519", certificate),
    )

    @asynctest
    async def kept() -> None:
        agent = Agent()
        async with await agent.listen() as listening, nacre.connect_agent(listening.path) as client:
            for key in keys:
                for unknown in (
                    b"\3" + uint32(5),
                    b"\4",
                    b"\xff" + string(b"other@example.com"),
                    b"\2",
                    way + way,
                ):
                    assert await client._exchange(b"\x19" + key + string(b"") + unknown) == b"\5", unknown
                assert agent.keys == []
                for number in (b"\x11", b"\x19"):
                    assert await client._exchange(number + key + string(b"") + way) == b"\6"
                assert [key.constraints.destinations for key in agent.keys] == [here]
                blob = agent.keys[0].public_data
                assert await client._exchange(b"\x0d" + string(blob) + string(b"data") + uint32(0)) == b"\5"
                agent.remove_all()
            cards = Agent(smartcards=lambda provider, pin: nacre.load_keypairs([user_key()]))
        async with await cards.listen() as listening, nacre.connect_agent(listening.path) as client:
            assert await client._exchange(b"\x1a" + string(b"card") + string(b"") + way) == b"\6"
            assert [key.constraints.destinations for key in cards.keys] == [here]
            wrong = Session(HOST_KEY.public_data, b"session", user_key().sign(b"session", "ssh-ed25519"))
            binding = messages.extension_request(SESSION_BIND, wrong.binding(forwarding=False))
            assert await client._exchange(binding) == b"\x1c"
            assert await client.get_keys() == []

    kept()


@covers(80)
def test_cve_2025_47914_what_an_agent_announces_is_bounded() -> None:
    for count in (2**32 - 1, messages.MAX_KEYS + 1, 2):
        with pytest.raises(WireError, match="announces"):
            messages.identities(Reader(uint32(count) + bytes(8 if count == 2 else 16 * count % 2**20)))

    async def announced(size: int) -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(uint32(size) + bytes(100))
        with pytest.raises(ValueError, match="announces"):
            await agent_client.receive(reader)

    @asynctest
    async def frames() -> None:
        for size in (0, messages.MAX_MESSAGE + 1, 2**31 - 1, 2**32 - 1):
            await announced(size)

    frames()


@covers(81)
def test_cve_2023_51385_no_shell_sees_a_host_or_a_user() -> None:
    for host in ("-oProxyCommand=x", "-l", "host name", "a\nb"):
        with pytest.raises(ValueError, match="no hop"):
            parse_hops(host)
    for user in ("a\nb", "a\0b", "a\r"):
        with pytest.raises(ValueError, match="user name"):
            nacre.SSHClientConnectionOptions(username=user)

    async def through(command: str) -> bytes:
        proxy, ours = await ProxyCommand.start(command)
        with ours:
            ours.setblocking(False)
            said = b""
            while part := await asyncio.get_running_loop().sock_recv(ours, 4096):
                said += part
        proxy.close()
        await proxy.wait_closed()
        return said

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"

        @asynctest
        async def commands() -> None:
            for text in (f"$(touch {made})", f"`touch {made}`", f";touch {made};", f"|touch {made}", "%h\n"):
                # printf prints what it was given, so that nothing in between has read it.
                assert await through(f"printf '%s' {_quoted(text)}") == text.encode()
                assert not made.exists()
            assert await through(f"printf %s $(touch {made})") == b"$(touch" + f"{made})".encode()
            assert not made.exists()

        commands()
        _named_in_a_configuration(Path(folder), made)
        asks_programs_without_a_shell(Path(folder))
    assert not os.path.exists("made")


def _named_in_a_configuration(folder: Path, made: Path) -> None:
    """A name becomes no more than a name in what a configuration has run or gone through, nor in a user's."""
    config = folder / "config"
    lines = (
        "ProxyCommand nc %h", "ProxyCommand nc x%n", "ProxyJump %h", 'Match exec "test %h"', "User %n",
        "HostName %h.x\nProxyCommand nc %h", "KnownHostsCommand /bin/true %h", "KnownHostsCommand /bin/true %n",
    )  # fmt: skip
    for line in lines:
        config.write_text(line)
        for name in (f"$(touch {made})", f"`touch {made}`", "a;b", "-oProxyCommand=x", "a|b", "a\0", "a\nb"):
            given = nacre.SSHClientConnectionOptions(host=name, config=config, config_exec=True)
            with pytest.raises(nacre.ConfigParseError):
                configured(given)
    for command in (f"touch {made}; true", f"true $(touch {made})", f"true && touch {made}"):
        config.write_text(f'Match exec "{command}"')
        with pytest.raises(nacre.ConfigParseError, match="without a shell"):
            configured(nacre.SSHClientConnectionOptions(host="h", config=config, config_exec=True))
    config.write_text(f'Match exec "touch {made}"')
    with pytest.raises(nacre.ConfigParseError, match="config_exec"):
        configured(nacre.SSHClientConnectionOptions(host="h", config=config))
    assert not made.exists()


def _quoted(text: str) -> str:
    return "'" + text + "'"


@covers(82)
def test_cve_2024_39930_the_environment_is_an_allow_list() -> None:
    wanted = {
        "LANG": "de_DE.UTF-8",
        "LC_TIME": "C",
        "COLORTERM": "truecolor",
        "LD_PRELOAD": "/tmp/x.so",
        "PATH": "/tmp",
        "BASH_ENV": "/tmp/x",
        "PYTHONPATH": "/tmp",
        "GIT_SSH_COMMAND": "x",
        "HOME": "/",
        "LC_X=Y": "z",
        "LC_ÄÖ": "z",
        "LC_\n": "z",
        "LC_LONG": "x" * 300,
        "LC_TWO": "a\nb",
        "-i": "x",
        "--split-string=touch x": "",
    }
    made = child_environment("alice", Path("/home/alice"), "--version\n", wanted)
    assert {name for name in wanted if made.get(name) == wanted[name]} == {"LANG", "LC_TIME", "COLORTERM"}
    assert not made.keys() & {"LD_PRELOAD", "BASH_ENV", "PYTHONPATH", "GIT_SSH_COMMAND", "-i", "LC_LONG"}
    assert made["HOME"] == "/home/alice"
    assert made["TERM"] == "xterm-256color"
    assert all(value.isprintable() for value in made.values())
    with tempfile.TemporaryDirectory() as folder:
        lets_no_key_set_the_environment(Path(folder) / "sshd_config")
