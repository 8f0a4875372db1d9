"""Programs that are asked for lines: what counts, what does not, and that nothing of one is left."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from nacre.aio import commands
from nacre.aio.commands import Command, CommandFailed, Identity, asked
from tests.support.face import asynctest

SHELL = "/bin/sh"


async def output(*argv: str, **options: Any) -> bytes:
    return await asked(lambda: Command("Keyword", argv, **options), lambda output: output)


async def refusal(*argv: str, **options: Any) -> str:
    with pytest.raises(CommandFailed) as caught:
        await output(*argv, **options)
    return str(caught.value)


def is_alive(number: int) -> bool:
    """Whether a process is there, and is no zombie that a process of this machine has yet to reap."""
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


async def gone(number: int) -> None:
    while is_alive(number):
        await asyncio.sleep(0.01)


@asynctest
async def test_what_is_printed_counts_when_it_has_ended_well() -> None:
    assert await output("/bin/echo", "a  b", "$(id)") == b"a  b $(id)\n"
    assert await asked(lambda: Command("Keyword", ("/bin/echo", "1")), int) == 1
    # Nothing to read, an environment and a folder of its own, and no descriptor of ours.
    said = await output(
        SHELL,
        "-c",
        "cat; pwd; echo $HOME $LEAK; ls /proc/self/fd | wc -l",
        environment={"HOME": "/h"},
        folder="/",
    )
    assert said.split() == [b"/", b"/h", b"4"]


@asynctest
async def test_anything_else_is_a_failure(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await refusal(SHELL, "-c", "echo lines; exit 3") == "Keyword /bin/sh: it ended with status 3"
    assert await refusal(SHELL, "-c", "echo lines; kill -9 $$") == "Keyword /bin/sh: it ended with signal 9"
    assert "does not start: [Errno 2]" in await refusal("/nowhere/program")
    assert "does not start: embedded null byte" in await refusal("/bin/echo", "a\0b")
    assert "does not start" in await refusal("/bin/echo", "\udfff\ud800")
    assert await refusal(SHELL, "-c", "exec cat /dev/zero") == (
        "Keyword /bin/sh: it printed more than 1048576 bytes"
    )
    with monkeypatch.context() as elsewhere:
        elsewhere.delattr(os, "killpg")
        assert "this system has no groups of processes" in await refusal("/bin/echo", "lines")
    # What makes the program may refuse as well; what it complains of is in the log, a line each, and bounded.
    with caplog.at_level(logging.WARNING, "nacre"):
        await output(SHELL, "-c", "echo 'one\033[2J' >&2; echo two >&2; head -c 100000 /dev/zero >&2")
    shown = [record.getMessage() for record in caplog.records]
    assert shown[:2] == ["Keyword /bin/sh: one\\x1b[2J", "Keyword /bin/sh: two"]
    assert sum(map(len, shown)) < 1000


@asynctest
async def test_one_that_takes_too_long_is_killed_with_all_that_it_has_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numbers = tmp_path / "numbers"
    script = f"sleep 1000 & echo $! $$ > {numbers}.new; mv {numbers}.new {numbers}; echo lines; wait"
    call = asyncio.ensure_future(refusal(SHELL, "-c", script))
    while not numbers.exists():
        await asyncio.sleep(0.01)
    monkeypatch.setattr(commands, "PATIENCE", 0.0)
    assert await call == "Keyword /bin/sh: it did not end within 0 seconds"
    for number in numbers.read_text().split():
        await gone(int(number))


@asynctest
async def test_nothing_is_left_behind_by_one_that_ends_well(tmp_path: Path) -> None:
    number = tmp_path / "number"
    script = f"sleep 1000 > /dev/null 2>&1 & echo $! > {number}; echo lines"
    assert await output(SHELL, "-c", script) == b"lines\n"
    await gone(int(number.read_text()))


@asynctest
async def test_who_stops_waiting_ends_the_program(tmp_path: Path) -> None:
    number = tmp_path / "number"
    call = asyncio.ensure_future(
        output(SHELL, "-c", f"echo $$ > {number}.new; mv {number}.new {number}; sleep 1000")
    )
    while not number.exists():
        await asyncio.sleep(0.01)
    assert is_alive(int(number.read_text()))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await gone(int(number.read_text()))


@asynctest
async def test_a_status_that_nobody_can_know_is_a_failure() -> None:
    # With SIGCHLD ignored, as a parent may have it, the system forgets how a process has ended.
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert "nobody knows how it has ended" in await refusal(SHELL, "-c", "echo lines; exit 3")
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.skipif(
    not hasattr(os, "waitid"), reason="this system forgets a process once it tells of its end"
)
@asynctest
async def test_no_group_is_killed_by_a_number_that_may_be_another_one_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kill, killed = os.killpg, []

    def watched(number: int, which: int) -> None:
        killed.append(os.path.exists(f"/proc/{number}"))
        kill(number, which)

    monkeypatch.setattr(os, "killpg", watched)
    await output("/bin/echo")
    assert killed
    assert all(killed)
    killed.clear()
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        await refusal("/bin/echo")  # whoever has ended is gone at once
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert all(killed)


@asynctest
async def test_so_many_at_once(tmp_path: Path) -> None:
    # Each waits until there are more than may be: nobody sees that.
    script = f"echo > {tmp_path}/$$; ls {tmp_path} | wc -l; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done"
    calls = [asyncio.ensure_future(output(SHELL, "-c", script)) for _ in range(10)]
    while len(list(tmp_path.iterdir())) < 8:
        await asyncio.sleep(0.01)
    (tmp_path / "go").touch()
    assert len([int(number) for number in await asyncio.gather(*calls)]) == 10
    about = [
        asyncio.ensure_future(asked(lambda: Command("K", ("/bin/echo",)), len, ("one",))) for _ in range(6)
    ]
    assert await asyncio.gather(*about) == [1] * 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@asynctest
async def test_it_runs_as_whom_it_is_told_with_all_groups() -> None:
    who = Identity(65534, 65533, (65533, 12345))
    said = await output(
        SHELL, "-c", "id -u; id -ru; id -g; id -G; grep Groups: /proc/self/status", identity=who
    )
    assert said.split() == b"65534 65534 65533 65533 12345 Groups: 12345 65533".split()
