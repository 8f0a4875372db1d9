"""`nacre hub`: its options reach the hub, and what keeps it from starting is one line."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from nacre.cli import make_parser
from nacre.hub import app
from nacre.hub.config import HubConfig
from nacre.hub.ground import HubOptions
from nacre.hub.paths import LockRole, StateLock, prepare
from nacre.hub.problem import HubProblem


def test_options_reach_the_hub(run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[HubOptions] = []

    def start(options: HubOptions) -> int:
        seen.append(options)
        return 7

    monkeypatch.setattr(app, "run", start)
    assert run("hub").status == 7
    run("hub", "--state", "/s", "--listen", "0.0.0.0:1", "--port", "2", "--config", "/c")
    assert seen == [HubOptions(), HubOptions("/s", "0.0.0.0:1", 2, "/c")]


def test_a_problem_at_the_start_is_a_line(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(options: HubOptions) -> int:
        raise HubProblem("port 8022 is in use", "choose another with --port")

    monkeypatch.setattr(app, "run", start)
    done = run("hub")
    assert (done.status, done.err) == (1, "nacre: port 8022 is in use; choose another with --port\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--listen", "nowhere at all"),
            "--listen: 'nowhere at all' is neither an address nor the name of a host",
        ),
        (("--config", "/no/such/file"), "/no/such/file: the configuration cannot be read: No such file"),
        (("--state", "/dev/null"), "the state directory /dev/null cannot be used: "),
        (("--state", "/proc/nacre"), "the state directory /proc/nacre cannot be used: "),
    ],
)
def test_what_a_hub_cannot_start_with(run, arguments: tuple[str, ...], words: str) -> None:
    done = run("hub", *arguments)
    assert (done.status, done.out) == (1, "")
    assert words in done.err


def test_a_second_hub(run, root) -> None:
    with StateLock.acquire(prepare(root), LockRole.HUB):
        done = run("hub")
    assert done.status == 1
    assert f"a hub already runs on {root} (process " in done.err
    assert done.err.endswith("stop that one first, or name another --state\n")


# ------------------------------------------------------------ the manual and the unit

ROOT = Path(__file__).resolve().parents[3]


def test_every_command_of_the_manual_is_one() -> None:
    text = (ROOT / "docs" / "admin.md").read_text()
    commands = re.findall(r"^\s*[$#] nacre (.*)$", text, re.MULTILINE)
    assert len(commands) > 12
    for command in commands:
        assert make_parser().parse_args(shlex.split(command)).run


def test_the_unit_for_systemd() -> None:
    # systemd allows a key to stand more than once; these stand once.
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # as its manual says
    unit.read(ROOT / "examples" / "nacre-hub.service")
    service = unit["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program.endswith("/nacre")
    assert make_parser().parse_args(arguments).run
    assert service["StateDirectory"] == "nacre"
    assert int(service["TimeoutStopSec"]) > HubConfig().grace
    assert {"CAP_SETUID", "CAP_SETGID"} <= set(service["CapabilityBoundingSet"].split())
    analyze = shutil.which("systemd-analyze")
    if analyze is not None:
        copy = subprocess.run(
            [analyze, "verify", str(ROOT / "examples" / "nacre-hub.service")],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        # It also looks for the program, which is installed nowhere here.
        complaints = [line for line in copy.stderr.splitlines() if "nacre-hub.service:" in line]
        assert all("is not executable" in line for line in complaints), complaints
