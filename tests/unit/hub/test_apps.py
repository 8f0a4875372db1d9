"""Which apps there are, who may start which, and what becomes of arguments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.hub import apps as apps_module
from nacre.hub.apps import App, argv, available, catalogue, find, problems
from nacre.hub.config import ConfigError, HubConfig, load
from nacre.hub.problem import HubProblem
from nacre.hub.users import Role, User

ALICE = User(1, "alice", Role.USER, 70000, 0.0)
ADMIN = User(2, "admin", Role.ADMIN, 70001, 0.0)


def configure(tmp_path: Path, text: str) -> HubConfig:
    file = tmp_path / "hub.toml"
    file.write_text(text)
    return load(file)


def by_name(config: HubConfig) -> dict[str, App]:
    return {app.name: app for app in catalogue(config)}


FROM_ENTRY_POINTS = apps_module._from_entry_points


@pytest.fixture(autouse=True)
def no_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps_module, "_from_entry_points", list)


def test_the_defaults_in_their_order() -> None:
    apps = catalogue(HubConfig())
    assert [app.name for app in apps] == ["notebook", "console", "python", "shell"]
    assert [app.name for app in apps if app.arguments] == ["notebook", "python"]
    for app in apps:
        assert Path(app.command[0]).is_absolute()
        assert app.roles is None


def test_the_default_commands_run() -> None:
    apps = by_name(HubConfig())
    assert apps["python"].command == (sys.executable,)
    assert apps["shell"].command[0].endswith("sh")
    if apps["notebook"].problem is not None:
        pytest.skip("euporie is not installed: pip install -e '.[hub,dev]'")
    assert str(apps["notebook"]) == "notebook (euporie)"
    for name in ("notebook", "console"):
        done = subprocess.run(
            [*apps[name].command, "--version"], capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 0
        assert b"2.10" in done.stdout


def test_a_home_cannot_replace_pythons_own_modules(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('taken')")
    code = "import sys, random; print(random.random() < 1)"
    interpreter, *options = by_name(HubConfig())["notebook"].command[:2]
    done = subprocess.run(
        [interpreter, *options, "-c", code], cwd=tmp_path, capture_output=True, timeout=120, check=True
    )
    assert done.stdout == b"True\n"


def test_what_is_not_installed_is_told_and_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise apps_module.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(apps_module.metadata, "distribution", absent)
    apps = catalogue(HubConfig())
    assert str(apps[0]) == "notebook (euporie is not installed: pip install 'nacre[hub]')"
    assert [app.name for app in available(apps, ALICE)] == ["python", "shell"]
    assert find(apps, ALICE, "notebook") is None
    assert problems(HubConfig(), apps) == []


def test_the_configuration_adds_changes_and_takes_away(tmp_path: Path) -> None:
    apps = by_name(
        configure(
            tmp_path,
            """
            [apps.true]
            command = "true --really 'a b'"
            description = "nothing"
            [apps.python]
            roles = ["admin"]
            arguments = false
            [apps.shell]
            command = ["sh", "-l"]
            [apps.console]
            enabled = false
            [apps.gone]
            enabled = false
            """,
        )
    )
    assert list(apps) == ["notebook", "python", "shell", "true"]
    assert apps["true"].command[0].endswith("/true")
    assert apps["true"].command[1:] == ("--really", "a b")
    assert (apps["true"].arguments, apps["true"].description) == (False, "nothing")
    assert apps["python"].command == (sys.executable,)
    assert (apps["python"].roles, apps["python"].arguments) == (frozenset({"admin"}), False)
    assert apps["shell"].command[1:] == ("-l",)


def test_another_command_inherits_no_permission(tmp_path: Path) -> None:
    apps = by_name(configure(tmp_path, '[apps.python]\ncommand = "true"'))
    assert apps["python"].arguments is False


def test_an_app_without_a_command(tmp_path: Path) -> None:
    config = configure(tmp_path, "\n[apps.mutt]\ndescription = 'mail'\n[apps.x]\n")
    with pytest.raises(ConfigError) as caught:
        catalogue(config)
    assert [str(problem).removeprefix(str(tmp_path)) for problem in caught.value.problems] == [
        '/hub.toml:2: the app \'mutt\' has no command; write command = ["program", "argument"]',
        '/hub.toml:4: the app \'x\' has no command; write command = ["program", "argument"]',
    ]


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program", "./relative", "/etc/passwd", "/"])
def test_a_program_that_is_not_there(tmp_path: Path, program: str) -> None:
    config = configure(tmp_path, f'[apps.x]\ncommand = ["{program}"]')
    apps = catalogue(config)
    assert find(apps, ADMIN, "x") is None
    (problem,) = problems(config, apps)
    assert f"hub.toml:1: x: there is no program {program}" in str(problem)


def test_the_path_of_whoever_starts_the_hub_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "here-only"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert by_name(configure(tmp_path, '[apps.x]\ncommand = "here-only"'))["x"].problem is not None
    assert by_name(HubConfig())["shell"].problem is None


def test_roles_say_who_sees_what() -> None:
    apps = (
        App("a", ("/bin/a",)),
        App("b", ("/bin/b",), roles=frozenset({"admin"})),
        App("c", ("/c",), problem="x"),
    )
    assert [app.name for app in available(apps, ALICE)] == ["a"]
    assert [app.name for app in available(apps, ADMIN)] == ["a", "b"]
    assert find(apps, ALICE, "b") is None
    assert find(apps, ADMIN, "b") is apps[1]
    assert find(apps, ALICE, "") is None


# ------------------------------------------------------------ arguments

FREE = App("notebook", ("/bin/notebook", "-x"), arguments=True)
BARE = App("shell", ("/bin/sh",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("   ", ()),
        ("a.ipynb", ("a.ipynb",)),
        ("'a b' \"c d\" e\\ f", ("a b", "c d", "e f")),
        (
            "$HOME `id` $(id) ; rm -rf / | x > y # z *",
            ("$HOME", "`id`", "$(id)", ";", "rm", "-rf", "/", "|", "x", ">", "y", "#", "z", "*"),
        ),
    ],
)
def test_arguments_are_split_and_nothing_more(text: str, expected: tuple[str, ...]) -> None:
    assert argv(FREE, text) == ("/bin/notebook", "-x", *expected)


@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=20), max_size=10))
def test_quoted_arguments_arrive_as_they_are(words: list[str]) -> None:
    import shlex

    assert argv(FREE, shlex.join(words)) == ("/bin/notebook", "-x", *words)


@pytest.mark.parametrize(
    ("app", "text", "words"),
    [
        (BARE, "-c id", "shell takes no arguments; type shell alone"),
        (FREE, "'a", "cannot be split: no closing quotation; close the quotes"),
        (FREE, "a\\", "cannot be split: no escaped character"),
        (FREE, "a\0b", "a NUL cannot be in an argument"),
        (FREE, "x" * 5000, "5000 characters long; use at most 4096"),
    ],
)
def test_arguments_that_are_refused(app: App, text: str, words: str) -> None:
    with pytest.raises(HubProblem, match=words):
        argv(app, text)


def test_no_arguments_are_no_arguments() -> None:
    assert argv(BARE, " \t") == BARE.command


# ------------------------------------------------------------ entry points


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that names apps, good ones and bad ones."""
    monkeypatch.setattr(apps_module, "_from_entry_points", FROM_ENTRY_POINTS)
    site = tmp_path / "site"
    described = site / "lab_tools-1.0.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: lab-tools\nVersion: 1.0\nSummary: the lab's board\n"
    )
    (described / "entry_points.txt").write_text(
        "[nacre.apps]\n"
        "board = lab_tools.board:Board.main\n"
        "shell = lab_tools.board:Board.main\n"
        "Bad = lab_tools.board:main\n"
        "evil = lab_tools; import os:main\n"
        "extras = lab_tools.board:main [x]\n"
        "module = lab_tools.board\n"
    )
    (site / "lab_tools").mkdir()
    (site / "lab_tools" / "__init__.py").write_text("")
    (site / "lab_tools" / "board.py").write_text(
        "import sys\nclass Board:\n    @staticmethod\n    def main():\n        print(sys.argv)\n        return 7\n"
    )
    monkeypatch.syspath_prepend(site)
    return site


def test_a_package_adds_its_apps_and_nothing_of_it_is_imported(package: Path) -> None:
    apps = by_name(HubConfig())
    assert list(apps) == ["notebook", "console", "python", "shell", "board"]
    assert apps["shell"].label == "", "a default app is not taken over"
    board = apps["board"]
    assert str(board) == "board (lab-tools)"
    assert (board.description, board.arguments, board.roles) == ("the lab's board", False, None)
    assert not any(name.startswith("lab_tools") for name in sys.modules)
    done = subprocess.run(
        [*argv(board, ""), "x"],
        env={"PYTHONPATH": str(package)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (7, b"['board', 'x']\n")


def test_the_configuration_governs_a_packages_app(package: Path, tmp_path: Path) -> None:
    apps = by_name(configure(tmp_path, '[apps.board]\nroles = ["admin"]\narguments = true'))
    assert (apps["board"].roles, apps["board"].arguments) == (frozenset({"admin"}), True)
    assert "board" not in by_name(configure(tmp_path, "[apps.board]\nenabled = false"))
