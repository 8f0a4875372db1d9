"""Changes of known_hosts files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.keys import generate_private_key
from nacre.trust import SSHKnownHosts
from nacre.trust.known_hosts import match_in_files
from nacre.trust.known_hosts_changes import (
    Kept,
    as_data,
    entries,
    find_host,
    forget_host,
    hash_names,
    keep_key,
)
from nacre.trust.lines import MAX_LINE, MAX_LINES

A, B = (generate_private_key("ssh-ed25519").convert_to_public() for _ in range(2))


def text(key) -> str:
    return key.export_public_key().decode().strip()


def test_a_key_is_kept_once(tmp_path: Path):
    path = tmp_path / "known_hosts"
    path.write_bytes(b"# mine\nother " + text(B).encode())
    assert keep_key(path, "One", 2222, A).kept is Kept.ADDED
    outcome = keep_key(path, "one", 2222, A)
    assert (outcome.kept, outcome.line) == (Kept.ALREADY, 3)
    assert path.read_text() == f"# mine\nother {text(B)}\n[one]:2222 {text(A)}\n"
    assert (tmp_path / "new").exists() is False
    assert keep_key(tmp_path / "new", "one", 22, A).line == 1


def test_the_line_that_is_told_is_the_one_that_is_written(tmp_path: Path):
    path = tmp_path / "known_hosts"
    for number in range(1, 4):
        assert keep_key(path, f"host{number}", None, A).line == number


@pytest.mark.parametrize(
    "line",
    [
        f"one {text(B)}",
        f"one,two {text(B)}",
        f"* {text(B)}",
        f"@revoked one {text(A)}",
        f"@revoked * {text(A)}",
    ],
    ids=["another", "with a name beside", "pattern", "revoked", "revoked everywhere"],
)
def test_another_key_that_has_come_meanwhile_is_in_the_way(tmp_path: Path, line: str):
    path = tmp_path / "known_hosts"
    path.write_text(f"two {text(A)}\n{line}\n")
    outcome = keep_key(path, "one", 22, A)
    assert (outcome.kept, outcome.line) == (Kept.CONFLICT, 2)
    assert path.read_text() == f"two {text(A)}\n{line}\n"


def test_a_key_beside_another_is_there_already(tmp_path: Path):
    path = tmp_path / "known_hosts"
    path.write_text(f"one {text(B)}\none {text(A)}\n")
    assert keep_key(path, "one", 22, A).kept is Kept.ALREADY
    path.write_text(f"@cert-authority one {text(B)}\none ssh-unheard AAAA\n")
    assert keep_key(path, "one", 22, A).kept is Kept.ADDED


def test_hashed_names(tmp_path: Path):
    path = tmp_path / "known_hosts"
    keep_key(path, "one", 2222, A, hashed=True)
    keep_key(path, "two", 22, A, hashed=True)
    content = path.read_text()
    assert "one" not in content.split()[0]
    assert len({line.split("|")[2] for line in content.splitlines()}) == 2  # salts
    known = SSHKnownHosts(content)
    assert known.match("one", "", 2222)[0] == known.match("two", "", 22)[0] == [A]
    assert keep_key(path, "one", 2222, A).kept is Kept.ALREADY
    assert keep_key(path, "one", 2222, B).kept is Kept.CONFLICT


def test_what_cannot_be_kept(tmp_path: Path):
    assert keep_key(os.devnull, "one", 22, A).kept is Kept.NOWHERE
    for host in ("a,b", "*", "", "a b", "a\nb", "@revoked"):
        with pytest.raises(ValueError, match="cannot stand"):
            keep_key(tmp_path / "known_hosts", host, 22, A)
    assert not (tmp_path / "known_hosts").exists()


def test_a_file_stays_one_that_can_be_read(tmp_path: Path):
    path = tmp_path / "known_hosts"
    path.write_text("# x\n" * (MAX_LINES - 2))
    assert keep_key(path, "one", 22, A).kept is Kept.ADDED
    for host in ("two", "three"):
        with pytest.raises(ValueError, match="lines are the most"):
            keep_key(path, host, 22, A)
    assert match_in_files(path, "one", "", 22)[0].trusted == (A,)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=30), st.integers(0, 65535), st.booleans())
def test_what_is_kept_is_found_and_nothing_else(host: str, port: int, hashed: bool):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known_hosts"
        path.write_text(f"one {text(B)}\n")
        try:
            kept = keep_key(path, host, port, A, hashed).kept
        except ValueError:
            assert path.read_text() == f"one {text(B)}\n"
            return
        lines = path.read_text().splitlines()
        assert len(lines) == (2 if kept is Kept.ADDED else 1)
        known = SSHKnownHosts(path.read_bytes()).required()
        assert known.match("one")[0][0] == B
        if kept is Kept.ADDED:
            assert known.match(host, "", port)[0] == [A]
            assert A not in known.match(f"{host}x", "", port)[0]


FILE = f"""# comment
one {text(A)} c
one,two {text(B)}
*.example,!bad.example {text(A)}
@cert-authority one {text(A)}
@revoked one {text(A)}
[one]:2222 {text(A)}
"""


def test_finding_and_forgetting(tmp_path: Path):
    assert [entry.number for entry in find_host(FILE, "ONE")] == [2, 3, 5, 6]
    assert [entry.number for entry in find_host(FILE, "a.example")] == [4]
    assert find_host(FILE, "bad.example") == []
    path = tmp_path / "known_hosts"
    path.write_text(FILE)
    assert forget_host(path, "one") == ([2, 3], tmp_path / "known_hosts.old")
    assert (tmp_path / "known_hosts.old").read_text() == FILE
    assert [entry.number for entry in find_host(path.read_text(), "one")] == [3, 4]
    assert forget_host(path, "nobody") == ([], None)


def test_hashing_a_file(tmp_path: Path):
    path = tmp_path / "known_hosts"
    path.write_text(FILE)
    assert hash_names(path) == ([4], tmp_path / "known_hosts.old")
    content = path.read_text()
    assert len(content.splitlines()) == 8
    for name, port in (("one", 22), ("two", 22), ("one", 2222), ("x.example", 22), ("nobody", 22)):
        assert SSHKnownHosts(content).match(name, "", port) == SSHKnownHosts(FILE).match(name, "", port)
    assert hash_names(path) == ([5], None)


def test_comments_are_kept_when_names_are_hashed(tmp_path: Path):
    path = tmp_path / "known_hosts"
    path.write_text(f"one,two {text(A)} the old one\n@revoked * {text(B)} lost\none {text(B)}\n")
    assert [entry.comment() for entry in find_host(path.read_text(), "one")] == ["the old one", "lost", ""]
    hash_names(path)
    lines = path.read_text().splitlines()
    assert [line.endswith(f"{text(A)} the old one") for line in lines] == [True, True, False, False]


def test_a_file_that_is_not_understood_is_left_alone(tmp_path: Path):
    path = tmp_path / "known_hosts"
    for line in ("garbage", "x" * (MAX_LINE + 1), "@what one ssh-ed25519 AAAA"):
        path.write_text(f"one {text(A)}\n{line}\n")
        for change in (lambda: forget_host(path, "one"), lambda: hash_names(path)):
            with pytest.raises(ValueError, match=r"line 2 of known_hosts: .* left as it was"):
                change()
    for change in (lambda: forget_host(tmp_path / "no", "one"), lambda: hash_names(tmp_path / "no")):
        with pytest.raises(FileNotFoundError):
            change()
    assert not (tmp_path / "no").exists()


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=200))
def test_what_is_not_for_the_host_stays_as_it_is(content: str):
    assert as_data(entry.text for entry in entries(content)).decode("utf-8", "surrogatepass") == (
        content if content.endswith("\n") or not content else content + "\n"
    )
