"""The main job: a notebook in the terminal, with nothing but ssh."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hub import RunningHub, wait_for
from tests.support.notebook import ANSWER, new_cell, run
from tests.support.openssh import OpenSSH

pytestmark = [pytest.mark.requires("tmux"), pytest.mark.timeout(600)]


def test_a_cell_is_run_and_a_lost_client_comes_back_to_it(
    make_hub: Callable[..., RunningHub], openssh: OpenSSH
) -> None:
    hub = make_hub(openssh=openssh)
    terminal = hub.terminal("alice+notebook", columns=120, rows=36)
    new_cell(terminal)
    screen = run(terminal, "6*7", ANSWER)
    assert max(map(len, screen.split("\n"))) > 80

    terminal.resize(80, 24)
    repainted = terminal.wait_until(
        lambda now: "Python 3" in now.split("\n")[23] and ANSWER.search(now) is not None, "80x24 repainted"
    )
    assert max(map(len, repainted.split("\n"))) <= 80

    os.kill(terminal.pid, 9)
    terminal.wait_exit()
    before = hub.session("detached")
    back = hub.terminal("alice+notebook", columns=100, rows=30)
    screen = back.wait_until(
        lambda now: "Python 3" in now.split("\n")[29] and ANSWER.search(now) is not None, "100x30 repainted"
    )
    assert hub.session("attached")["id"] == before["id"]

    back.press("C-q")
    back.wait("Do you want to save")
    back.press("Tab", "Enter")  # No
    assert back.wait_exit() == 0
    assert back.asked("alternate_on") == "0"
    assert back.asked("mouse_any_flag") == "0"
    assert back.asked("cursor_flag") == "1"
    wait_for(lambda: not hub.left_over(), "nothing left of it")


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
def test_two_users_at_once_and_neither_can_touch_what_is_the_others(hub: RunningHub) -> None:
    hub.add_user("bob")
    alice, bob = hub.terminal("alice+notebook"), hub.terminal("bob+notebook")
    for terminal in (alice, bob):
        new_cell(terminal)
    run(bob, "6*7", ANSWER)
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
