"""The hub by other people's clients: PuTTY's plink and Dropbear's dbclient in terminals of their own."""

from __future__ import annotations

import subprocess

import pytest

from tests.support import clients
from tests.support.hub import RunningHub
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.requires("tmux"), pytest.mark.timeout(600)]


@pytest.mark.parametrize("client", clients.CLIENTS)
def test_a_session_is_resized_left_and_found_again(hub: RunningHub, client: str) -> None:
    host_key = subprocess.run(
        ["ssh-keygen", "-y", "-f", hub.host_key_file()],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    command = clients.command(
        client, hub.directory, port=hub.port, user="alice", host_key=host_key, key=hub.key("alice")
    )
    environment = clients.environment(hub.directory)
    with Terminal(command, environment=environment) as terminal:
        terminal.wait("Enter starts")
        terminal.type("shell")
        terminal.press("Enter")
        terminal.wait("$")
        terminal.type("stty size; echo größe-$((1000+234))\n")
        terminal.wait("36 120")
        terminal.wait("größe-1234")
        terminal.resize(90, 30)
        terminal.type("until [ \"$(stty size)\" = '30 90' ]; do :; done; echo two-$((1000+234))\n")
        terminal.wait("two-1234")
    with Terminal(command, environment=environment) as terminal:
        terminal.wait("running")
        terminal.press("Enter")
        terminal.wait("two-1234")
        terminal.type("exit\n")
        terminal.wait("Enter starts")
        terminal.type("q")
        terminal.wait_exit()
