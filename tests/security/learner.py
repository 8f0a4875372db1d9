"""Learns what a live end does with sequences of messages, as a Mealy machine, without looking inside.

Owns: the learner: states told apart by what follows them, as in Angluin's L* with the suffixes of every
counterexample added. Must not know: SSH, or what it ought to find.

Faults of real implementations were found so ("Finding SSH Strict Key Exchange Violations by State Learning",
arXiv 2509.10895): a table of what is legal in each phase does not show a phase that nobody thought of.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["CLOSED", "Machine", "learn"]

Word = tuple[str, ...]
#: What every message gets from an end that has closed.
CLOSED = "closed"


@dataclass(frozen=True)
class Machine:
    """A Mealy machine: what each state answers to each symbol, and where it goes. State 0 is the first.

    Attributes:
        access: the word that leads to each state.
        steps: by state and symbol, the output and the next state.
    """

    access: tuple[Word, ...]
    steps: dict[tuple[int, str], tuple[str, int]]

    def run(self, word: Word) -> Word:
        """Return the outputs for a word."""
        state, outputs = 0, []
        for symbol in word:
            output, state = self.steps[state, symbol]
            outputs.append(output)
        return tuple(outputs)


class _Asked:
    """What was asked of the end, and what it answered; nobody asks twice, or asks the dead."""

    def __init__(self, ask: Callable[[Word], Word]) -> None:
        self._ask = ask
        self._known: dict[Word, Word] = {(): ()}
        self.count = 0

    def __call__(self, word: Word) -> Word:
        found = self._known.get(word)
        if found is None:
            before = self(word[:-1]) if word[:-1] in self._known else ()
            if before[-1:] == (CLOSED,):
                found = (*before, CLOSED)
            else:
                self.count += 1
                found = self._ask(word)
            for size in range(1, len(word) + 1):
                self._known.setdefault(word[:size], found[:size])
        return found


def learn(
    ask: Callable[[Word], Word], alphabet: Sequence[str], *, walks: int, most: int, seed: int
) -> tuple[Machine, int]:
    """Return the machine of an end, and how often it was asked.

    Args:
        ask: what a new end answers to a word, an output for each symbol; `CLOSED` once it has closed.
        alphabet: the symbols.
        walks: how many words of up to twelve symbols must find nothing new.
        most: how many states there may be.
        seed: of these words.
    """
    asked = _Asked(ask)
    suffixes: list[Word] = [(symbol,) for symbol in alphabet]
    chance = random.Random(seed)
    left = walks
    machine = _hypothesis(asked, alphabet, suffixes, most)
    while left:
        word = _walk(machine, alphabet, chance)
        if machine.run(word) == asked(word):
            left -= 1
            continue
        suffixes += [word[at:] for at in range(len(word)) if word[at:] not in suffixes]
        machine = _hypothesis(asked, alphabet, suffixes, most)
        left = walks
    return machine, asked.count


def _walk(machine: Machine, alphabet: Sequence[str], chance: random.Random) -> Word:
    """Return a word that begins where the machine is still alive, wherever that is."""
    word = [*chance.choice(machine.access)]
    while len(word) < 12 and (not word or machine.run(tuple(word))[-1] != CLOSED):
        word.append(chance.choice(alphabet))
    return tuple(word)


def _hypothesis(asked: _Asked, alphabet: Sequence[str], suffixes: Sequence[Word], most: int) -> Machine:
    """Return the machine whose states differ in what they answer to the suffixes."""

    def row(word: Word) -> tuple[Word, ...]:
        return tuple(asked(word + suffix)[len(word) :] for suffix in suffixes)

    access: list[Word] = [()]
    states = {row(()): 0}
    steps: dict[tuple[int, str], tuple[str, int]] = {}
    for state, word in enumerate(access):  # which grows meanwhile
        for symbol in alphabet:
            there = (*word, symbol)
            found = row(there)
            if found not in states:
                assert len(access) < most, f"more than {most} states: {access}"
                states[found] = len(access)
                access.append(there)
            steps[state, symbol] = asked(there)[-1], states[found]
    return Machine(tuple(access), steps)
