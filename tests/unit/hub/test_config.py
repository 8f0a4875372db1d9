"""The configuration: what it comes to, and how everything that is wrong with it is told."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nacre.hub.config import (
    MAX_CONFIG_FILE,
    AppSettings,
    ConfigError,
    HubConfig,
    IsolationChoice,
    Keepalive,
    Limits,
    describe,
    examine,
    key_names,
    load,
)
from nacre.hub.problem import HubProblem

FULL = """\
listen = "[::1]:2222"
detached = "2h"
grace = 5
isolation = "none"
uid_range = [80000, 80100]
environment = ["EDITOR", "LAB_*"]
proxy_protocol_from = ["198.51.100.7"]
keepalive = {interval = "1m", count = 2}

[limits]
sessions_per_user = 0
sessions = 7
unauthenticated = 1
login = "30s"
identification = "5s"
per_source = 3
penalties = false
exempt = ["192.0.2.0/24"]

[apps.mutt]
command = "mutt -f /var/mail/all"
arguments = true
description = "mail"
roles = ["admin"]

[apps.shell]
enabled = false
"""


def write(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "hub.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return file


def complaints(tmp_path: Path, text: str | bytes) -> list[str]:
    file = write(tmp_path, text)
    config, problems = examine(file)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.problems == tuple(problems)
    assert isinstance(config, HubConfig)
    assert all("\n" not in str(problem) for problem in problems)
    return [str(problem).removeprefix(str(file)) for problem in problems]


def test_without_a_file_the_defaults_hold() -> None:
    config = load(None)
    assert config == HubConfig()
    assert (config.host, config.port, config.detached) == ("127.0.0.1", 8022, 3600.0)
    assert config.isolation is IsolationChoice.AUTO
    assert config.limits == Limits(8, 200, 100, 60.0, 10.0)
    assert config.keepalive == Keepalive(30.0, 3)
    assert config.apps == {}


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    assert load(file) == HubConfig(file=file)


def test_every_key_is_read(tmp_path: Path) -> None:
    file = write(tmp_path, FULL)
    assert load(file) == HubConfig(
        file=file,
        host="::1",
        port=2222,
        detached=7200.0,
        grace=5.0,
        isolation=IsolationChoice.NONE,
        uid_range=(80000, 80100),
        environment=("EDITOR", "LAB_*"),
        limits=Limits(0, 7, 1, 30.0, 5.0, 3, False, ("192.0.2.0/24",)),
        proxy_protocol_from=("198.51.100.7",),
        keepalive=Keepalive(60.0, 2),
        apps={
            "mutt": AppSettings(
                "mutt", 20, True, ("mutt", "-f", "/var/mail/all"), True, "mail", frozenset({"admin"})
            ),
            "shell": AppSettings("shell", 26, False),
        },
        listen_line=1,
    )
    document = tomllib.loads(FULL)
    named = [name.split(".")[0] for name in key_names()]
    assert set(document) == set(named)


def test_everything_wrong_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = """\
listn = "127.0.0.1:8022"
detached = "soon"
uid_range = [0, 5]

[limits]
sessions = -1
speed = 9
[apps.mutt]
command = "mutt | less"
roles = ["boss"]
[apps.Bad]
command = "x"
"""
    assert complaints(tmp_path, text) == [
        ":1: unknown key 'listn'; did you mean 'listen'?",
        ':2: detached: \'soon\' is not a duration; write "90s", "2h" or "7d", from 0s to 366d',
        (
            ":3: uid_range: the first must be at least 1000, and the last neither less nor above 2147483647; "
            "write two numbers from 1000 up, such as [70000, 99999]"
        ),
        ":6: sessions: the number is out of its bounds; write a number from 0 to 100000",
        ":7: unknown key 'speed'; the keys here are sessions_per_user, sessions, unauthenticated, login, identification, per_source, penalties, exempt",
        (
            ":9: command: '|' means nothing, for no shell runs the command; write command = "
            '["sh", "-c", "mutt | less"]'
        ),
        ':10: roles: there is no role \'boss\'; write a list of "admin", "user"; enabled = false takes the app away',
        ":11: 'Bad' cannot be the name of an app; use 1 to 32 of a-z, 0-9, '_' and '-', beginning with a letter",
    ]


def test_many_problems_in_one_line(tmp_path: Path) -> None:
    file = write(tmp_path, "a = 1\nb = 2\nc = 3\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}:1: unknown key 'a'; ")
    assert str(caught.value).endswith("; 2 more: nacre hub check shows all")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("limits = 5", ":1: limits is not a table; write [limits] and its keys below"),
        ("\napps = []", ":2: apps is not a table; write [apps] and its keys below"),
        ("[apps]\nmutt = 'mutt'", ":2: apps.mutt is not a table; write [apps.mutt] and its keys below"),
        ("[[keepalive]]\ncount = 1", ":1: keepalive is not a table; write [keepalive] and its keys below"),
        ("limits.login = 0", ":1: login: 0s is out of bounds; "),
        ("keepalive = {interval = '30s', cuont = 3}", ":1: unknown key 'cuont'; did you mean 'count'?"),
        ("apps.mutt.command = 5", ":1: command: a list of texts is expected; "),
        ("detached = 1\n\ndetached = 2", ":3: this is not TOML: Cannot overwrite a value"),
        ("\na = [\n", ":2: this is not TOML: Invalid value (at end of document); "),
        ('listen = "x\n', ":1: this is not TOML: Illegal character '\\n'; "),
        ("detached = nan", ":1: detached: a number is not a duration"),
        ("detached = 1e400", ":1: detached: a number is not a duration"),
        (f"detached = {'9' * 400}", ":1: detached: a number is not a duration"),
        ("x = " + "[" * 100_000, ": brackets are nested too deep; "),
        (b"# \xe9\n", ": line 1 is not UTF-8; save the file as UTF-8"),
        (b"\n\n\xff", ": line 3 is not UTF-8; "),
        ('"\\u001b[2J" = 1', ":1: unknown key '\\x1b[2J'; "),
    ],
)
def test_each_mistake_has_its_line_and_remedy(tmp_path: Path, text: str | bytes, expected: str) -> None:
    found = complaints(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(expected)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    _, problems = examine(tmp_path / "none.toml")
    assert [str(problem) for problem in problems] == [
        (
            f"{tmp_path}/none.toml: the configuration cannot be read: No such file or directory; "
            "name another one with --config"
        )
    ]


def test_only_a_regular_file_of_a_sane_size_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="not a regular file"):
            load(path)
    with pytest.raises(ConfigError, match="not a regular file"):
        load(tmp_path)
    # Sparse: nothing of it takes space, and no more than the limit is read.
    file = tmp_path / "huge.toml"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(ConfigError, match=f"larger than {MAX_CONFIG_FILE} bytes"):
        load(file)
    load(write(tmp_path, "#" + "x" * (MAX_CONFIG_FILE - 1)))


def test_a_file_that_everybody_can_write_is_not_trusted(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    file.chmod(0o666)
    with pytest.raises(ConfigError, match=r"everybody can write this file.*; chmod o-w"):
        load(file)


BOUNDS = {
    "limits.sessions_per_user": (0, 10_000),
    "limits.sessions": (0, 100_000),
    "limits.unauthenticated": (1, 10_000),
    "limits.login": (1, 3600),
    "limits.per_source": (0, 10_000),
    "limits.identification": (1, 600),
    "keepalive.interval": (0, 86400),
    "keepalive.count": (1, 100),
    "grace": (0, 3600),
    "detached": (0, 366 * 86400),
}


def near(low: int, high: int) -> st.SearchStrategy[int]:
    """Return numbers, those at the edges more often than others."""
    edges = (low, high, low - 1, high + 1)
    return st.one_of(st.sampled_from(edges), st.sampled_from([0, 1, -1]), st.integers())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.fixed_dictionaries({name: near(*bounds) for name, bounds in BOUNDS.items()}))
def test_numbers_at_their_edges(tmp_path: Path, numbers: dict[str, int]) -> None:
    lines = [f"{name} = {numbers[name]}" for name in BOUNDS]
    _, problems = examine(write(tmp_path, "\n".join(lines)))
    pairs = enumerate(BOUNDS.items(), 1)
    wrong = [line for line, (name, (low, high)) in pairs if not low <= numbers[name] <= high]
    assert [int(str(problem).split(":")[1]) for problem in problems] == wrong


@pytest.mark.parametrize("name", BOUNDS)
def test_a_number_at_each_edge(tmp_path: Path, name: str) -> None:
    low, high = BOUNDS[name]
    for number, right in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        _, problems = examine(write(tmp_path, f"{name} = {number}"))
        assert bool(problems) is not right, number


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")))
)
def test_any_file_is_read_or_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    _, problems = examine(write(tmp_path, content))
    assert all(str(problem).isprintable() for problem in problems)


def test_what_is_described_can_be_read_back(tmp_path: Path) -> None:
    config = load(write(tmp_path, FULL))
    again = load(write(tmp_path, "\n".join(describe(config)) + FULL[FULL.index("\n[apps") :]))
    assert {**vars_of(again), "apps": None} == {**vars_of(config), "apps": None}
    assert {line.split(" = ")[0] for line in describe(config)} == {
        name for name in key_names() if not name.startswith("apps.")
    }


def vars_of(config: HubConfig) -> dict[str, object]:
    return {name: getattr(config, name) for name in config.__slots__}


def test_the_address_of_the_command_line_wins() -> None:
    config = HubConfig(host="10.0.0.1", port=5)
    assert vars_of(config.replace_listen(None, None)) == vars_of(config)
    replaced = config.replace_listen("0.0.0.0", None)
    assert (replaced.host, replaced.port) == ("0.0.0.0", 5)
    replaced = config.replace_listen("[::]:6", 7)
    assert (replaced.host, replaced.port) == ("::", 7)
    with pytest.raises(HubProblem, match="--listen: 'x' is not a port; "):
        config.replace_listen("a:x", None)
    with pytest.raises(HubProblem, match="--port: the number is out of its bounds; "):
        config.replace_listen(None, 65536)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("my-laptop", False),
    ],
)
def test_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert HubConfig(host=host).loopback is loopback


def test_the_line_to_type() -> None:
    assert HubConfig().ssh_command("alice") == "ssh -p 8022 alice@127.0.0.1"
    assert HubConfig(host="::1", port=22).ssh_command("alice", "-t") == "ssh -t alice@::1"
    assert "@0.0.0.0" not in HubConfig(host="0.0.0.0").ssh_command("alice")


def test_a_host_that_stands_for_nothing_is_told_with_its_place(tmp_path: Path) -> None:
    file = write(tmp_path, "\nlisten = 'no-such-host.invalid:1'")
    config = load(file)
    with pytest.raises(ConfigError) as caught:
        config.resolve()
    assert str(caught.value).startswith(f"{file}:2: listen: cannot listen on no-such-host.invalid: ")
    assert str(caught.value).endswith("; write an address of this machine, or a name that stands for one")
    for elsewhere in (config.replace_listen("nowhere.invalid", None), HubConfig(host="nowhere.invalid")):
        with pytest.raises(
            HubProblem, match=r"^cannot listen on nowhere.invalid: .*; --listen: write an address"
        ):
            elsewhere.resolve()
    for host in ("127.0.0.1", "::", "0.0.0.0"):  # a bare system may not know localhost
        HubConfig(host=host).resolve()


# ------------------------------------------------------------ the manual

MANUAL = Path(__file__).resolve().parents[3] / "docs" / "admin.md"


def test_the_manual_has_a_row_for_every_key() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|", MANUAL.read_text(), re.MULTILINE)
    files = {"hub.toml", "ssh_host_ed25519_key", "nacre.db", "control.sock"}
    assert sorted(set(rows) - files) == sorted(key_names())


def test_the_manual_tells_the_real_defaults(tmp_path: Path) -> None:
    table = re.findall(r"^\| `([\w.]+)` \| `(.+?)` \|", MANUAL.read_text(), re.MULTILINE)
    written = {name: value for name, value in table if not name.startswith("apps.")}
    config = load(write(tmp_path, "\n".join(f"{name} = {value}" for name, value in written.items())))
    assert {**vars_of(config), "file": None, "listen_line": None} == vars_of(HubConfig())


def test_the_manuals_examples_are_fine(tmp_path: Path) -> None:
    examples = re.findall(r"^```toml\n(.*?)^```", MANUAL.read_text(), re.MULTILINE | re.DOTALL)
    for example in examples:
        if "entry-points" not in example:
            load(write(tmp_path, example))
    assert len(examples) == 2
