"""The command as a whole: exit statuses, one line for each mistake, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nacre.cli
from nacre import __version__
from nacre.cli import main
from nacre.hub.paths import prepare

SOURCE = Path(nacre.cli.__file__).parents[2]


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nacre {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "arguments are required: COMMAND; see nacre --help"),
        (("hubb",), "invalid choice: 'hubb'"),
        (("hub", "user"), "arguments are required: COMMAND; see nacre hub user --help"),
        (("hub", "user", "add"), "arguments are required: NAME; see nacre hub user add --help"),
        (("hub", "key", "add", "alice"), "required: FILE|-|LINE"),
        (("hub", "--port", "x"), "'x' is not a port"),
        (("hub", "--port", "65536"), "not a port"),
        (("hub", "--nonsense"), "unrecognized arguments: --nonsense"),
        (("hub", "invite", "--expires", "soon"), "'soon' is not a duration: write 90s, 2h or 7d"),
        (("hub", "invite", "--uses", "many"), "invalid int value"),
        (("hub", "--stat", "x"), "invalid choice: 'x'"),
    ],
)
def test_a_mistake_in_the_usage_is_status_2_and_a_line(
    arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("nacre: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err


def spawn(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "nacre", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
        **options,  # type: ignore[call-overload]  # options of subprocess.run
    )


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    done = spawn("hub", "user", "list", "--state", str(tmp_path / "none"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"nacre: there is no state of a hub in {tmp_path}/none; name it with --state, or make one: nacre hub\n"
    )


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "nacre", "hub", "check", "--state", str(tmp_path / "s")],
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        check=False,
    )
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


def test_an_interrupt_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(nacre.cli, "_run", interrupted)
    assert main(["hub", "check"]) == 130
    assert capsys.readouterr().err == ""


def test_the_hub_is_for_linux(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(nacre.cli.sys, "platform", "darwin")
    assert main(["hub", "check"]) == 1
    assert capsys.readouterr().err == (
        "nacre: the hub runs on Linux only; the library, import nacre, runs here too\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="another account's state takes root to make: sudo make test")
def test_another_accounts_state_is_a_line(open_tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = prepare(open_tmp_path / "state").root
    os.chown(root, 65533, 65533)
    assert main(["hub", "user", "add", "alice", "--state", str(root)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"nacre: {root} belongs to uid 65533 and this is uid 0; ")
    assert said.count("\n") == 1
