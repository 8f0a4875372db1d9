"""Fixtures for the key tests: the files that ssh-keygen made."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture
def data() -> Path:
    """The folder of key files made by ssh-keygen."""
    return DATA


@pytest.fixture(params=["ed25519", "nistp256", "nistp384", "nistp521", "rsa"])
def key_name(request: pytest.FixtureRequest) -> str:
    """The name of one key of each kind in `data`."""
    return str(request.param)
