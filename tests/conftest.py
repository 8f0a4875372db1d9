"""What holds for every test: what it leaves behind, what it needs of the system, golden files.

Owns: the `requires` mark, the check for leaked asyncio tasks, `open_tmp_path`, `golden`, `loop_kind` and the
fixtures of OpenSSH. Must not know: any part of nacre.
"""

from __future__ import annotations

import asyncio.runners
import compileall
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support import kerberos, loops, system
from tests.support import openssh as openssh_support
from tests.support.golden import Golden


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write tests/golden anew from what the code says now"
    )


def pytest_configure(config: pytest.Config) -> None:
    os.environ.pop("SSH_AUTH_SOCK", None)  # whoever runs the tests: their keys log in nowhere
    asyncio.runners._cancel_all_tasks = _watch
    if not hasattr(config, "workerinput"):
        # Many tests start Python: where nobody writes byte code, each of them would compile all that it imports.
        compileall.compile_dir(system.ROOT / "src", quiet=2)
        compileall.compile_dir(system.ROOT / "tests" / "support", quiet=2)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("requires"):
        system.need(*mark.args)


#: The tasks that event loops of this test ended with, loop by loop.
_left: Final[list[list[str]]] = []
_cancel_all: Final = asyncio.runners._cancel_all_tasks


def _watch(loop: asyncio.AbstractEventLoop) -> None:
    """Note what still runs: `asyncio.run` cancels it without a word, and that is its last act."""
    _left.append([repr(task) for task in asyncio.all_tasks(loop)])
    _cancel_all(loop)


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail a test whose event loop ends while tasks of it still run, or that leaves a socket to the collector.

    Sockets and transports that nobody closed warn when they are collected, and warnings are errors: they are
    collected here, where the guilty test is known, if the test ran a loop at all. What stays is spared the
    next time: else each test pays for all that those before it have left.
    """
    _left.clear()
    yield
    if _left:
        gc.collect()
        gc.freeze()
    if left := [task for tasks in _left for task in tasks]:
        pytest.fail("tasks were still running at the end of the loop:\n" + "\n".join(left), pytrace=False)


@pytest.fixture
def open_tmp_path() -> Iterator[Path]:
    """Return a new directory that every user of the machine can enter (pytest's own are 0700)."""
    path = Path(tempfile.mkdtemp(prefix="nacre-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=os.geteuid() != 0)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Return the comparison with a file of tests/golden."""
    return Golden(update=request.config.getoption("--update-goldens"))


@pytest.fixture(params=loops.KINDS)
def loop_kind(request: pytest.FixtureRequest) -> str:
    """Run an `asynctest` that takes this in each kind of event loop in turn."""
    kind: str = request.param
    loops.need(kind)
    return kind


@pytest.fixture(params=openssh_support.VERSIONS)
def openssh(request: pytest.FixtureRequest) -> openssh_support.OpenSSH:
    """Return each version of OpenSSH in turn."""
    return openssh_support.find(request.param)


@pytest.fixture
def sshd(openssh: openssh_support.OpenSSH, tmp_path: Path) -> Iterator[openssh_support.Sshd]:
    """Return a running sshd of each version in turn; the key `sshd.user_key` may log in as `sshd.user`."""
    with openssh_support.Sshd(openssh, tmp_path / "sshd") as server:
        yield server


@pytest.fixture(scope="session")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kerberos.Realm]:
    """Return a realm of Kerberos with its KDC."""
    system.need("krb5", "gssapi")
    with kerberos.Realm(tmp_path_factory.mktemp("kerberos")) as made:
        yield made


@pytest.fixture
def in_realm(realm: kerberos.Realm, monkeypatch: pytest.MonkeyPatch) -> kerberos.Realm:
    """Have this process belong to the realm, without tickets or keys of its own."""
    for name in ("KRB5CCNAME", "KRB5_KTNAME", "KRB5_CLIENT_KTNAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)
    return realm


def pytest_collection_finish() -> None:
    """Spare the collector what stays: the tests collect after each loop, and all items are many objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _spared() -> None:
    """Spare it what has come to stay since, modules and reports: a collection would cost more with each test."""
    gc.collect()
    gc.freeze()
