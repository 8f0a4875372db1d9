"""Changing known_hosts files: for programs that keep, find, forget or hash what a client trusts.

Owns: the names. Must not know: how it is done (`nacre.trust`).

A client that connects keeps keys by itself where `strict_host_key_checking` says so. Each function holds a lock
on the file, so that several programs, nacre's or not, lose nothing of each other's; it reads and writes files, so
that a program with an event loop calls it in a thread.
"""

from __future__ import annotations

from nacre.trust.known_hosts import hash_host_name, host_name, known_hosts_line
from nacre.trust.known_hosts_changes import (
    Entry,
    Kept,
    Outcome,
    find_host,
    forget_host,
    hash_names,
    hashed_lines,
    keep_key,
    read_text,
    salt,
)

__all__ = [
    "Entry",
    "Kept",
    "Outcome",
    "find_host",
    "forget_host",
    "hash_host_name",
    "hash_names",
    "hashed_lines",
    "host_name",
    "keep_key",
    "known_hosts_line",
    "read_text",
    "salt",
]
