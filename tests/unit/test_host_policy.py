"""StrictHostKeyChecking: what a client does about keys that it does not know, and what it keeps."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import client_connection, host_policy
from nacre.agent import Agent
from nacre.host_fingerprints import SSHFPAnswer, sshfp_records
from nacre.trust import known_hosts_line
from tests.support.face import (
    HOST,
    PASSWORD,
    PasswordServer,
    asynctest,
    client_options,
    connect,
    connected,
    host_key,
    reported,
    serving,
    user_key,
)

OTHER = nacre.generate_private_key("ssh-ed25519")


class Asks(nacre.SSHClient):
    """Answers as it is told to, and takes note of what it was asked."""

    answer = True
    asked: list[tuple[str, str | None]]

    def __init__(self) -> None:
        type(self).asked = []

    def connection_made(self, conn: nacre.SSHClientConnection) -> None:
        self.conn = conn

    def validate_host_public_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
        self.asked.append((key.get_fingerprint(), self.conn.get_extra_info("host_key_dns")))
        return self.answer


class Denies(Asks):
    """Says no."""

    answer = False


def line(key: nacre.SSHKey, port: int, host: str = HOST) -> str:
    return known_hosts_line(host, port, key) + "\n"


@pytest.mark.parametrize("policy", ["accept-new", "no", False])
@asynctest
async def test_a_new_key_is_kept(policy: Any, tmp_path: Path) -> None:
    path = tmp_path / "new" / "known_hosts"
    async with serving() as listener:
        options = {"known_hosts": path, "strict_host_key_checking": policy, "client_factory": Denies}
        async with connected(listener, **options):
            assert path.read_text() == line(host_key(), listener.get_port())
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert Denies.asked == []
        async with connected(listener, known_hosts=path):  # known from here on
            pass
        async with connected(listener, **options):
            assert path.read_text().count("\n") == 1


@asynctest
async def test_ask_keeps_what_the_program_confirms(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    async with serving() as listener:
        for factory in (Denies, None):  # None: the program has no answer
            with pytest.raises(nacre.HostKeyNotVerifiable, match="is not known"):
                await connect(
                    listener, known_hosts=path, strict_host_key_checking="ask", client_factory=factory
                )
        assert not path.exists()
        async with connected(
            listener, known_hosts=str(path), strict_host_key_checking="ask", client_factory=Asks
        ):
            assert path.read_text() == line(host_key(), listener.get_port())
            assert Asks.asked == [(host_key().get_fingerprint(), None)]


@asynctest
async def test_by_default_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with serving() as listener, connected(listener, known_hosts=(), client_factory=Asks):
        assert len(Asks.asked) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("policy", ["yes", "accept-new", "ask"])
@asynctest
async def test_a_changed_key_is_refused_in_a_line_that_says_what_to_do(policy: str, tmp_path: Path) -> None:
    path = tmp_path / "known hosts"
    async with serving() as listener:
        port = listener.get_port()
        path.write_text(f"# mine\n{line(OTHER, port)}")
        before = path.read_bytes()
        factory = None if policy == "yes" else Asks
        with pytest.raises(nacre.HostKeyNotVerifiable) as info:
            await connect(listener, known_hosts=path, strict_host_key_checking=policy, client_factory=factory)
        if factory is not None:
            assert Asks.asked == []
    assert str(info.value) == (
        f"the host key of [{HOST}]:{port} has CHANGED: it shows ssh-ed25519 {host_key().get_fingerprint()}, and "
        f"{path}:2 has ssh-ed25519 {OTHER.get_fingerprint()}. Somebody may be listening in. If the host did get a "
        f"new key, type: nacre keygen -R '[{HOST}]:{port}' -f '{path}'"
    )
    assert path.read_bytes() == before


@asynctest
async def test_no_goes_on_with_a_changed_key_and_without_passwords(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"

    class Server(PasswordServer):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: nacre.SSHKey) -> bool:
            return True

    class Client(nacre.SSHClient):
        def password_auth_requested(self) -> str:
            raise AssertionError("whoever is there learns no password")

        def kbdint_auth_requested(self) -> str:
            raise AssertionError("nor what answers a prompt")

    async with serving(server_factory=Server) as listener:
        path.write_text(line(OTHER, listener.get_port()))
        before = path.read_bytes()
        options = {"known_hosts": path, "strict_host_key_checking": "no"}
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, **options, password=PASSWORD)
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, **options, client_factory=Client)
        async with connected(listener, **options, client_keys=[user_key()], password=PASSWORD):
            pass
        # With the right key everything is as ever.
        path.write_text(line(host_key(), listener.get_port()))
        async with connected(listener, **options, password=PASSWORD):
            pass
        path.write_bytes(before)
    assert path.read_bytes() == before


@pytest.mark.parametrize("changed", [False, True])
@asynctest
async def test_no_lends_no_agent_to_a_host_with_a_changed_key(changed: bool, tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"

    def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write(str(process.channel.get_agent_path() is not None))
        process.exit(0)

    async with serving(process_factory=handler) as listener, await Agent().listen() as agent:
        path.write_text(line(OTHER if changed else host_key(), listener.get_port()))
        options = {"known_hosts": path, "strict_host_key_checking": "no", "agent_forwarding": True}
        async with connected(listener, **options, agent_path=agent.path) as connection:
            assert (await connection.run("lent")).stdout == str(not changed)


@pytest.mark.parametrize("policy", ["accept-new", "ask", "no"])
@asynctest
async def test_what_is_revoked_is_refused_by_every_policy(policy: str, tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"@revoked * {known_hosts_line('x', 22, host_key())[2:]}\n")
    answer = SSHFPAnswer(sshfp_records(host_key()), secure=True)
    async with serving() as listener:
        with pytest.raises(nacre.HostKeyNotVerifiable, match="revoked"):
            await connect(
                listener,
                known_hosts=path,
                strict_host_key_checking=policy,
                client_factory=Asks,
                verify_host_key_dns="yes",
                sshfp_resolver=lambda host: answer,
            )
        revoked = nacre.KeyRevocationList()
        revoked.add_key(host_key())
        path.write_text("")
        with pytest.raises(nacre.HostKeyNotVerifiable, match="revoked"):
            await connect(
                listener,
                known_hosts=path,
                revoked_host_keys=revoked.encode(),
                strict_host_key_checking=policy,
                client_factory=Asks,
            )
    assert path.read_text() == ""


@asynctest
async def test_where_a_key_cannot_be_kept_it_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A key that is accepted and not kept would be new each time: nobody would notice that it has changed."""
    folder = tmp_path / "no" / "such"
    async with serving() as listener:
        for known, why in (
            (folder / "known_hosts", "cannot be kept"),
            (b"", "no file to keep it in"),
            ([], "no file"),
        ):
            options = {"known_hosts": known, "strict_host_key_checking": "accept-new"}
            with pytest.raises(nacre.HostKeyNotVerifiable, match=why):
                await connect(listener, **options)
        async with connected(listener, known_hosts=os.devnull, strict_host_key_checking="accept-new"):
            pass  # as ssh: who names it wants nothing kept
        with caplog.at_level(logging.WARNING, "nacre"):
            async with connected(listener, known_hosts=folder / "known_hosts", strict_host_key_checking="no"):
                assert "cannot be kept" in caplog.text
        with pytest.raises(FileNotFoundError):
            await connect(
                listener, known_hosts=[tmp_path / "one", tmp_path / "two"], strict_host_key_checking="no"
            )


@asynctest
async def test_other_ports_and_aliases(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    async with serving() as listener:
        # The host has another key on port 22: this port is new, as for ssh.
        path.write_text(line(OTHER, 22))
        options = {"known_hosts": path, "strict_host_key_checking": "accept-new"}
        async with connected(listener, **options):
            assert path.read_text() == line(OTHER, 22) + line(host_key(), listener.get_port())
        path.unlink()
        async with connected(listener, **options, host_key_alias="Alias", hash_known_hosts=True):
            assert path.read_text().startswith("|1|")
            assert nacre.read_known_hosts(path).match("alias")[0] == [host_key().convert_to_public()]
        path.write_text(line(OTHER, 22, "alias"))
        with pytest.raises(nacre.HostKeyNotVerifiable, match="CHANGED"):
            await connect(listener, **options, host_key_alias="alias")
        with pytest.raises(nacre.HostKeyNotVerifiable, match="cannot stand in known_hosts"):
            await connect(listener, **options, host_key_alias="a,b")


@asynctest
async def test_who_calls_us_is_kept_under_a_name_alone(tmp_path: Path) -> None:
    """From an address and a port that is another each time, any key would be new each time."""
    path = tmp_path / "known_hosts"
    async with serving() as listener:
        for alias in (None, "alias"):
            sock = socket.create_connection((HOST, listener.get_port()))
            sock.setblocking(False)
            options = {"known_hosts": path, "strict_host_key_checking": "accept-new", "host_key_alias": alias}
            connecting = nacre.run_client(sock, **client_options(**options))
            if alias is None:
                with pytest.raises(nacre.HostKeyNotVerifiable, match="no name to be kept under"):
                    await connecting
            else:
                async with connecting:
                    assert path.read_text() == line(host_key(), 22, "alias")


@asynctest
async def test_the_user_s_configuration_counts(tmp_path: Path) -> None:
    config, path = tmp_path / "config", tmp_path / "known_hosts"
    config.write_text(
        f"StrictHostKeyChecking accept-new\nHashKnownHosts yes\nUserKnownHostsFile {path}\n"
        f"GlobalKnownHostsFile {tmp_path / 'system'}\n"
    )
    async with serving() as listener:
        options = {"config": config, "username": "user", "client_keys": None}
        async with nacre.connect(HOST, listener.get_port(), **options):
            assert path.read_text().startswith("|1|")
        path.write_text(line(OTHER, listener.get_port()))
        with pytest.raises(nacre.HostKeyNotVerifiable, match="CHANGED"):
            await nacre.connect(HOST, listener.get_port(), **options)
        # The program's own word goes before it.
        async with nacre.connect(HOST, listener.get_port(), **options, known_hosts=None):
            pass
    assert not (tmp_path / "system").exists()


@asynctest
async def test_many_connections_at_once_keep_one_line(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"

    async def one(name: str) -> None:
        async with connected(
            listener, known_hosts=path, strict_host_key_checking="accept-new", host_key_alias=name
        ):
            pass

    async with serving(max_unauthenticated=100) as listener:
        await asyncio.gather(*(one(f"host{number % 4}") for number in range(24)))
    assert sorted(text.split()[0] for text in path.read_text().splitlines()) == [
        f"host{number}" for number in range(4)
    ]


@asynctest
async def test_a_key_that_another_process_kept_meanwhile_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "known_hosts"
    real = host_policy.keep_key

    def late(*args: Any) -> Any:
        path.write_text(line(OTHER, args[2]))
        return real(*args)

    monkeypatch.setattr(host_policy, "keep_key", late)
    async with serving(server_factory=PasswordServer) as listener:
        options = {"known_hosts": path, "password": PASSWORD}
        with pytest.raises(nacre.HostKeyNotVerifiable, match=r"known_hosts:1 meanwhile"):
            await connect(listener, **options, strict_host_key_checking="accept-new")
        # It is then a changed key like another: whoever goes on gives no password.
        path.unlink()
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, **options, strict_host_key_checking="no")


@pytest.mark.parametrize("failure", [MemoryError, KeyError, SystemExit])
@pytest.mark.parametrize("part", ["keep_key", "ask_dns", "resolver", "look_up", "callback"])
@asynctest
async def test_a_failure_is_a_refusal(
    part: str, failure: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2025-26465: a check that could not be made was taken for one that was passed."""
    path = tmp_path / "known_hosts"

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise failure

    class Fails(nacre.SSHClient):
        validate_host_public_key = fail

    options: dict[str, Any] = {"known_hosts": path, "strict_host_key_checking": "accept-new"}
    match part:
        case "keep_key" | "ask_dns":
            monkeypatch.setattr(host_policy, part, fail)
        case "resolver":
            # Whatever it raises, nothing is trusted for it: what known_hosts has decides.
            options = {"known_hosts": b"", "verify_host_key_dns": "yes", "sshfp_resolver": fail}
        case "look_up":
            monkeypatch.setattr(client_connection, "look_up", fail)
        case "callback":
            options |= {"strict_host_key_checking": "ask", "client_factory": Fails}
    async with serving() as listener:
        with pytest.raises(BaseException) as info:
            await connect(listener, **options)
        assert isinstance(info.value, (nacre.DisconnectError, failure, RuntimeError))
    assert not path.exists()
    reported()


@pytest.mark.parametrize(
    ("wish", "records", "secure", "outcome"),
    [
        ("yes", "own", True, "trusted"),
        ("yes", "own", False, "asked hinted"),
        ("ask", "own", True, "asked hinted"),
        ("ask", "other", True, "asked denied"),
        ("yes", "none", True, "asked silent"),
    ],
)
@asynctest
async def test_what_the_dns_says(wish: str, records: str, secure: bool, outcome: str, tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    keys = {"own": host_key(), "other": OTHER}
    answer = SSHFPAnswer(sshfp_records(keys[records]) if records in keys else (), secure)
    async with serving() as listener:
        async with connected(
            listener,
            known_hosts=path,
            strict_host_key_checking="ask",
            client_factory=Asks,
            verify_host_key_dns=wish,
            sshfp_resolver=lambda host: answer,
        ):
            pass
        verdict = outcome.removeprefix("asked ")
        assert Asks.asked == ([] if outcome == "trusted" else [(host_key().get_fingerprint(), verdict)])
        # What the DNS vouches for is not written: it is asked again the next time.
        assert path.exists() == (outcome != "trusted")


@asynctest
async def test_fingerprints_of_other_keys_are_in_the_way_of_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    answer = SSHFPAnswer(sshfp_records(OTHER), secure=False)
    async with serving() as listener:
        with pytest.raises(nacre.HostKeyNotVerifiable, match="the DNS has other fingerprints"):
            await connect(
                listener,
                known_hosts=path,
                strict_host_key_checking="accept-new",
                verify_host_key_dns="ask",
                sshfp_resolver=lambda host: answer,
            )
    assert not path.exists()


@asynctest
async def test_without_a_resolver_nobody_is_called_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nacre.sshfp.has_resolver", lambda: False)
    with pytest.raises(nacre.NotSupportedYet, match="dnspython"):
        await nacre.connect("host.invalid", config=None, verify_host_key_dns="yes")


@asynctest
async def test_a_certificate_by_nobody_is_a_key_like_another(tmp_path: Path) -> None:
    """As for ssh; and one by a trusted authority that is no good is refused all the same."""
    path = tmp_path / "known_hosts"
    authority = nacre.generate_private_key("ssh-ed25519")
    cert = authority.generate_host_certificate(host_key(), "host", principals=["elsewhere"])
    options = {
        "known_hosts": path,
        "server_host_key_algs": ["ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"],
    }
    async with serving(server_host_keys=[(host_key(), cert)]) as listener:
        path.touch()
        with pytest.raises(nacre.HostKeyNotVerifiable):
            await connect(listener, **options)
        async with connected(listener, **options, strict_host_key_checking="accept-new"):
            assert path.read_text() == line(host_key(), listener.get_port())
        path.write_text(f"@cert-authority * {known_hosts_line('x', 22, authority)[2:]}\n")
        with pytest.raises(nacre.HostKeyNotVerifiable, match="no good"):
            await connect(listener, **options, strict_host_key_checking="accept-new")
