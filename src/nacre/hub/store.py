"""The SQLite file below the hub's state: opening, schema, transactions, and what goes wrong.

Owns: the schema and its version, the pragmas, the rights of the file, and the translation of
SQLite's errors into one line. Must not know: what the rows mean.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from nacre.hub.paths import refuse_open_file
from nacre.hub.problem import StateError, os_problem

__all__ = ["APPLICATION_ID", "SCHEMA_VERSION", "Store", "glance"]

#: "nacr": what `file` and we recognise the database by.
APPLICATION_ID: Final = 0x6E616372

#: Raised by one with every change of the schema, with a step in `_upgrade`.
SCHEMA_VERSION: Final = 1

#: How long to wait for another process that has the database open (a backup), in seconds.
BUSY_TIMEOUT: Final = 5.0

# A user is `active`, `removed` (may not come in, the home is kept), or `deleted` (with the home).
# The rows stay, so that no uid is ever given to a second person: files of the first may be left.
_SCHEMA: Final = """
CREATE TABLE users (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'user')),
    uid INTEGER NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('active', 'removed', 'deleted')),
    created REAL NOT NULL,
    removed REAL
);
CREATE UNIQUE INDEX users_name ON users (name) WHERE state != 'deleted';
CREATE TABLE keys (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL REFERENCES users (number) ON DELETE CASCADE,
    digest BLOB NOT NULL,
    blob BLOB NOT NULL,
    comment TEXT NOT NULL,
    added REAL NOT NULL,
    UNIQUE (digest, user)
);
CREATE INDEX keys_user ON keys (user);
CREATE TABLE invites (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    user TEXT,
    role TEXT NOT NULL CHECK (role IN ('admin', 'user')),
    uses INTEGER NOT NULL CHECK (uses >= 0),
    first INTEGER NOT NULL CHECK (first IN (0, 1)),
    created REAL NOT NULL,
    expires REAL NOT NULL
);
"""

Value = str | bytes | int | float | None


class Store:
    """An open database. For one thread; whoever opens it holds the lock on the state.

    Args:
        path: the file; it is made, with mode 0600, when it is not there.

    Raises:
        StateError: it cannot be used, and why.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _check_file(path)
        with self._translated():
            # Autocommit: transactions begin where this file says so, and nowhere else.
            self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        try:
            self._configure()
            self._upgrade()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the database. A second call does nothing."""
        self._connection.close()

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """Run one statement and return all its rows."""
        with self._translated():
            return self._connection.execute(sql, parameters).fetchall()

    def change(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run one changing statement inside a transaction and return how many rows it changed."""
        if not self._connection.in_transaction:
            raise RuntimeError("a change of the state outside a transaction")
        with self._translated():
            return self._connection.execute(sql, parameters).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the body as a whole or, when it raises, not at all. Nobody writes in between."""
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with self._translated():
                self._connection.execute("COMMIT")
        except BaseException:
            # SQLite may have rolled back by itself, on a full disk for one.
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def _configure(self) -> None:
        with self._translated():
            for pragma in (
                "journal_mode = WAL",
                # With WAL, only FULL keeps a transaction that was reported done through a power cut.
                "synchronous = FULL",
                "foreign_keys = ON",
                "trusted_schema = OFF",
            ):
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
            ((verdict,),) = self._connection.execute("PRAGMA quick_check(1)").fetchall()
        if verdict != "ok":
            raise StateError(f"{self._path} is damaged: {verdict!s}", "put the last backup in its place")

    def _upgrade(self) -> None:
        ((version,),) = self.query("PRAGMA user_version")
        ((application,),) = self.query("PRAGMA application_id")
        tables = self.query("SELECT name FROM sqlite_schema LIMIT 1")
        if version == 0 and not tables:
            with self.transaction():
                for statement in _SCHEMA.split(";\n"):
                    if statement.strip():
                        self.change(statement)
                self.change(f"PRAGMA application_id = {APPLICATION_ID}")
                self.change(f"PRAGMA user_version = {SCHEMA_VERSION}")
            return
        if application != APPLICATION_ID:
            raise StateError(f"{self._path} is a database of another program", "move it away")
        if version != SCHEMA_VERSION:
            raise StateError(
                f"{self._path} was written by a newer nacre (its version is {version!s}, "
                f"this nacre knows {SCHEMA_VERSION})",
                "run the newer nacre, or go back to a backup",
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            # A constraint is a rule of ours: its breach is a fault of the program, not of the file.
            raise
        except sqlite3.DatabaseError as error:
            raise StateError(
                f"the database {self._path} cannot be used: {error}",
                "look at its rights, the space on the disk, and the last backup",
            ) from error


def glance(path: Path, sql: str) -> list[tuple[Value, ...]]:
    """Run one question on a database that is not ours to open or make, and may not be there.

    Raises:
        StateError: it cannot be read.
    """
    if not path.exists():
        return []
    # A database in WAL mode wants its two companions, and leaves them behind where it had to make them.
    # Where there are none, nobody has it open.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
            return connection.execute(sql).fetchall()
    except sqlite3.DatabaseError as error:
        raise StateError(
            f"the database {path} cannot be read: {error}", "look at its rights, and the last backup"
        ) from error


def _check_file(path: Path) -> None:
    """Make the file with its mode before SQLite does, or check the one that is there."""
    try:
        descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise StateError(
            f"the database {path} cannot be opened: {os_problem(error)}", "look at its owner and its rights"
        ) from error
    try:
        refuse_open_file(path, os.fstat(descriptor))
    finally:
        os.close(descriptor)
