"""The public names of the module `nacre.agent`."""

from __future__ import annotations

import pytest

import nacre
import nacre.agent


def test_the_names_are_there() -> None:
    for name in nacre.agent.__all__:
        assert getattr(nacre.agent, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Other'"):
        nacre.agent.Other  # noqa: B018 - to look it up is the test
    assert nacre.agent.SSHAgentClient is nacre.SSHAgentClient
