"""Options objects: every name at its default, merging, and refusal of what is not built."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nacre
from nacre.option_table import OPTIONS, Option, Sides
from nacre.options import client_settings, server_settings, settings_of_login
from nacre.protocol import limits
from tests.support.cases import each_case
from tests.support.face import asynctest, connected, host_key, serving

CLASSES = {Sides.CLIENT: nacre.SSHClientConnectionOptions, Sides.SERVER: nacre.SSHServerConnectionOptions}
CASES = [(side, option) for side in CLASSES for option in OPTIONS if side in option.sides]


def _names(case: Any) -> str:
    return case.name if isinstance(case, Option) else getattr(case, "name", "")


@each_case(("side", "option"), CASES)
def test_every_option_is_accepted_at_its_default(side: Sides, option: Option) -> None:
    for value in (option.default, ()):
        options = CLASSES[side](**{option.name: value})
        assert getattr(options, option.name) == option.default or option.built
    for value in option.honoured:
        assert getattr(CLASSES[side](**{option.name: value}), option.name) == option.default


@pytest.mark.parametrize(
    ("side", "option"), [(side, option) for side, option in CASES if not option.built], ids=_names
)
def test_an_option_whose_feature_is_absent_is_refused_by_name(side: Sides, option: Option) -> None:
    for value in ("something else", 4711, object()):
        with pytest.raises(nacre.NotSupportedYet, match=option.name) as info:
            CLASSES[side](**{option.name: value})
        assert option.name in info.value.what


def test_none_is_what_an_absent_feature_honours_by_being_absent() -> None:
    options = nacre.SSHClientConnectionOptions(
        agent_forwarding=None, x11_forwarding=None, canonicalize_hostname=None, host_based_auth=None
    )
    assert (options.agent_forwarding, options.x11_forwarding, options.canonicalize_hostname) == (False,) * 3
    assert nacre.SSHServerConnectionOptions(rdns_lookup=None, agent_forwarding=None).rdns_lookup is False
    with pytest.raises(nacre.NotSupportedYet):  # of these None has no meaning
        nacre.SSHClientConnectionOptions(utf8_decode_errors=None)


def test_how_something_would_be_done_that_is_refused_is_taken() -> None:
    options = nacre.SSHServerConnectionOptions(
        canonical_domains=["example.com"], canonicalize_max_dots=2, x509_purposes="any"
    )
    assert options.canonical_domains == ("example.com",)
    with pytest.raises(nacre.NotSupportedYet):
        nacre.SSHServerConnectionOptions(options, canonicalize_hostname=True)


@pytest.mark.parametrize("options", CLASSES.values())
def test_an_unknown_option_is_a_mistake(options: Any) -> None:
    with pytest.raises(TypeError, match="no_such_option"):
        options(no_such_option=1)
    with pytest.raises(AttributeError, match="no_such_option"):
        _ = options().no_such_option


def test_a_wrong_value_names_its_option() -> None:
    with pytest.raises(ValueError, match=r"^rekey_bytes: "):
        nacre.SSHClientConnectionOptions(rekey_bytes="lots")
    with pytest.raises(TypeError, match=r"^port: "):
        nacre.SSHServerConnectionOptions(port=b"22")
    with pytest.raises(ValueError, match=r"^kex_algs: .*unheard"):
        nacre.SSHClientConnectionOptions(kex_algs=["unheard-of"])


def test_keywords_override_options() -> None:
    first = nacre.SSHClientConnectionOptions(username="one", port=1, term_type="xterm")
    second = nacre.SSHClientConnectionOptions(first, username="two", port=())
    assert (second.username, second.port, second.term_type) == ("two", 1, "xterm")
    assert (first.username, first.port) == ("one", 1)
    assert second.is_given("port")
    assert not second.is_given("password")
    with pytest.raises(TypeError):
        nacre.SSHServerConnectionOptions(first)


def test_options_do_not_change_and_hide_their_values() -> None:
    options = nacre.SSHClientConnectionOptions(password="hunter2", passphrase="open")
    with pytest.raises(AttributeError):
        options.username = "x"
    assert "hunter2" not in repr(options)
    assert "password" in repr(options)


def test_construct_is_awaitable() -> None:
    options = asyncio.run(nacre.SSHClientConnectionOptions.construct(username="x"))
    assert options.username == "x"


def test_the_defaults_of_times() -> None:
    assert nacre.SSHClientConnectionOptions().login_timeout == 120
    assert nacre.SSHServerConnectionOptions().login_timeout == 60
    assert nacre.SSHServerConnectionOptions().ident_timeout == 10
    assert nacre.SSHServerConnectionOptions().max_unauthenticated == (50, 30, 100)
    assert nacre.SSHClientConnectionOptions().keepalive_interval == 0
    assert nacre.SSHClientConnectionOptions(login_timeout=None).login_timeout == 0


def test_what_the_protocol_is_told() -> None:
    options = nacre.SSHClientConnectionOptions(
        client_version="mine", kex_algs="curve25519-sha256", encryption_algs=["aes256-gcm@openssh.com"],
        mac_algs="hmac-sha2-256", signature_algs="ssh-ed25519", rekey_bytes="1m", rekey_seconds="1m",
        keepalive_interval=7, keepalive_count_max=2, login_timeout=9, disable_trivial_auth=True,
    )  # fmt: skip
    told = client_settings(options, "me", ("ssh-ed25519",))
    assert (told.software_version, told.username) == ("mine", "me")
    assert told.kex_algorithms == ("curve25519-sha256",)
    assert told.ciphers == ("aes256-gcm@openssh.com",)
    assert told.macs == ("hmac-sha2-256",)
    assert told.compressions == ("none",)
    assert told.signature_algorithms == told.host_key_algorithms == ("ssh-ed25519",)
    assert (told.rekey_bytes, told.rekey_seconds, told.login_timeout) == (1 << 20, 60, 9)
    assert (told.keepalive_interval, told.keepalive_count_max) == (7, 2)
    assert told.disable_trivial_auth
    server = server_settings(nacre.SSHServerConnectionOptions(ident_timeout=3), (host_key(),))
    assert server.software_version == f"nacre_{nacre.__version__}"
    assert (server.ident_timeout, server.login_timeout) == (3, 60)
    assert (server.max_channels, server.max_sessions) == (4096, 1024)
    assert server.host_keys == (host_key(),)
    few = nacre.SSHServerConnectionOptions(max_channels=3, max_sessions=0)
    assert (server_settings(few, ()).max_channels, server_settings(few, ()).max_sessions) == (3, 0)
    of_login = settings_of_login(server, few)
    assert (of_login.max_channels, of_login.max_sessions, of_login.host_keys) == (4096, 0, (host_key(),))
    assert settings_of_login(server, nacre.SSHServerConnectionOptions(max_channels=3)) is server
    once = nacre.SSHServerConnectionOptions(max_auth_tries=1)
    assert (server.max_auth_tries, server_settings(once, ()).max_auth_tries) == (6, 1)
    for tries in (0, -1, 7):
        with pytest.raises(ValueError, match=f"max_auth_tries: {tries} is"):
            nacre.SSHServerConnectionOptions(max_auth_tries=tries)
    with pytest.raises(ValueError, match="max_channels: 0 is not positive"):
        nacre.SSHServerConnectionOptions(max_channels=0)


@asynctest
async def test_a_connection_lives_with_the_smallest_rekey_bytes() -> None:
    """Every 96 KiB new keys, far more often than what a peer takes for a flood when nothing moves between."""

    async def handler(process: nacre.SSHServerProcess[bytes]) -> None:
        process.stdout.write(await process.stdin.read())
        process.exit(0)

    least = 64 * 1024 + 32 * 1024 + limits.PACKET_OVERHEAD
    data = bytes(3 << 19)
    for client, server in ((least, 1 << 30), (least, least)):
        async with (
            serving(process_factory=handler, encoding=None, rekey_bytes=server) as listener,
            connected(listener, rekey_bytes=client) as connection,
        ):
            assert (await connection.run("x", input=data, encoding=None)).stdout == data
            # Small packets as well, each of which is a packet of its own.
            async with connection.create_process("x", encoding=None) as process:
                for _ in range(300):
                    process.stdin.write(bytes(1000))
                    await process.stdin.drain()
                process.stdin.write_eof()
                assert len(await process.stdout.read()) == 300_000
    with pytest.raises(ValueError, match=r"rekey_bytes: .* too few: a peer ends such a flood of re-keys"):
        nacre.SSHClientConnectionOptions(rekey_bytes=least - 1)
