"""What a hub says when it starts, and the one line with which it does not."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hub import RunningHub, wait_for
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.requires("tmux"), pytest.mark.timeout(600)]

MakeHub = Callable[..., RunningHub]


def fails(hub: RunningHub, *options: str, **more: str) -> str:
    """Start a hub that does not start; returns its one line."""
    done = subprocess.run(
        [*hub.start_command(), *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**hub.environment(), **more},
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1, done
    assert done.stdout == ""
    lines = done.stderr.strip().split("\n")
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture
def unstarted(open_tmp_path: Path) -> RunningHub:
    """Return a hub that has not been started, and has no state."""
    return RunningHub(open_tmp_path)


def test_the_first_lines(make_hub: MakeHub) -> None:
    hub = make_hub()
    first, apps, third = hub.lines[:3]
    fingerprint = subprocess.run(
        [hub.openssh.ssh_keygen, "-lf", hub.host_key_file()], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert first == (
        f"  nacre hub · 127.0.0.1:{hub.port} · host key {fingerprint} (made now) · state in {hub.state}"
    )
    assert apps == "  apps   notebook (euporie)  console (euporie)  python  shell"
    # The first invite makes the administrator: it is for a terminal's eyes only.
    assert "invite-" not in third
    assert stat.S_IMODE(hub.host_key_file().stat().st_mode) == 0o600
    hub.stop()
    hub.start()
    assert "(made now)" not in hub.lines[0]
    assert hub.lines[2] == f"  log in with   ssh -p {hub.port} alice@127.0.0.1"


def test_the_first_invite_makes_the_administrator(open_tmp_path: Path) -> None:
    with (
        contextlib.closing(RunningHub(open_tmp_path)) as hub,
        Terminal([*hub.start_command(), "--port", "0"], environment=hub.environment()) as console,
    ):
        screen = console.wait("Become the administrator, within an hour:")
        line = console.wait(re.compile(r"ssh -p (\d+) (invite-[0-9A-Z-]+)@127\.0\.0\.1"))
        found = re.search(r"ssh -p (\d+) (invite-[0-9A-Z-]+)@127\.0\.0\.1", line)
        assert found is not None, screen
        hub.learn_host_key(int(found[1]))
        client = hub.terminal(found[2], key=hub.key("ada"))
        client.wait("user name:")
        client.type("ada\n")
        client.wait("[y/n]")
        client.type("y")
        assert client.wait_exit() == 0
        assert re.search(r"ada +admin", hub.program("user", "list"))
        inside = hub.terminal("ada")
        inside.wait("q leaves")
        console.press("C-c")
        inside.wait("the hub is shutting down")
        assert console.wait_exit() == 0
        assert "Traceback" not in console.history


def test_a_second_hub_and_a_port_in_use(hub: RunningHub, tmp_path: Path) -> None:
    second = fails(hub, "--port", "0")
    assert second.startswith(f"nacre: a hub already runs on {hub.state} (process {hub.pid}); ")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        hub.stop()
        line = fails(hub, "--port", port)
    assert line == (
        f"nacre: cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "is another hub running there? Choose another port with --port"
    )


def test_a_broken_configuration_names_file_line_and_remedy(unstarted: RunningHub) -> None:
    hub = unstarted
    hub.configuration.write_text("\n\nportt = 3\n")
    assert f"{hub.configuration}:3: " in fails(hub)
    hub.configuration.write_text("listen = [\n")
    assert f"{hub.configuration}:" in fails(hub)


def test_a_state_that_cannot_be_used(unstarted: RunningHub) -> None:
    hub = unstarted
    hub.add_user("alice")
    host_key = hub.state / "ssh_host_ed25519_key"
    host_key.write_text("not a key\n")
    host_key.chmod(0o600)
    assert str(host_key) in fails(hub)
    host_key.unlink()
    (database,) = [
        path for path in hub.state.iterdir() if path.is_file() and path.read_bytes()[:6] == b"SQLite"
    ]
    database.write_bytes(b"no database" * 100)
    assert str(database) in fails(hub)


def test_bad_bytes_end_that_connection_and_the_hub_goes_on(hub: RunningHub) -> None:
    before = hub.descriptors()
    for data in (
        b"",
        b"\0" * 4096,
        b"GET / HTTP/1.0\r\n\r\n",
        b"SSH-2.0-x\r\n" + b"\xff" * 65536,
        b"SSH-1.5-x\r\n",
    ):
        with socket.create_connection(("127.0.0.1", hub.port)) as client:
            client.settimeout(120)
            try:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass
            except OSError as error:  # it may be reset before its last word
                if not isinstance(error, ConnectionError) and error.errno != errno.ENOTCONN:
                    raise
    assert hub.ssh("alice").run("-T", "--").returncode == 1
    wait_for(lambda: hub.descriptors() <= before, "no descriptor left")
    assert "Traceback" not in hub.log


def greeting(port: int, *ends: bytes, source: str = "127.0.0.2") -> tuple[bytes, socket.socket]:
    """Connect from an address of this machine, say something, and return the first line that comes."""
    client = socket.create_connection(("127.0.0.1", port), 120, (source, 0))
    for data in ends:
        client.sendall(data)
    with client.makefile("rb") as stream:
        line = stream.readline()[:8]
    if line == b"SSH-2.0-":
        client.sendall(b"SSH-2.0-slow\r\n")  # then the time of the whole login is its time
    return line, client


@pytest.fixture(scope="module")
def counting(make_shared_hub: MakeHub) -> RunningHub:
    """Return a hub that counts the connections of this machine too, and has a load balancer."""
    return make_shared_hub('proxy_protocol_from = ["127.0.0.4"]\n[limits]\nexempt = []\n')


def test_one_address_cannot_take_the_places_of_all_others(counting: RunningHub) -> None:
    with contextlib.ExitStack() as clients:
        greetings = []
        for _ in range(30):
            line, client = greeting(counting.port)
            clients.enter_context(client)
            greetings.append(line)
        assert greetings == [b"SSH-2.0-"] * 20 + [b"Not allo"] * 10
        line, client = greeting(counting.port, source="127.0.0.3")
        clients.enter_context(client)
        assert line == b"SSH-2.0-"
        counting.wait_line("too many of one source")


def test_behind_a_load_balancer_the_client_is_the_source(counting: RunningHub) -> None:
    sources = ["192.0.2.1"] * 21 + ["192.0.2.9"]
    lines = []
    with contextlib.ExitStack() as clients:
        for source in sources:
            header = f"PROXY TCP4 {source} 192.0.2.2 5 22\r\n".encode()
            line, client = greeting(counting.port, header, source="127.0.0.4")
            clients.enter_context(client)
            lines.append(line)
    assert lines == [b"SSH-2.0-"] * 20 + [b""] + [b"SSH-2.0-"]


@pytest.mark.requires("root")
def test_an_interpreter_that_users_cannot_run_is_refused_at_start(
    unstarted: RunningHub, tmp_path: Path
) -> None:
    hub = unstarted
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    source = hub.start_command()[0]
    subprocess.run(
        [source, "-m", "venv", "--without-pip", "--system-site-packages", private / "venv"], check=True
    )
    packages = next((private / "venv").glob("lib/python*/site-packages"))
    here = subprocess.run(
        [source, "-c", "import cryptography, os; print(os.path.dirname(os.path.dirname(cryptography.__file__)))"],
        capture_output=True, text=True, check=True, env=hub.environment(),
    ).stdout.strip()  # fmt: skip
    (packages / "borrowed.pth").write_text(here + "\n")
    command = [private / "venv/bin/python", *hub.start_command()[1:], "--port", "0"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=hub.environment()
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().split("\n")) == 1, done.stderr
    assert "is closed to others" in done.stderr
    assert (
        os.fspath(private) in done.stderr
        or os.fspath(tmp_path.parent) in done.stderr
        or "pytest" in done.stderr
    )
