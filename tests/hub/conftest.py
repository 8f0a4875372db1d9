"""A hub for each test, as a new process with a state of its own."""

from __future__ import annotations

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


@pytest.fixture
def hub(make_hub: Callable[..., RunningHub]) -> RunningHub:
    """Return a hub as it is by default."""
    return make_hub()
