"""Hubs for the tests, as new processes: one for all tests of a file, and others with configurations of their own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub import RunningHub


@pytest.fixture
def make_hub(open_tmp_path: Path) -> Iterator[Callable[..., RunningHub]]:
    """Return what starts a hub with the user alice; arguments as of `RunningHub`."""
    with ExitStack() as stack:

        def make(configuration: str = "", **options: Any) -> RunningHub:
            hub = stack.enter_context(RunningHub(open_tmp_path, configuration, **options))
            hub.add_user("alice")
            return hub

        yield make


@pytest.fixture(scope="module")
def make_shared_hub() -> Iterator[Callable[..., RunningHub]]:
    """Return what starts a hub with the user alice for all tests of a file, each time in a directory of its own."""
    with ExitStack() as stack:

        def make(configuration: str = "") -> RunningHub:
            folder = Path(tempfile.mkdtemp(prefix="nacre-test-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=os.geteuid() != 0)
            folder.chmod(0o711)
            hub = stack.enter_context(RunningHub(folder, configuration))
            hub.add_user("alice")
            return hub

        yield make


@pytest.fixture(scope="module")
def shared_hub(make_shared_hub: Callable[..., RunningHub]) -> RunningHub:
    """Return the file's hub, as it is by default."""
    return make_shared_hub()


@pytest.fixture
def hub(shared_hub: RunningHub) -> RunningHub:
    """Return the file's hub with the user alice, and without what the tests before had of it."""
    shared_hub.renew()
    return shared_hub
