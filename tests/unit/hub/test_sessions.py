"""Sessions from the hub's side, with real holders and real programs."""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from nacre.hub.attachment import EndingKind
from nacre.hub.holder import descendants
from nacre.hub.leftovers import left_of
from nacre.hub.problem import HubProblem, StateError
from nacre.hub.sessions import StartError, Terminal, _last_line
from tests.unit.hub.conftest import TERMINAL, UID, reachable_python

SH = "/bin/sh"


async def start(manager, *argv, environment=None, terminal=TERMINAL):
    return await manager.start("alice", "sh", argv, terminal, environment or {}, uid=UID)


async def output(attachment) -> bytes:
    return b"".join([data async for data in attachment])


async def until(attachment, wanted: bytes) -> bytes:
    seen = b""
    async for data in attachment:
        seen += data
        if wanted in seen:
            return seen
    raise AssertionError(f"{wanted!r} never came; {seen!r} did, then {attachment.ending}")


async def gone(manager, ended, count=1):
    async with asyncio.timeout(120):
        while len(ended) < count:
            await asyncio.sleep(0.01)
    assert manager.sessions() == []
    assert sorted(manager._paths.run.iterdir()) == []


def run(body):
    async def whole():
        async with asyncio.timeout(120):
            await body

    asyncio.run(whole())


def test_a_program_with_its_terminal_environment_and_exit(make_sessions):
    async def body():
        ended = []
        async with make_sessions(on_end=ended.append) as manager:
            info = await start(
                manager,
                SH,
                "-c",
                "stty size; echo $USER $LANG [$EVIL]; pwd; exit 3",
                environment={"LANG": "C", "EVIL": "x"},
            )
            assert [entry.state for entry in manager.sessions("alice")] == ["detached"]
            attachment = await manager.attach(info.id, TERMINAL)
            lines = (await output(attachment)).splitlines()
            assert lines[:3] == [b"30 100", b"alice C []", str(manager._paths.home("alice")).encode()]
            assert (attachment.ending.kind, attachment.ending.status) == (EndingKind.EXIT, 3)
            await gone(manager, ended)
            assert ended[0].id == info.id

    run(body())


def test_an_end_by_a_signal_is_told_even_to_a_viewer_who_comes_late(make_sessions):
    async def body():
        async with make_sessions() as manager:
            info = await start(manager, SH, "-c", "echo last words; kill -KILL $$")
            attachment = await manager.attach(info.id, TERMINAL)
            assert b"last words" in await output(attachment)
            assert (attachment.ending.kind, attachment.ending.signal) == (EndingKind.SIGNAL, "KILL")

    run(body())


@pytest.mark.parametrize("argv", [("/nonexistent",), ("/etc",)])
def test_a_program_that_cannot_start_is_one_clear_line(make_sessions, argv):
    async def body():
        async with make_sessions() as manager:
            with pytest.raises(StartError) as caught:
                await start(manager, *argv)
            assert argv[0] in str(caught.value)
            assert "\n" not in str(caught.value)
            assert manager.sessions() == []
            assert list(manager._paths.run.iterdir()) == []

    run(body())


def test_every_byte_passes_both_ways(make_sessions):
    async def body():
        async with make_sessions() as manager:
            info = await start(manager, SH, "-c", "stty raw -echo; echo ready; head -c 256; sleep 100")
            attachment = await manager.attach(info.id, TERMINAL)
            await until(attachment, b"ready")
            every = bytes(range(256))
            await attachment.write(every)
            assert (await until(attachment, every)).endswith(every)

    run(body())


def test_resize_and_signal(make_sessions):
    async def body():
        async with make_sessions() as manager:
            script = (
                "trap 'stty size' WINCH; trap 'echo got usr1' USR1; echo ready; while :; do sleep 0.05; done"
            )
            info = await start(manager, SH, "-c", script)
            attachment = await manager.attach(info.id, TERMINAL)
            await until(attachment, b"ready")
            attachment.resize(80, 24)
            await until(attachment, b"24 80")
            attachment.resize(0, 0)  # says nothing: not passed on
            attachment.signal("USR1")
            await until(attachment, b"got usr1")
            attachment.signal("WINCH; reboot")
            attachment.signal("NOSUCH")
            attachment.signal("TERM")
            await output(attachment)
            assert attachment.ending.kind in (EndingKind.SIGNAL, EndingKind.EXIT)

    run(body())


#: Tells each size it is given at once: a shell would first end what it waits for, and start a program that looks.
SIZES = r"""
import os, signal
def tell(*_):
    size = os.get_terminal_size()
    os.write(1, b"%d %d\r\n" % (size.lines, size.columns))
signal.signal(signal.SIGWINCH, tell)
os.write(1, b"before\r\n\033[?1049h\033[?2004h")
while True:
    signal.pause()
"""


def test_what_was_on_the_screen_comes_back(make_sessions):
    async def body():
        async with make_sessions() as manager:
            info = await start(manager, "/usr/bin/python3", "-I", "-S", "-c", SIZES)
            first = await manager.attach(info.id, TERMINAL)
            await until(first, b"\x1b[?2004h")
            assert manager.sessions()[0].state == "attached"
            first.detach()
            assert (await output(first)).endswith(b"\x1b[?2004l\x1b[?1049l\x1b[0m")
            assert first.ending.kind is EndingKind.DETACHED
            for rows in (20, 22, 24, 26, 28):
                second = await manager.attach(info.id, Terminal("xterm", 90, rows))
                seen = await until(second, b"%d 90" % rows)
                assert seen.index(b"before") < seen.index(b"\x1b[?1049h") < seen.index(b"\x1b[?2004h")
                if b"%d 90" % (rows - 1) in seen:  # a real change of the size, and back
                    break
                second.detach()  # it may have slept through the change, and see what is there now alone
            else:
                pytest.fail("it was never told another size")

    run(body())


def test_a_second_viewer_takes_over(make_sessions):
    async def body():
        async with make_sessions() as manager:
            info = await start(manager, "/bin/cat")
            first = await manager.attach(info.id, TERMINAL)
            second = await manager.attach(info.id, TERMINAL)
            await output(first)
            assert first.ending.kind is EndingKind.DETACHED
            assert "taken over" in first.ending.text
            await second.write(b"still here\n")
            await until(second, b"still here")

    run(body())


def test_nothing_is_left_not_even_what_left_the_session(make_sessions):
    async def body():
        ended = []
        async with make_sessions(on_end=ended.append) as manager:
            script = (
                "setsid sleep 1000 & echo pid $!; (setsid sh -c 'trap \"\" HUP TERM; echo pid $$; : >told; sleep 1000') & "
                "sleep 1001 & echo pid $!; until [ -e told ]; do sleep 0.05; done; exit 0"
            )
            info = await start(manager, SH, "-c", script)
            attachment = await manager.attach(info.id, TERMINAL)
            seen = await output(attachment)
            pids = [int(line.split()[1]) for line in seen.splitlines() if line.startswith(b"pid ")]
            assert len(pids) == 3, seen
            await gone(manager, ended)
            for pid in (*pids, info.pid):
                assert not Path(f"/proc/{pid}").exists(), pid

    run(body())


@pytest.mark.parametrize("detached", [0.0, 0.2])
def test_a_detached_session_ends_after_its_time(make_sessions, detached):
    async def body():
        ended = []
        async with make_sessions(detached=detached, on_end=ended.append) as manager:
            info = await start(manager, SH, "-c", "trap '' HUP; sleep 1000")
            attachment = await manager.attach(info.id, TERMINAL)
            attachment.close()  # as when the client is gone without a word
            await gone(manager, ended)

    run(body())


def test_end_and_end_user(make_sessions):
    async def body():
        ended = []
        async with make_sessions(on_end=ended.append) as manager:
            one = await start(manager, "/bin/cat")
            await start(manager, SH, "-c", "trap '' HUP TERM; while :; do sleep 1; done")
            assert await manager.end(one.id)
            assert not await manager.end(one.id)
            assert await manager.end_user("nobody") == 0
            assert await manager.end_user("alice") == 1
            await gone(manager, ended, 2)
            with pytest.raises(HubProblem):
                await manager.attach(one.id, TERMINAL)

    run(body())


#: Starts a holder that would keep the end of its session for its first viewer, as if for ever.
LINGERING = (
    "import sys; sys.path.insert(0, sys.argv[1]); import nacre.hub.{0} as module; "
    "module._LINGER = 3600; module.main()"
)


def test_a_session_that_is_told_to_end_waits_for_no_first_viewer(make_sessions, monkeypatch, caplog):
    monkeypatch.setattr("nacre.hub.sessions._BOOT", LINGERING)
    monkeypatch.setattr("nacre.hub.sessions._END_SECONDS", 120.0)

    async def body():
        async with make_sessions() as manager:
            info = await start(manager, "/bin/cat")
            assert await manager.end(info.id)

    run(body())
    assert "its holder" not in caplog.text  # as if it had been killed in the end


#: Writes until nobody has taken anything for a while, tells how much that was, and goes on; gives up after
#: more than all that is on the way can hold.
FLOOD = """
import os, select
os.set_blocking(1, False)
written, how = 0, "stuck"
while select.select([], [1], [], 2.0)[1]:
    if written > 64 * 1024 * 1024:
        how = "never"
        break
    try:
        written += os.write(1, b"y" * 4096)
    except BlockingIOError:
        pass
with open("saying", "w") as file:
    file.write(f"{written} {how}")
os.rename("saying", "said")
os.set_blocking(1, True)
os.write(1, b"on again")
"""


def test_a_viewer_who_does_not_read_stops_the_program_and_fills_no_memory(make_sessions):
    async def body():
        async with make_sessions() as manager:
            info = await start(manager, "/usr/bin/python3", "-I", "-S", "-c", FLOOD)
            attachment = await manager.attach(info.id, TERMINAL)
            said = manager._paths.home("alice") / "said"
            async with asyncio.timeout(120):
                while not said.exists():
                    await asyncio.sleep(0.01)
            written, how = said.read_text().split()
            assert how == "stuck", "the program could write all that it had"
            assert int(written) < 4 * 1024 * 1024  # what the queues and sockets on the way hold
            status = Path(f"/proc/{info.pid}/status").read_text()
            assert int(status.split("VmRSS:")[1].split()[0]) < 32 * 1024
            assert (await output(attachment)).endswith(b"on again")  # as soon as somebody reads
            assert attachment.ending.status == 0

    run(body())


def test_a_new_hub_finds_what_outlived_the_old_one_and_sweeps_the_rest(make_sessions):
    async def body():
        ended = []
        async with make_sessions() as old:
            info = await start(old, "/bin/cat")
            await old.close()  # the old hub is gone
            run_dir = make_sessions.paths.run
            (run_dir / "stale.json").write_text(
                '{"id": "stale", "user": "x", "app": "y", "started": 1, "pid": 1, "born": 2}'
            )
            (run_dir / "broken.json").write_text("{")
            (run_dir / "stale.sock").touch()
            (run_dir / "lost.log").touch()
            async with make_sessions(on_end=ended.append) as new:
                await new.recover()
                assert [found.id for found in new.sessions()] == [info.id]
                assert sorted(path.name for path in run_dir.iterdir()) == [
                    f"{info.id}.json",
                    f"{info.id}.log",
                    f"{info.id}.sock",
                ]
                attachment = await new.attach(info.id, TERMINAL)
                await attachment.write(b"hello\n")
                await until(attachment, b"hello")
                assert await new.end(info.id)
                await gone(new, ended)

    run(body())


def test_a_holder_that_is_killed_is_noticed(make_sessions):
    async def body():
        ended = []
        async with make_sessions(on_end=ended.append) as manager:
            info = await start(manager, "/bin/cat")
            attachment = await manager.attach(info.id, TERMINAL)
            os.kill(info.pid, signal.SIGKILL)
            await output(attachment)
            assert attachment.ending.kind is EndingKind.LOST
            await gone(manager, ended)

    run(body())


def test_the_socket_and_the_record_are_private(make_sessions):
    async def body():
        async with make_sessions() as manager:
            await start(manager, "/bin/cat")
            for path in manager._paths.run.iterdir():
                assert path.stat().st_mode & 0o077 == 0, path

    run(body())


@pytest.mark.requires("root")
def test_a_session_of_a_hub_run_by_root_is_not_root_s(make_sessions):
    async def body():
        async with make_sessions() as manager:
            info = await start(
                manager, SH, "-c", "id -u; id -g; id -G; cat /proc/$PPID/status | grep ^Uid; umask"
            )
            attachment = await manager.attach(info.id, TERMINAL)
            lines = (await output(attachment)).split(b"\r\n")
            assert lines[:3] == [str(UID).encode()] * 3
            assert lines[3].split() == [b"Uid:", *[str(UID).encode()] * 4]  # the holder itself
            assert lines[4] == b"0077"

    run(body())


def test_a_holder_that_reads_nothing_does_not_keep_the_hub_waiting(make_sessions, open_tmp_path, monkeypatch):
    """A user may stop the processes of their own uid, and send more variables than a pipe holds."""
    deaf = open_tmp_path / "python"
    # What sweeps after it is another one's module, and hears.
    deaf.write_text(
        "#!/bin/sh\ncase $* in *hub.holder*) exec sleep 600 ;; esac\n" + f'exec {reachable_python()} "$@"\n'
    )
    deaf.chmod(0o755)
    monkeypatch.setattr("nacre.hub.sessions._START_SECONDS", 0.5)
    environment = {f"LC_{number}": "\U00020000" * 250 for number in range(250)}

    async def body():
        async with make_sessions() as manager:
            manager._python = str(deaf)
            waiting = asyncio.ensure_future(start(manager, SH, environment=environment))
            async with asyncio.timeout(100):
                with pytest.raises(StartError):
                    await waiting
            assert list(manager._paths.run.iterdir()) == []

    run(body())


def test_a_holder_takes_its_user_s_uid_after_its_exec(make_sessions, monkeypatch):
    """Popen waits for the exec: a child that has the uid before it can be stopped by the user."""
    given = []
    popen = subprocess.Popen

    def spy(*args, **kwargs):
        given.append(kwargs)
        return popen(*args, **kwargs)

    monkeypatch.setattr("nacre.hub.sessions.subprocess.Popen", spy)

    async def body():
        async with make_sessions() as manager:
            info = await start(manager, "/bin/cat")
            status = Path(f"/proc/{info.pid}/status").read_text()
            uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
            groups = next(line for line in status.splitlines() if line.startswith("Groups:")).split()[1:]
            if os.geteuid() == 0:
                assert uids == [str(UID)] * 4
                assert groups == []
                assert Path(f"/proc/{info.pid}/mem").stat().st_uid == 0  # not the user's to trace

    run(body())
    assert not {"user", "group", "extra_groups", "preexec_fn"} & given[0].keys()


#: A program that leaves what no holder finds below itself once the holder is gone.
LEAVES = "setsid sh -c 'trap \"\" HUP TERM; echo left; sleep 1002' & sleep 1003 & sleep 1004"

#: What a hub left behind of a session whose holder is dead.
RECORD = json.dumps(
    {"id": "x", "user": "alice", "app": "sh", "uid": UID, "started": 0.0, "pid": 1, "born": -1}
)


def of_the_user() -> set[int]:
    return left_of(UID, ())


@pytest.mark.requires("root")
def test_nothing_is_left_of_a_session_whose_user_killed_its_holder(make_sessions):
    async def body():
        ended = []
        async with make_sessions(on_end=ended.append) as manager:
            other = await start(manager, "/bin/cat")
            info = await start(manager, SH, "-c", LEAVES)
            await until(await manager.attach(info.id, TERMINAL), b"left")
            spared = {other.pid, *descendants(other.pid)}
            assert len(of_the_user() - spared) >= 3
            subprocess.run(["/bin/kill", "-KILL", str(info.pid)], user=UID, group=UID, check=True, cwd="/")
            async with asyncio.timeout(120):
                while not ended:
                    await asyncio.sleep(0.01)
            assert of_the_user() == spared  # the user's other session goes on
            assert [found.id for found in manager.sessions()] == [other.id]
            os.kill(other.pid, signal.SIGKILL)
            await gone(manager, ended, 2)
            # Killed they are; when the kernel is done with them is its affair.
            async with asyncio.timeout(120):
                while of_the_user():
                    await asyncio.sleep(0.01)

    run(body())


def test_what_fails_in_a_running_holder_is_a_line_in_the_log(make_sessions, caplog):
    """By then nobody reads what it prints."""

    async def body():
        ended = []
        # Not a number, and so long that its error fills more than a line.
        async with make_sessions(on_end=ended.append, detached={"x\n" * 1000: "y"}) as manager:
            await start(manager, "/bin/cat")
            await gone(manager, ended)

    run(body())
    (line,) = [record.getMessage() for record in caplog.records if "its holder" in record.getMessage()]
    assert "its holder ended with status 1: TypeError: '>' not supported between" in line


def test_the_last_words_of_a_holder_are_bounded(tmp_path):
    file = tmp_path / "failure"
    assert _last_line(file) == ""
    file.write_bytes(b"")
    assert _last_line(file) == ""
    file.write_bytes(b"x" * 100_000 + b"\nError: \x1b[2J" + b"y" * 1000 + b"\n")
    assert _last_line(file) == "Error: \\x1b[2J" + "y" * (300 - len("Error: \\x1b[2J"))
    file.write_bytes(b"\xff" * 100_000)
    assert len(_last_line(file)) == 300


def unusable(uid):
    raise StateError("the registry cannot be used")


@pytest.mark.requires("root")
@pytest.mark.parametrize("owns", [lambda uid: uid != UID, unusable], ids=["another's", "unknown"])
def test_what_is_not_this_state_s_alone_is_never_swept(make_sessions, owns, caplog):
    """Another hub of this machine may have given the uid to somebody, or nobody can tell."""

    async def body():
        ended = []
        async with make_sessions(on_end=ended.append, owns_uid=owns) as manager:
            info = await start(manager, "/bin/cat")
            os.kill(info.pid, signal.SIGKILL)
            await gone(manager, ended)
            assert f"uid {UID}: what its killed sessions left stays: " in caplog.text
            # Nor by a hub that comes later.
            (manager._paths.run / "x.json").write_text(RECORD)
            await manager.recover()
            await manager.close()

    with subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, user=UID, group=UID, extra_groups=[], cwd="/"
    ) as of_the_other_hub:
        run(body())
        of_the_other_hub.communicate(b"", timeout=120)
        assert of_the_other_hub.returncode == 0


@pytest.mark.requires("root")
def test_a_new_hub_ends_what_a_holder_left_that_was_killed_meanwhile(make_sessions, caplog):
    async def body():
        async with make_sessions() as old:
            info = await start(old, SH, "-c", LEAVES)
            await until(await old.attach(info.id, TERMINAL), b"left")
            await old.close()
            os.kill(info.pid, signal.SIGKILL)
            os.waitpid(info.pid, 0)
            assert of_the_user()
            (make_sessions.paths.run / f"{info.id}.log").write_text("Traceback\nKeyError: 'x'\n")
            async with make_sessions() as new:
                await new.recover()
                assert f"session {info.id}: its holder failed: KeyError: 'x'" in caplog.text
                await new.close()  # waits for the sweep
                assert of_the_user() == set()
                assert list(make_sessions.paths.run.iterdir()) == []

    run(body())
