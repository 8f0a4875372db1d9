"""`nacre hub session`."""

from __future__ import annotations

import json


def test_sessions_are_listed_and_ended(run, hub) -> None:
    with hub():
        heading, line = run("hub", "session", "list").out.splitlines()
        assert heading.split() == ["ID", "USER", "APP", "STATE", "STARTED", "PID"]
        assert line.split()[:4] == ["abc123", "alice", "notebook", "detached"]
        assert line.split()[-1] == "4242"
        (row,) = json.loads(run("hub", "session", "list", "--json").out)
        assert (row["id"], row["pid"]) == ("abc123", 4242)
        assert run("hub", "session", "end", "abc123").out == "ended session abc123\n"
        assert run("hub", "session", "list").out == "no session runs\n"
        assert run("hub", "session", "list", "--json").out == "[]\n"
        done = run("hub", "session", "end", "abc123")
        assert done.status == 1
        assert "there is no session 'abc123'; nacre hub session list shows which there are" in done.err


def test_without_a_hub_nothing_runs(run) -> None:
    run("hub", "user", "add", "alice")
    assert run("hub", "session", "list").out == "no session runs\n"
    done = run("hub", "session", "end", "abc123")
    assert (done.status, done.out) == (1, "")
    assert "there is no session 'abc123'" in done.err
