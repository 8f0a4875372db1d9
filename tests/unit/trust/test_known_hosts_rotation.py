"""New host keys of a server in known_hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from nacre.keys import generate_private_key
from nacre.trust.known_hosts import known_hosts_line
from nacre.trust.known_hosts_rotation import plan_for, update_files

A, B, C = (generate_private_key("ssh-ed25519").convert_to_public() for _ in range(3))
ANNOUNCED = {key.public_data: key for key in (A, B)}


def text(key) -> str:
    return key.export_public_key().decode().strip()


def hashed(name: str, key) -> str:
    """A line with a hash that has what would be a network or a pattern in a name."""
    lines = (known_hosts_line(name, 22, key, bytes([number]) * 20) for number in range(256))
    return next(line for line in lines if "/" in line.split()[0])


@pytest.mark.parametrize(
    ("lines", "new", "old"),
    [
        ([f"one {text(A)}"], [B], []),
        ([f"one {text(A)}", f"one {text(B)}"], [], []),
        ([f"one {text(A)}", f"one {text(C)}"], [B], [C]),
        ([f"one,192.0.2.1 {text(A)}"], [B], []),
        ([hashed("one", A), hashed("one", C)], [B], [C]),
        (
            [f"one {text(A)}", f"two {text(generate_private_key('ssh-ed25519'))}", "one ssh-unheard AAAA"],
            [B],
            [],
        ),
        ([f"one {text(A)}", "garbage", "#"], [B], []),
    ],
    ids=["new", "nothing", "new and old", "address beside", "hashed", "others", "garbage"],
)
def test_what_is_new_and_what_is_old(lines, new, old):
    plan = plan_for(["\n".join(lines)], "one", 22, ANNOUNCED, ANNOUNCED)
    assert plan.new == tuple(new)
    assert plan.old == {key.public_data for key in old}
    assert not plan.obstacle
    assert plan.is_idle() == (not new and not old)


@pytest.mark.parametrize(
    "line",
    [
        f"* {text(A)}",
        f"on? {text(A)}",
        f"one,two,three {text(A)}",
        f"one,!two {text(A)}",
        f"@cert-authority one {text(C)}",
        f"@revoked one {text(C)}",
        f"two {text(A)}",
        f"two {text(B)}",
        f"one {text(C)}\ntwo {text(C)}",
        hashed("two", A),
    ],
    ids=["pattern", "mark", "names", "negation", "authority", "revoked", "two", "new", "old", "hashed"],
)
def test_what_a_person_wrote_is_left_to_a_person(tmp_path: Path, line: str):
    path = tmp_path / "known_hosts"
    path.write_text(f"one {text(A)}\n{line}\n")
    plan = plan_for([path.read_text()], "one", 22, ANNOUNCED, ANNOUNCED)
    assert plan.obstacle
    assert plan.is_idle()
    before = path.read_bytes()
    assert update_files([path], "one", 22, ANNOUNCED, ANNOUNCED).obstacle
    assert path.read_bytes() == before


def test_only_what_is_wanted_is_added():
    assert plan_for([f"one {text(A)}"], "one", 22, ANNOUNCED, {A.public_data}).is_idle()


def test_new_keys_alone_are_added_at_the_end(tmp_path: Path):
    path = tmp_path / "known_hosts"
    path.write_text(f"# mine\n[one]:2222 {text(A)} comment\nthree {text(C)}\n")
    update_files([path], "one", 2222, ANNOUNCED, ANNOUNCED)
    assert (
        path.read_text() == f"# mine\n[one]:2222 {text(A)} comment\nthree {text(C)}\n[one]:2222 {text(B)}\n"
    )
    assert not (tmp_path / "known_hosts.old").exists()
    assert update_files([path], "one", 2222, ANNOUNCED, ANNOUNCED).is_idle()


def test_old_keys_go_from_each_file(tmp_path: Path):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    first.write_text(f"garbage\none {text(C)}\n")
    second.write_text(f"two {text(generate_private_key('ssh-ed25519'))}\none {text(C)}\none {text(A)}\n")
    kept = second.read_text().splitlines()
    update_files([first, second, third], "one", 22, ANNOUNCED, ANNOUNCED, hashed=True)
    lines = first.read_text().splitlines()
    assert lines[0] == "garbage"
    assert lines[1].startswith("|1|")
    assert lines[1].endswith(text(B))
    assert len(lines) == 2
    assert (tmp_path / "first.old").read_text() == f"garbage\none {text(C)}\n"
    assert second.read_text().splitlines() == [kept[0], kept[2]]
    assert not third.exists()


def test_the_plan_is_that_of_the_file_as_it_is_when_it_is_written(tmp_path: Path):
    path = tmp_path / "known_hosts"
    path.write_text(f"one {text(A)}\n")
    assert plan_for([path.read_text()], "one", 22, ANNOUNCED, ANNOUNCED).new == (B,)
    path.write_text(f"one {text(A)}\ntwo {text(B)}\n")
    assert update_files([path], "one", 22, ANNOUNCED, ANNOUNCED).obstacle
