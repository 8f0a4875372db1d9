"""The database file: its rights, its version, and what happens when it is not what it should be."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from nacre.hub.problem import StateError
from nacre.hub.store import APPLICATION_ID, SCHEMA_VERSION, Store, glance


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nacre.db"


def insert(store: Store, name: str, uid: int) -> None:
    store.change(
        "INSERT INTO users (name, role, uid, state, created) VALUES (?, 'user', ?, 'active', 0)", (name, uid)
    )


def insert_many(store: Store, count: int) -> None:
    with store.transaction():
        for uid in range(count):
            insert(store, f"user{uid}", uid)


def insert_and_fail(store: Store) -> None:
    with store.transaction():
        insert(store, "alice", 1)
        raise KeyError


def test_all_its_files_are_private_from_the_start(file: Path) -> None:
    umask = os.umask(0)
    try:
        store = Store(file)
        with store.transaction():
            insert(store, "alice", 1)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    finally:
        os.umask(umask)
    assert modes == {"nacre.db": 0o600, "nacre.db-wal": 0o600, "nacre.db-shm": 0o600}
    store.close()
    store.close()


def test_it_is_durable_and_strict(file: Path) -> None:
    store = Store(file)
    assert store.query("PRAGMA journal_mode") == [("wal",)]
    assert store.query("PRAGMA synchronous") == [(2,)]
    assert store.query("PRAGMA foreign_keys") == [(1,)]
    assert store.query("PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert store.query("PRAGMA application_id") == [(APPLICATION_ID,)]
    with pytest.raises(sqlite3.IntegrityError), store.transaction():
        store.change("INSERT INTO keys (user, digest, blob, comment, added) VALUES (99, x'', x'', '', 0)")
    store.close()


def test_a_transaction_is_whole_or_nothing(file: Path) -> None:
    store = Store(file)
    with pytest.raises(KeyError):
        insert_and_fail(store)
    assert store.query("SELECT name FROM users") == []
    with store.transaction():
        insert(store, "bob", 1)
    store.close()
    again = Store(file)
    assert again.query("SELECT name FROM users") == [("bob",)]
    again.close()


def test_a_change_outside_a_transaction_is_a_fault_of_the_program(file: Path) -> None:
    store = Store(file)
    with pytest.raises(RuntimeError, match="outside a transaction"):
        insert(store, "alice", 1)
    store.close()


def test_a_newer_state_is_left_alone(file: Path) -> None:
    Store(file).close()
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(
        StateError, match=r"written by a newer nacre \(its version is 2, this nacre knows 1\); run the"
    ):
        Store(file)


def test_the_database_of_another_program(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    file.chmod(0o600)
    with pytest.raises(StateError, match="of another program; move it away"):
        Store(file)


@pytest.mark.parametrize(
    "content",
    [b"this is no database, but long enough to be one" * 100, b"SQLite format 3\0" + b"\xff" * 4096],
)
def test_a_file_that_is_no_database(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(StateError, match="cannot be used: "):
        Store(file)


def test_a_damaged_database(file: Path) -> None:
    store = Store(file)
    insert_many(store, 2000)
    store.close()
    size = file.stat().st_size
    with file.open("r+b") as stream:
        stream.seek(size // 2)
        stream.write(b"\xff" * (size // 4))
    with pytest.raises(StateError, match=r"is damaged|cannot be used"):
        Store(file)


def test_a_database_that_others_can_read(file: Path) -> None:
    Store(file).close()
    file.chmod(0o644)
    with pytest.raises(StateError, match=r"can be read by others \(mode 0644\); chmod 600"):
        Store(file)


def test_what_is_no_file(file: Path, tmp_path: Path) -> None:
    file.symlink_to(tmp_path / "other.db")
    with pytest.raises(StateError, match="cannot be opened: Too many levels"):
        Store(file)
    assert not (tmp_path / "other.db").exists()
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(StateError, match="not a regular file"):
        Store(file)
    with pytest.raises(StateError, match="cannot be opened: No such file"):
        Store(tmp_path / "none" / "nacre.db")


def test_a_full_disk_costs_a_line_and_nothing_else(file: Path) -> None:
    store = Store(file)
    pages = store.query("PRAGMA page_count")[0][0]
    store.query(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StateError, match="cannot be used: database or disk is full"):
        insert_many(store, 5000)
    assert store.query("SELECT count(*) FROM users") == [(0,)]
    store.query("PRAGMA max_page_count = 1000000")
    with store.transaction():
        insert(store, "alice", 1)
    store.close()


def test_another_writer_is_waited_for_and_then_told_of(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nacre.hub.store.BUSY_TIMEOUT", 0.05)
    store, other = Store(file), Store(file)
    with other.transaction():
        insert(other, "alice", 1)
        with pytest.raises(StateError, match="database is locked"), store.transaction():
            insert(store, "bob", 2)
    with store.transaction():
        insert(store, "bob", 2)
    store.close()
    other.close()


def test_a_glance_changes_nothing(file: Path, tmp_path: Path) -> None:
    ask = "SELECT name FROM users"
    assert glance(file, ask) == []
    assert list(tmp_path.iterdir()) == []
    store = Store(file)
    with store.transaction():
        insert(store, "alice", 1)
    assert glance(file, ask) == [("alice",)]  # also what is in the WAL alone
    store.close()
    assert glance(file, ask) == [("alice",)]
    assert list(tmp_path.iterdir()) == [file]
    file.write_text("rubbish" * 1000)
    with pytest.raises(StateError, match="cannot be read: file is not a database; look at"):
        glance(file, ask)
