"""What every source file keeps to, beyond what the linters can say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
ALL = [
    path
    for folder in ("src", "tests", "bench", "fuzz", "examples", "scripts", "docs")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "_build" not in path.parts
]
LONGEST = 600

#: Modules that run code out of data, and calls that start a shell.
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill"}
FORBIDDEN_CALLS = {"create_subprocess_shell", "popen", "getoutput", "getstatusoutput"}


def _at(path, line):
    return f"{path.relative_to(ROOT)}:{line}"


def test_a_file_is_one_thing():
    sizes = {path: len(path.read_text().splitlines()) for path in ALL}
    assert not [_at(path, lines) for path, lines in sizes.items() if lines > LONGEST]


def test_a_file_says_what_it_is():
    assert not [_at(path, 1) for path in SOURCES if not re.match(r'(#.*\n)*r?"""\S', path.read_text())]


def _dangers(tree):
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = {alias.name.partition(".")[0] for alias in names} & FORBIDDEN_MODULES
            case ast.ImportFrom(module=str(module)):
                found = {module.partition(".")[0]} & FORBIDDEN_MODULES
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="system")):
                found = {"os.system"}
            case ast.Call(func=ast.Attribute(attr=name)) if name in FORBIDDEN_CALLS:
                found = {name}
            case ast.Call(keywords=words):
                found = {"shell=" for word in words if word.arg == "shell"}
            case _:
                continue
        if found:
            yield node.lineno, found


def test_nothing_is_unpickled_and_no_shell_is_started():
    found = [
        (_at(path, line), names) for path in SOURCES for line, names in _dangers(ast.parse(path.read_text()))
    ]
    assert not found


def test_the_search_for_dangers_finds_them():
    text = "import pickle\nfrom shelve import open\nos.system('x')\nrun('x', shell=True)\nasyncio.create_subprocess_shell('x')"
    assert [line for line, _ in _dangers(ast.parse(text))] == [1, 2, 3, 4, 5]


#: Unfinished work belongs into an issue; a path or an address of one machine is wrong on every other.
UNWANTED = {
    "unfinished work": re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b"),
    "a path of one machine": re.compile(r"(?<![\w.])/(work|root/\w+|Users)/|(?<![\w.])/opt/(?!venv|nacre)\w"),
    "the address of a package registry": re.compile(
        r"https?://[^\s)]*(/simple|pypi|artifactory|nexus)|^\s*(extra-)?index-url|--(extra-)?index-url",
        re.MULTILINE,
    ),
}


def _texts():
    folders = [ROOT / name for name in (".ci", "src", "tests", "examples", "scripts", "docs")]
    paths = [*ROOT.glob("*"), *(path for folder in folders for path in folder.rglob("*"))]
    for path in paths:
        if (
            path.is_file()
            and path != Path(__file__).resolve()
            and not path.name.startswith(".coverage")  # what `make cov` leaves
            and not {"_build", "__pycache__", ".git"} & set(path.parts)  # .git is a file in a worktree
        ):
            yield path, path.read_bytes().decode(errors="replace")


def test_nothing_unfinished_and_nothing_of_one_machine():
    found = [
        (str(path.relative_to(ROOT)), what)
        for path, text in _texts()
        for what, pattern in UNWANTED.items()
        if pattern.search(text)
    ]
    assert not found


@pytest.mark.parametrize(
    "text", ["see TODO", "cd /work/main", "https://pypi.example/simple", "--index-url x"]
)
def test_the_search_for_what_is_unwanted_finds_it(text):
    assert any(pattern.search(text) for pattern in UNWANTED.values())


def _reason(comment):
    """Return the words beside `noqa: CODES` or `type: ignore[codes]`."""
    return re.sub(r"^(noqa(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?|type:\s*ignore(\[[^\]]*\])?)", "", comment).strip(
        " -–—#:()"
    )


def test_an_ignored_finding_has_its_reason():
    marks = re.compile(r"#\s*((?:noqa|type:\s*ignore).*)$")
    bare = [
        _at(path, number)
        for path in ALL
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (mark := marks.search(line)) and len(_reason(mark[1])) < 8
    ]
    assert not bare, "no reason beside noqa or type: ignore"


def test_a_reason_is_recognised():
    assert _reason("noqa: S301 - the test's own data") == "the test's own data"
    assert not _reason("noqa: S301, PLR2004")
    assert not _reason("type: ignore[no-any-return]")
