"""A hub that is not started as root: bubblewrap where it works, else one user until the administrator says so."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable

import pytest

from tests.support.hub import RunningHub, wait_for
from tests.support.notebook import ANSWER, new_cell, run

pytestmark = [pytest.mark.requires("tmux"), pytest.mark.timeout(600)]

MakeHub = Callable[..., RunningHub]
#: Whom hubs of these tests run as where the tests are root.
ACCOUNT = 61_002 if os.geteuid() == 0 else None


@pytest.mark.requires("bwrap")
def test_bubblewrap_hides_the_others_and_the_hub(make_hub: MakeHub) -> None:
    hub = make_hub('isolation = "bubblewrap"\n', account=ACCOUNT)
    hub.add_user("bob")
    bob = hub.terminal("bob+shell")
    bob.wait("$")
    bob.type("echo bobs >note.txt; echo written-$((1000+234))\n")
    bob.wait("written-1234")
    alice = hub.terminal("alice+shell")
    alice.wait("$")
    state = hub.state
    alice.type(
        f"cat {hub.home('bob')}/note.txt {hub.host_key_file()}; ls -A {state} {state}/homes; "
        f"kill -0 {hub.pid}; ps ax | wc -l; touch /etc/x /tmp/mine ~/mine; echo end-$((1000+234))\n"
    )
    screen = alice.wait("end-1234")
    assert "bobs" not in screen
    assert "OPENSSH" not in screen
    assert screen.count("No such file") >= 2
    assert re.search(r"kill: .*No such process", screen)
    assert "hub.sqlite" not in screen
    assert (hub.home("alice") / "mine").exists()
    # Resize, return and end work as they do elsewhere.
    alice.close()
    hub.wait_line("logout alice")
    back = hub.terminal("alice+shell", columns=70, rows=20)
    back.wait("end-1234")
    back.type(
        "until [ \"$(stty size)\" = '20 70' ]; do :; done; sleep 1000 & echo sized-$((1000+234)); exit 5\n"
    )
    back.wait("sized-1234")
    assert back.wait_exit() == 5
    wait_for(lambda: not any("alice" in line for line in hub.left_over()), "nothing left of alice's")


@pytest.mark.requires("bwrap")
def test_a_notebook_in_bubblewrap(make_hub: MakeHub) -> None:
    hub = make_hub(account=ACCOUNT)
    terminal = hub.terminal("alice+notebook")
    new_cell(terminal)
    run(terminal, "6*7", ANSWER)
    assert any("ipykernel" in command for command in hub.processes().values())
    hub.program("session", "end", str(hub.session()["id"]))
    hub.wait_nothing_left()  # kernel included


def test_users_who_share_an_account_are_refused_until_it_is_configured(make_hub: MakeHub) -> None:
    hub = make_hub(account=ACCOUNT, variables={"PATH": "/nonexistent"})
    hub.wait_line("note   all users share this account and can read each other's files")
    public = hub.key("bob").with_suffix(".pub")
    public.chmod(0o644)
    said = hub.program("user", "add", "bob", "--key", str(public), status=1)
    assert len(said.strip().split("\n")) == 1
    assert 'isolation = "none"' in said
    assert 'isolation = "none"' in hub.command("invite", status=1)
    # Alice may have another key.
    code = re.search(r"invite-\S+(?=@)", hub.command("invite", "--user", "alice"))
    assert code is not None
    dialogue = hub.terminal(code[0], key=hub.key("laptop"))
    dialogue.wait("Bind this key to alice? [y/n]")
    dialogue.type("y")
    assert dialogue.wait_exit() == 0
    hub.stop()

    done = subprocess.run(
        [*hub.start_command(), "--listen", "0.0.0.0:0"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=hub.environment(),
        user=ACCOUNT,
        group=ACCOUNT,
        extra_groups=[] if ACCOUNT is not None else None,
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().split("\n")) == 1, done.stderr
    assert 'set isolation = "none"' in done.stderr

    hub.configuration.write_text('isolation = "none"\n')
    hub.start()
    hub.wait_line("note   all users share this account")
    hub.add_user("bob")
    terminal = hub.terminal("bob+shell")
    terminal.wait("$")
