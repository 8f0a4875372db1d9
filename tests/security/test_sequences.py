"""Every attack of several steps, against a live protocol end."""

from __future__ import annotations

import pytest

from tests.security.drive import Play
from tests.security.sequences import SEQUENCES, AttackSequence


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: sequence.name)
def test_the_end_does_what_it_must(sequence: AttackSequence) -> None:
    Play(sequence).run()
