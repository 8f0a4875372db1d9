"""The lines of keys: a scanner beside tomllib must agree with it on which keys there are."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.hub.toml_lines import KeyPath, key_lines

DOCUMENT = '''# a comment = 1
title = "x" # not = this
"quoted key" = 'a = b'
a.b . "c.d" = 1

[table]  # [no]
one = [ 1, # one
  "]", """
two = 2
""", [3, {inner = 4}],
]
two = {x = 1, y.z = "}", w = [ { v = 1 } ]}
multi = """
[not.a.table]
not = "a key" \\"""
still \\\\""""
literal = \'\'\'
no = 1
it''s\'\'\'\'\'
date = 1979-05-27T07:32:00Z
after = 1
[ apps . "my app" ]
"\\u0061\\t" = true
[[list]]
k = 1
[[list]]
k = 2
'''


def test_every_key_has_its_line() -> None:
    tomllib.loads(DOCUMENT)
    assert key_lines(DOCUMENT) == {
        ("title",): 2,
        ("quoted key",): 3,
        ("a", "b", "c.d"): 4,
        ("table",): 6,
        ("table", "one"): 7,
        ("table", "one", "inner"): 10,
        ("table", "two"): 12,
        ("table", "two", "x"): 12,
        ("table", "two", "y", "z"): 12,
        ("table", "two", "w"): 12,
        ("table", "two", "w", "v"): 12,
        ("table", "multi"): 13,
        ("table", "literal"): 17,
        ("table", "date"): 20,
        ("table", "after"): 21,
        ("apps", "my app"): 22,
        ("apps", "my app", "a\t"): 23,
        ("list",): 26,
        ("list", "k"): 27,
    }


def test_carriage_returns_do_not_count() -> None:
    assert key_lines("a = 1\r\n\r\n[t]\r\nb = 'x'\r\n") == {("a",): 1, ("t",): 3, ("t", "b"): 4}


@pytest.mark.parametrize("text", ["", "\n\n", "# only = a comment", "a = 1"])
def test_small_documents(text: str) -> None:
    assert set(key_lines(text)) == ({("a",)} if text == "a = 1" else set())


@given(st.text(alphabet="ab.=[]{}\"'\\,# \n\t1", max_size=60))
def test_the_scanner_ends_whatever_the_text(text: str) -> None:
    lines = key_lines(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


def _paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    found: set[KeyPath] = set()
    if isinstance(value, dict):
        for name, inner in value.items():
            found |= {(*path, name)} | _paths(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            found |= _paths(inner, path)
    return found


@given(st.text(alphabet="ab.=[]{}\"'\\,# \n1", max_size=40))
def test_what_tomllib_reads_the_scanner_finds(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    known = set(key_lines(text))
    for path in _paths(document):
        # `a.b = 1` and `[a.b]` make a table `a` that has no line of its own.
        assert any(each[: len(path)] == path for each in known), path


keys = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
leaves = st.sampled_from(
    ["1", "true", '"text # = ["', "'lit'", '"""\nx = 1\n"""', "[1,\n 2]", "{}", "{q = 1}", "1.5"]
)


@given(
    st.dictionaries(keys, leaves, max_size=5),
    st.dictionaries(keys, st.dictionaries(keys, leaves, max_size=4), max_size=4),
    st.sampled_from(["", "# c\n", "\n\n", " \t\n"]),
)
def test_lines_of_generated_documents(
    top: dict[str, str], tables: dict[str, dict[str, str]], filler: str
) -> None:
    parts: list[str] = []
    expected: dict[KeyPath, int] = {}

    def add(path: KeyPath, text: str) -> None:
        parts.append(filler)
        expected[path] = "".join(parts).count("\n") + 1
        parts.append(text + "\n")

    for name, value in top.items():
        add((name,), f"{name} = {value}")
    for table, values in tables.items():
        if table in top:
            continue
        add((table,), f"[{table}]")
        for name, value in values.items():
            add((table, name), f"{name} = {value}")
    text = "".join(parts)
    tomllib.loads(text)
    found = {path: line for path, line in key_lines(text).items() if path[-1] != "q" or path in expected}
    assert found == expected
