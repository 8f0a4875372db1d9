"""The names of a user's own key files, and their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from nacre.keys.identity_files import identity_files


def test_those_that_there_are_in_openssh_s_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert identity_files() == []
    (tmp_path / ".ssh").mkdir()
    for name in ("id_rsa", "id_ecdsa", "id_ed25519", "id_unheard_of"):
        (tmp_path / ".ssh" / name).touch()
    assert [path.name for path in identity_files()] == ["id_ed25519", "id_ecdsa", "id_rsa"]
