"""Changing known_hosts files: the public names."""

from __future__ import annotations

from pathlib import Path

from nacre import known_hosts
from tests.support.face import host_key


def test_a_program_keeps_finds_and_forgets(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    assert known_hosts.keep_key(path, "one", 2222, host_key()).kept is known_hosts.Kept.ADDED
    assert [entry.number for entry in known_hosts.find_host(path.read_text(), "[one]:2222")] == [1]
    assert known_hosts.hash_names(path)[0] == []
    assert known_hosts.forget_host(path, known_hosts.host_name("one", 2222))[0] == [1]
    assert path.read_text() == ""
    assert all(hasattr(known_hosts, name) for name in known_hosts.__all__)
