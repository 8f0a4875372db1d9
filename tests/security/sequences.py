"""Attacks in more than one step, as data: what a hostile peer sends, and what the end under test must do.

Owns: the list of named sequences for the rows of the threat model in which order, repetition or an answer of
the application matters, so that a single message number cannot show the fault.
Must not know: nacre. `steps.py` has the vocabulary, the `sequences_*.py` files the attacks.
"""

from __future__ import annotations

from typing import Final

from tests.security.sequences_authentication import authentication
from tests.security.sequences_channels import channels
from tests.security.sequences_key_exchange import key_exchange
from tests.security.sequences_rekey import rekey
from tests.security.steps import OPTIONS, VOCABULARY, AttackSequence, Step

__all__ = ["OPTIONS", "SEQUENCES", "VOCABULARY", "AttackSequence", "Step"]

SEQUENCES: Final[tuple[AttackSequence, ...]] = (*key_exchange(), *rekey(), *authentication(), *channels())
