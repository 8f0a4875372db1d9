"""The main job: a notebook in the terminal, with nothing but ssh."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.hub import RunningHub
from tests.support.notebook import ANSWER, new_cell, run
from tests.support.openssh import find
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.requires("tmux"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def answered(shared_hub: RunningHub) -> Callable[[], Terminal]:
    """Return what gives bob's notebook with a cell whose output is 42; notebooks start slowly."""
    shared_hub.add_user("bob")

    @cache
    def notebook() -> Terminal:
        terminal = shared_hub.terminal("bob+notebook", columns=120, rows=36)
        new_cell(terminal)
        run(terminal, "6*7", ANSWER)
        return terminal

    return notebook


PROBE = """
import os, signal
from pathlib import Path

def tried(what, call):
    try:
        call()
    except OSError as error:
        return f"{what}:{type(error).__name__}"
    return f"{what}:ALLOWED"

print("begin", *[
    tried("home", lambda: os.listdir(BOB)),
    tried("note", lambda: (BOB / "note.txt").read_bytes()),
    tried("write", lambda: (BOB / "new").write_text("x")),
    tried("key", lambda: (STATE / KEY).read_bytes()),
    *[tried("state", lambda path=path: path.read_bytes()) for path in STATES],
    tried("list", lambda: os.listdir(STATE)),
    tried("control", lambda: __import__("socket").socket(1).connect(CONTROL)),
    tried("hub", lambda: os.kill(HUB, signal.SIGTERM)),
    tried("bob", lambda: os.kill(BOBS, signal.SIGTERM)),
    tried("memory", lambda: open(f"/proc/{HUB}/mem", "rb")),
    tried("uid0", lambda: os.setuid(0)),
    "secret:" + str("SECRET_OF_THE_HUB" in os.environ),
    "end",
], sep="\\n")
"""


@pytest.mark.requires("root")
def test_two_users_at_once_and_neither_can_touch_what_is_the_others(
    shared_hub: RunningHub, answered: Callable[[], Terminal]
) -> None:
    hub, bob = shared_hub, answered()
    alice = hub.terminal("alice+notebook")
    new_cell(alice)
    (hub.home("bob") / "note.txt").write_text("bob's")

    files = [path for path in hub.state.iterdir() if path.is_file()]
    key = next(path.name for path in files if "key" in path.name)
    (control,) = [path for path in hub.state.rglob("*.sock") if path.parent.name != "run"]
    bobs = next(row["pid"] for row in hub.sessions() if row["user"] == "bob")
    facts = (
        f"STATE, BOB, KEY, CONTROL = Path({str(hub.state)!r}), Path({str(hub.home('bob'))!r}), {key!r}, "
        f"{str(control)!r}\nSTATES = [Path(p) for p in {[str(path) for path in files]!r}]\n"
        f"HUB, BOBS = {hub.pid}, {bobs}\n"
    )
    probe = hub.home("alice") / "probe.py"
    probe.write_text("from pathlib import Path\n" + facts + PROBE)
    probe.chmod(0o644)

    screen = run(alice, "%run probe.py", re.compile(r"begin.*\bend\b", re.DOTALL))
    answers = re.findall(
        r"\b(home|note|write|key|state|list|control|hub|bob|memory|uid0|secret):(\w+)", screen
    )
    assert len(answers) == 11 + len(files), screen
    assert {answer for name, answer in answers if name != "secret"} == {"PermissionError"}, screen
    assert dict(answers)["secret"] == "False"
    assert (Path(hub.home("bob")).stat().st_mode & 0o777) == 0o700

    # Bob has noticed nothing.
    bob.press("C-e")
    bob.wait(re.compile(r"\[(?!1\])\d+\] 42\b"))


def test_a_cell_is_run_and_a_lost_client_comes_back_to_it(
    shared_hub: RunningHub, answered: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, terminal = shared_hub, answered()
    assert max(map(len, terminal.lines)) > 80
    resized(terminal, 80, 24)
    for row in hub.sessions():
        if row["user"] != "bob":
            hub.command("session", "end", row["id"])

    os.kill(terminal.pid, 9)
    terminal.wait_exit()
    before = hub.session("detached")
    # By another version of the client.
    monkeypatch.setattr(hub, "openssh", find("10.0"))
    back = hub.terminal("bob+notebook", columns=100, rows=30)
    repainted(back, 100, 30)
    assert hub.session("attached")["id"] == before["id"]
    resized(back, 90, 26)

    back.press("C-q")
    back.wait("Do you want to save")
    back.press("Tab", "Enter")  # No
    assert back.wait_exit() == 0
    assert back.asked("alternate_on") == "0"
    assert back.asked("mouse_any_flag") == "0"
    assert back.asked("cursor_flag") == "1"
    hub.wait_nothing_left()


def resized(terminal: Terminal, columns: int, rows: int) -> None:
    """Change the size, and wait until the notebook is painted anew."""
    terminal.resize(columns, rows)
    screen = repainted(terminal, columns, rows)
    assert max(map(len, screen.split("\n"))) <= columns


def repainted(terminal: Terminal, columns: int, rows: int) -> str:
    """Wait until the notebook with its output is painted in a size."""
    return terminal.wait_until(
        lambda now: "Python 3" in now.split("\n")[rows - 1] and ANSWER.search(now) is not None,
        f"{columns}x{rows} repainted",
    )
