"""Ciphers, MACs, key exchanges and key derivation of the transport (RFC 4253 sections 6 and 7).

Owns: the names that the layers above use. Must not know: messages, connections, clocks, sockets.
Importing this package is cheap: `cryptography` is loaded when an algorithm is first asked for.
"""

from __future__ import annotations

from nacre.crypto.compression import Compressor, Decompressor, make_compressor, make_decompressor
from nacre.crypto.constant_time import equal
from nacre.crypto.kdf import derive, derive_all
from nacre.crypto.kex.base import AnyExchange, KeyExchange, Random, make_exchange
from nacre.crypto.packet_cipher import (
    NullOpener,
    NullSealer,
    Opener,
    Sealer,
    make_opener,
    make_sealer,
)
from nacre.crypto.registry import Algorithm, Family, Status, default_names, lookup, names, select

__all__ = [
    "Algorithm",
    "AnyExchange",
    "Compressor",
    "Decompressor",
    "Family",
    "KeyExchange",
    "NullOpener",
    "NullSealer",
    "Opener",
    "Random",
    "Sealer",
    "Status",
    "default_names",
    "derive",
    "derive_all",
    "equal",
    "lookup",
    "make_compressor",
    "make_decompressor",
    "make_exchange",
    "make_opener",
    "make_sealer",
    "names",
    "select",
]
