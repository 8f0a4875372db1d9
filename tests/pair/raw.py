"""The raw peer of `nacre.testing`, for the tests of nacre itself, by the name that they know."""

from __future__ import annotations

from nacre.testing.raw import EXT_INFO, STRICT, RawPeer

__all__ = ["EXT_INFO", "STRICT", "RawPeer"]
