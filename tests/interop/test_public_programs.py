"""Programs that others wrote for AsyncSSH, run on nacre by an alias of the module's name alone.

prompt_toolkit's SSH server with prompts and a dialog, and euporie's own hub; in a real terminal, with the
real ssh: one version for each, as what is new in these is what stands between nacre and the program.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

import nacre
from tests.support.openssh import OpenSSH, Ssh, find
from tests.support.terminal import PATIENCE, Terminal

pytestmark = [pytest.mark.requires("ssh", "ssh-keygen", "tmux"), pytest.mark.timeout(4 * PATIENCE)]

#: What stands before each program; `nacre` is all that it finds under the other name.
_ALIAS: Final = """
import sys
import nacre
sys.modules["asyncssh"] = nacre
"""

_PROMPTS: Final = """
import asyncio, asyncssh
from prompt_toolkit.contrib.ssh import PromptToolkitSSHServer
from prompt_toolkit.shortcuts import PromptSession, print_formatted_text
from prompt_toolkit.shortcuts.dialogs import yes_no_dialog

async def interact(session):
    text = await PromptSession().prompt_async("What do you say? ")
    print_formatted_text(f"You said {text!r}")
    size = session.app_session.output.get_size()
    print_formatted_text(f"at first {size.columns} columns")
    await PromptSession().prompt_async("Now a dialog ")
    answer = await yes_no_dialog("A question", "Is it as it was?").run_async()
    print_formatted_text(f"The answer is {answer}")

async def main():
    acceptor = await asyncssh.create_server(
        lambda: PromptToolkitSSHServer(interact), "127.0.0.1", 0, server_host_keys=[sys.argv[1]]
    )
    print(acceptor.get_port(), flush=True)
    await asyncio.Future()

asyncio.run(main())
"""

_EUPORIE: Final = """
import asyncio, socket
create_server = nacre.create_server

async def on_a_free_port(*args, **options):
    acceptor = await create_server(*args, **{**options, "host": "127.0.0.1", "port": 0})
    print(acceptor.get_port(), flush=True)
    return acceptor

nacre.create_server = on_a_free_port  # the program takes no port 0, and says none
from euporie.core.__main__ import main
host_key, client_keys = sys.argv[1:]
sys.argv = ["euporie", "hub", "--host-keys", host_key, "--client-keys", client_keys, "--", "notebook"]
main()
"""


def _key(openssh: OpenSSH, file: Path) -> Path:
    subprocess.run(
        [openssh.ssh_keygen, "-q", "-t", "ed25519", "-N", "", "-f", file], check=True, capture_output=True
    )
    return file


@contextmanager
def _running(openssh: OpenSSH, folder: Path, program: str, *arguments: Path) -> Iterator[Ssh]:
    """Run a program that says its port, and give an ssh that trusts its key."""
    host_key, user_key = _key(openssh, folder / "host_key"), _key(openssh, folder / "user_key")
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _ALIAS + program, host_key, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "HOME": str(folder), "PYTHONPATH": str(Path(nacre.__file__).parent.parent)},
            cwd=folder,
        )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert said, (folder / "errors").read_text()
        port = int(said)
        known_hosts = folder / "known_hosts"
        public = " ".join(host_key.with_suffix(".pub").read_text().split()[:2])
        known_hosts.write_text(f"[127.0.0.1]:{port} {public}\n")
        yield Ssh(openssh, port, "alice", user_key, known_hosts)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_prompt_toolkit_serves_prompts_and_dialogs(tmp_path: Path) -> None:
    with _running(find("9.2"), tmp_path, _PROMPTS) as ssh, Terminal(ssh.command("-tt", "--")) as terminal:
        terminal.wait("What do you say?")
        terminal.type("grüße")
        terminal.press("Left", "BSpace", "Enter")
        terminal.wait("You said 'grüe'")
        terminal.wait("at first 120 columns")
        terminal.wait("Now a dialog")
        terminal.press("Enter")
        terminal.wait("Is it as it was?")
        terminal.resize(80, 24)
        # In the middle of 80 columns; what was drawn for 120, and is cut off at 80, stands further to the right.
        terminal.wait(re.compile(r"^ {15,20}│ Is it as it was\?", re.MULTILINE))
        terminal.press("Tab", "Enter")
        terminal.wait("The answer is False")
        terminal.wait_exit()
    assert (tmp_path / "errors").read_text() == ""


def test_eupories_hub_serves_its_notebook(tmp_path: Path) -> None:
    openssh = find("10.0")
    trusted = tmp_path / "trusted"
    key = _key(openssh, tmp_path / "of_alice")
    trusted.write_text(key.with_suffix(".pub").read_text())
    with _running(openssh, tmp_path, _EUPORIE, trusted) as ssh:
        stranger = ssh.run("-tt", "--")
        assert stranger.returncode == 255
        assert b"Permission denied" in stranger.stderr
        known = Ssh(openssh, ssh.port, ssh.user, key, ssh.known_hosts)
        with Terminal(known.command("-tt", "--")) as terminal:
            terminal.wait("New notebook")
            terminal.resize(100, 30)
            terminal.wait_until(lambda screen: "Press Ctrl+Q" in screen.split("\n")[29], "the last line")
            terminal.press("C-q")
            terminal.wait_exit()
