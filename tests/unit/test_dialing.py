"""What a connection runs over: proxy commands, hops as text, and the end of what was started on the way."""

from __future__ import annotations

import os
import socket
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import config_machine
from nacre.connecting import go_through
from nacre.dialing import Hop, ProxyCommand, parse_hops
from nacre.trust import known_hosts_line
from tests.support.face import HOST, asynctest, client_options, host_key, serving
from tests.support.netcat import NETCAT, PASSING


@asynctest
async def test_a_proxy_command_is_the_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    start = ProxyCommand.start

    async def keep(command: Any) -> Any:
        started.append(await start(command))
        return started[-1]

    monkeypatch.setattr(ProxyCommand, "start", keep)
    async with serving(process_factory=lambda process: process.exit(7)) as listener:
        command = [sys.executable, "-c", NETCAT, HOST, str(listener.get_port())]
        async with nacre.connect("far", **client_options(proxy_command=command)) as connection:
            assert (await connection.run("x")).exit_status == 7
            assert connection.get_extra_info("host") == "far"
        assert started[0][0]._process.returncode is not None


@asynctest
async def test_the_address_of_an_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    has = {"lo": ["::1", "127.0.0.5", "127.0.0.6"], "six": ["fe80::1"], "none": []}
    monkeypatch.setattr(
        config_machine, "interface_addresses", lambda name: [ip_address(text) for text in has[name]]
    )
    config = tmp_path / "config"
    async with serving() as listener:

        async def source(text: str, **given: Any) -> str:
            config.write_text(text)
            options = client_options(config=config, port=listener.get_port(), **given)
            async with nacre.connect(HOST, **options) as connection:
                found: str = connection.get_extra_info("sockname")[0]
                return found

        assert await source("BindInterface lo\n") == "127.0.0.5"
        assert await source("BindInterface lo\nBindAddress 127.0.0.7\n") == "127.0.0.7"
        assert await source("BindInterface lo\n", local_addr=("127.0.0.8", 0)) == "127.0.0.8"
        with pytest.raises(OSError, match="BindInterface none: there is no such interface with an address"):
            await source("BindInterface none\n")
        with pytest.raises(OSError, match="BindInterface lo: there is no such interface"):
            await source("BindInterface lo\n", family=socket.AF_UNIX)
        with pytest.raises(OSError):
            await source("BindInterface six\n")


@asynctest
async def test_a_proxy_command_hands_over_its_connection(tmp_path: Path) -> None:
    config, program = tmp_path / "config", tmp_path / "program"
    config.write_text(f"ProxyUseFdpass yes\nProxyCommand {sys.executable} {program} {HOST} %p\n")
    async with serving(process_factory=lambda process: process.exit(7)) as listener:
        given = client_options(config=config, port=listener.get_port())
        program.write_text(PASSING)
        async with nacre.connect("far", **given) as connection:
            assert (await connection.run("x")).exit_status == 7
            assert connection.get_extra_info("peername") == (HOST, listener.get_port())
            assert not connection.get_extra_info("socket").get_inheritable()
            # That address may be a proxy's, whose own key is no other host's.
            of_proxy = known_hosts_line(HOST, listener.get_port(), host_key())
            with pytest.raises(nacre.HostKeyNotVerifiable, match="is not known"):
                await nacre.connect("far", **{**given, "known_hosts": of_proxy.encode()})
            of_host = known_hosts_line("far", listener.get_port(), host_key())
            async with nacre.connect("far", **{**given, "known_hosts": of_host.encode()}):
                pass
            # One that the program gives is as it says.
            way = [sys.executable, "-c", NETCAT, HOST, str(listener.get_port())]
            async with nacre.connect("far", **given, proxy_command=way):
                pass
        open_files = len(os.listdir("/proc/self/fd"))
        for passed in ("0", "open('/dev/null')", "socket.socket(type=socket.SOCK_DGRAM)"):
            sends = f"import socket\npassed = {passed}\nfiles = [passed.fileno()] if passed else []"
            program.write_text(f"{sends}\nsocket.send_fds(socket.socket(fileno=1), [bytes(1)], files)")
            with pytest.raises(ConnectionError, match="the proxy command has handed over no connection"):
                await nacre.connect("far", **given)
        assert len(os.listdir("/proc/self/fd")) == open_files


@asynctest
async def test_a_proxy_command_that_fails() -> None:
    with pytest.raises(FileNotFoundError, match=r"the proxy command does not start: .*'no-such-program'"):
        await nacre.connect("far", **client_options(proxy_command="no-such-program %h"))
    with pytest.raises(nacre.ConnectionLost):
        await nacre.connect("far", **client_options(proxy_command=[sys.executable, "-c", ""]))


@asynctest
async def test_a_proxy_command_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nacre.dialing._PROXY_PATIENCE", 0.01)
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    proxy, sock = await ProxyCommand.start([sys.executable, "-c", script])
    sock.recv(1)
    proxy.close()
    await proxy.wait_closed()
    assert proxy._process.returncode == -9
    sock.close()


def test_hops() -> None:
    assert parse_hops("a, me@b.example:2200,[::1]:22") == (
        Hop("", "a", 0),
        Hop("me", "b.example", 2200),
        Hop("", "::1", 22),
    )
    for wrong in ("", "a,,b", "a:b", "a:70000", "-oProxyCommand=x", "me@", "a b", "::1"):
        with pytest.raises(ValueError, match="hop"):
            parse_hops(wrong)
    with pytest.raises(ValueError, match="most"):
        parse_hops(",".join("abcdefghi"))


@asynctest
async def test_hops_that_fail_say_which_they_are() -> None:
    async with serving(server_factory=nacre.SSHServer) as listener:
        options = nacre.SSHClientConnectionOptions(host="far", tunnel=f"me@{HOST}:{listener.get_port()}")
        with pytest.raises(nacre.HostKeyNotVerifiable) as caught:
            await go_through(options)
        assert caught.value.__notes__ == [f"on the way to far, at {HOST}"]
    with pytest.raises(ValueError, match="circle"):
        await go_through(options, depth=8)
