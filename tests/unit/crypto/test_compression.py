"""Compression: "none" is all there is (security history row 27)."""

from __future__ import annotations

import pytest

from nacre.crypto import Family, default_names, lookup, names, select


def test_none_alone_is_known() -> None:
    assert names(Family.COMPRESSION) == default_names(Family.COMPRESSION) == ("none",)
    assert lookup(Family.COMPRESSION, "none").factory is None


@pytest.mark.parametrize("name", ["zlib", "zlib@openssh.com"])
def test_zlib_is_not(name: str) -> None:
    with pytest.raises(ValueError, match="unknown compression method"):
        select(Family.COMPRESSION, [name])
