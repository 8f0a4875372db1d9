"""`nacre agent`: OpenSSH's ssh-add uses it; the options, and the lines for shells."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nacre
import nacre.cli
from tests.support.agent import ssh_add

SOURCE = Path(nacre.cli.__file__).parents[2]
KEY = nacre.generate_private_key("ssh-ed25519", comment="a key")

pytestmark = pytest.mark.requires("ssh-agent")


def agent(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "PYTHONPATH": str(SOURCE), "SHELL": "/bin/sh", **environment}
    return subprocess.run(
        [sys.executable, "-m", "nacre", "agent", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=own,
        check=False,
    )


@pytest.fixture
def key(tmp_path: Path) -> Path:
    KEY.write_private_key(tmp_path / "key")
    return tmp_path / "key"


def test_in_the_background_until_it_is_killed(tmp_path: Path, key: Path) -> None:
    path = tmp_path / "a socket"
    done = agent("-s", "-a", path, "-t", "1h")
    assert (done.returncode, done.stderr) == (0, "")
    shell = f"{done.stdout}printf '%s %s' \"$SSH_AUTH_SOCK\" $SSH_AGENT_PID"
    lines = subprocess.run(
        ["sh", "-c", shell], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    pid = lines[0].removeprefix("Agent pid ")
    assert lines[1] == f"{path} {pid}"
    opened = os.pidfd_open(int(pid))
    try:
        assert "added" in ssh_add(path, key)
        assert KEY.get_fingerprint() in ssh_add(path, "-l")
        again = agent("-a", path)
        assert (again.returncode, again.stderr.count("\n")) == (1, 1)
        assert "in use" in again.stderr
        done = agent("-k", "-c", SSH_AGENT_PID=pid)
        assert done.stdout.splitlines() == [
            "unsetenv SSH_AUTH_SOCK;", "unsetenv SSH_AGENT_PID;", f"echo Agent pid {pid} killed;"
        ]  # fmt: skip
        wait_for(opened)
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(opened, signal.SIGKILL)
        os.close(opened)
    assert not path.exists()


async def add(path: str, key: nacre.SSHKey, comment: bytes) -> None:
    """Add a key that asks for consent, with a comment that ssh-add would not send."""
    key.set_comment(comment)
    async with nacre.connect_agent(path) as client:
        await client.add_keys([key], confirm=True)


def wait_for(pidfd: int) -> None:
    """Wait for the end of a process that is nobody's child here."""
    assert select.select([pidfd], [], [], 120)[0]


def test_with_a_command(tmp_path: Path, key: Path) -> None:
    said = tmp_path / "said"
    script = f'echo $SSH_AGENT_PID "$SSH_AUTH_SOCK" > {said}; ssh-add -q {key} && ssh-add -l; exit 7'
    done = agent("sh", "-c", script)
    assert done.returncode == 7
    assert KEY.get_fingerprint() in done.stdout
    pid, path = said.read_text().split()
    try:
        opened = os.pidfd_open(int(pid))
    except ProcessLookupError:
        pass  # it has ended with the command
    else:
        wait_for(opened)
        os.close(opened)
    assert not os.path.exists(os.path.dirname(path))


def test_a_lifetime_of_nothing_is_none(key: Path) -> None:
    done = agent("-t", "0", "--", "sh", "-c", f"ssh-add -q {key} && ssh-add -l")
    assert (done.returncode, KEY.get_fingerprint() in done.stdout) == (0, True), done.stderr


def test_a_command_that_is_not_there() -> None:
    done = agent("no-such-command")
    assert (done.returncode, done.stderr) == (1, "nacre: no-such-command: No such file or directory\n")


def test_in_the_foreground_and_consent(tmp_path: Path, key: Path) -> None:
    askpass = tmp_path / "askpass"
    asked = tmp_path / "asked"
    process = subprocess.Popen(
        [sys.executable, "-m", "nacre", "agent", "-d", "-c", "-E", "md5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "SSH_ASKPASS": str(askpass)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            path = process.stdout.readline().removeprefix("setenv SSH_AUTH_SOCK ").rstrip(";\n")
            assert process.stdout.readline() == f"setenv SSH_AGENT_PID {process.pid};\n"
            assert process.stdout.readline() == f"echo Agent pid {process.pid};\n"
            assert "added" in ssh_add(path, "-c", key)
            KEY.write_public_key(tmp_path / "key.pub")
            for status, words in ((None, "refused"), (1, "refused"), (0, "")):
                if status is not None:
                    askpass.write_text(
                        f'#!/bin/sh\nprintf "%s %s\\n" "$SSH_ASKPASS_PROMPT" "$1" > {asked}\nexit {status}\n'
                    )
                    askpass.chmod(0o700)
                assert words in ssh_add(path, "-T", tmp_path / "key.pub")
            assert asked.read_text() == (
                f"confirm Allow use of key a key?\nKey fingerprint {KEY.get_fingerprint('md5')}.\n"
            )
            hostile = nacre.generate_private_key("ssh-ed25519", comment=None)
            hostile.write_private_key(tmp_path / "hostile")
            hostile.write_public_key(tmp_path / "hostile.pub")
            asyncio.run(add(path, hostile, b"x?\nKey fingerprint \x1b[8m"))
            assert ssh_add(path, "-T", tmp_path / "hostile.pub") == ""
            question = asked.read_text().splitlines()
            assert len(question) == 2  # what a comment says is no line of its own
            assert "\x1b" not in question[0]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        said = process.stderr.read()
        assert "a request to the agent was refused" in said
        assert all(f"asks: {name}\n" in said for name in ("ADD_CONSTRAINED", "SIGN"))


@pytest.mark.parametrize("pid", ["", "x", "-1", "1"])
def test_no_agent_to_kill(run: Any, monkeypatch: pytest.MonkeyPatch, pid: str) -> None:
    monkeypatch.setenv("SSH_AGENT_PID", pid)
    done = run("agent", "-k")
    assert (done.status, done.out) == (1, "")
    assert "SSH_AGENT_PID does not name one" in done.err


def test_what_does_not_go_together(run: Any, tmp_path: Path) -> None:
    assert run("agent", "-s", "-c").status == 2
    done = run("agent", "-D", "true")
    assert (done.status, done.err) == (1, "nacre: a command goes with -a, -t, -E and -P alone\n")
    done = agent("-a", tmp_path / ("x" * 200))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "too long" in done.stderr
    assert run("agent", "-P", "a,,b").status == 2
    done = run("agent", "-D", "-a", str(tmp_path / "missing" / "socket"))
    assert (done.status, done.err.count("\n")) == (1, 1)
