"""What has a uid and belongs to no holder goes; what belongs to one stays."""

import contextlib
import os
import select
import subprocess
import sys

import pytest

from nacre.hub.leftovers import _state, left_of, sweep
from tests.support.system import ROOT
from tests.unit.hub import conftest

UID = conftest.UID + 5
#: Forks all the time, each child in a session of its own: whoever is found is already gone. All of them
#: hold standard output.
HYDRA = "import os\nprint(flush=True)\nfor _ in range(100_000):\n    if os.fork():\n        os._exit(0)\n    os.setsid()\n"
#: Has a job that stopped itself, and takes it along.
STOPS_A_JOB = """
import os, signal, sys
job = os.fork()
if job == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(0)
os.waitpid(job, os.WUNTRACED)
print(job, flush=True)
sys.stdin.read()
os.kill(job, signal.SIGKILL)
os.waitpid(job, 0)
"""
IDLE = "import sys; print(flush=True); sys.stdin.read()"


@contextlib.contextmanager
def running(program: str, uid: int = UID):
    process = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-S", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        user=uid,
        group=uid,
        extra_groups=[],
        cwd="/",
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.mark.parametrize("uid", [0, -1])
def test_it_is_never_for_root(uid):
    with pytest.raises(ValueError, match="root"):
        sweep(uid, ())


@pytest.mark.requires("root")
@pytest.mark.parametrize("kept", [False, True], ids=["alone", "beside a holder"])
def test_what_forks_all_the_time_goes_too(kept):
    with running(IDLE) as holder, running(HYDRA) as hydra, running(IDLE, UID + 1) as stranger:
        holder.stdout.read(1)
        stranger.stdout.read(1)
        hydra.stdout.read(1)
        hydra.wait(120)  # only its offspring is left
        assert select.select([hydra.stdout], [], [], 0.05)[0] == []  # which lives
        assert sweep(UID, [holder.pid] if kept else ()) == set()
        assert select.select([hydra.stdout], [], [], 120)[0]  # the end of the file
        assert hydra.stdout.read() == b""
        assert (holder.poll() is None) is kept
        assert stranger.poll() is None
        if kept:
            holder.communicate(b"on", timeout=120)  # it goes on
            assert holder.returncode == 0


@pytest.mark.requires("root")
def test_a_job_that_was_stopped_stays_so():
    """As Ctrl-Z left it, in a session that goes on: it would write into somebody's terminal again."""
    with running(STOPS_A_JOB) as holder, running(IDLE) as left:
        job = int(holder.stdout.readline())
        left.stdout.read(1)
        assert _state(job) == b"T"
        assert sweep(UID, [holder.pid]) == set()
        assert left.wait(120) == -9
        assert _state(job) == b"T"
        holder.communicate(b"on", timeout=120)
        assert holder.returncode == 0
    assert left_of(UID, ()) == set()


@pytest.mark.requires("root")
def test_it_runs_as_a_process_of_its_own_and_names_what_stays():
    code = "import sys; sys.path.insert(0, sys.argv[1]); from nacre.hub.leftovers import main; main()"
    with running(IDLE) as left:
        left.stdout.read(1)
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, str(ROOT / "src"), str(UID)],
            capture_output=True,
            timeout=120,
            check=True,
        )
        assert left.wait(120) == -9
    assert done.stdout.strip() == b""
    assert os.getpid() not in left_of(UID, ())
