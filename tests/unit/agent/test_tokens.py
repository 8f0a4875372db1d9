"""Which PKCS#11 libraries an agent loads for whoever asks: those that its user permits, by what a path leads to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nacre.agent import tokens
from nacre.agent.tokens import PermittedTokens
from tests.support.face import asynctest


@asynctest
async def test_what_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Any] = []
    monkeypatch.setattr(tokens, "load_pkcs11_keys", lambda *given: loaded.append(given) or [])
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "library.so").touch()
    (tmp_path / "good" / "link.so").symlink_to(tmp_path / "bad" / "library.so")
    permitted = PermittedTokens(f"{tmp_path}/good/*,!*/secret*")
    good = str(tmp_path / "good" / "library.so")
    assert await permitted(good, "1234") == []
    assert await permitted(f"{tmp_path}/bad/../good/library.so", "") == []
    assert loaded == [(good, "1234"), (good, None)]
    (tmp_path / "good" / "secret.so").touch()
    for name in ("good/link.so", "bad/library.so", "good/secret.so", "good/../bad/library.so"):
        with pytest.raises(ValueError, match="is none of the libraries that are permitted"):
            await permitted(f"{tmp_path}/{name}", "")
    with pytest.raises(OSError, match="No such file"):
        await permitted(f"{tmp_path}/good/missing.so", "")
    assert len(loaded) == 2
    with pytest.raises(ValueError, match="empty pattern"):
        PermittedTokens("a,,b")
