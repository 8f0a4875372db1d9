"""Helpers for the tests of programs that use nacre: two ends without a network, a peer that does as it is told,
transcripts, and a clock.

    >>> import nacre.testing

* `connected_pair`: a client and a server that are connected to each other, with your handlers.
* `raw_client` and `raw_server`: the other end as a script that may send anything at any time.
* `recording` and `Transcript`: what was said, without its secrets; a script can play it.
* `Clock`: time that passes when a test says so.

Nothing of nacre itself imports this package.
"""

from __future__ import annotations

from nacre.testing.clock import Clock
from nacre.testing.pair import ConnectedPair, connected_pair
from nacre.testing.peer import Received, ScriptedPeer, raw_client, raw_server
from nacre.testing.transcript import Line, Transcript, recording

__all__ = [
    "Clock",
    "ConnectedPair",
    "Line",
    "Received",
    "ScriptedPeer",
    "Transcript",
    "connected_pair",
    "raw_client",
    "raw_server",
    "recording",
]
