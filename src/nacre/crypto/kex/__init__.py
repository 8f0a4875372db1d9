"""The key exchange methods, one family a file; each registers itself with `nacre.crypto.registry`."""

from __future__ import annotations

from nacre.crypto.kex.base import AnyExchange, KeyExchange, Random, make_exchange

__all__ = ["AnyExchange", "KeyExchange", "Random", "make_exchange"]
