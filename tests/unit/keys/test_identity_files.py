"""The names of a user's own key files, and their order."""

from __future__ import annotations

from pathlib import Path

import pytest

import nacre
from nacre.keys.identity_files import identity_files, read_identity


def test_those_that_there_are_in_openssh_s_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert identity_files() == []
    (tmp_path / ".ssh").mkdir()
    for name in ("id_rsa", "id_ecdsa", "id_ed25519", "id_unheard_of"):
        (tmp_path / ".ssh" / name).touch()
    assert [path.name for path in identity_files()] == ["id_ed25519", "id_ecdsa", "id_rsa"]


def test_whose_key_an_identity_file_is(tmp_path: Path) -> None:
    key = nacre.generate_private_key("ssh-ed25519")
    key.write_public_key(tmp_path / "public")
    key.write_private_key(tmp_path / "plain")
    key.write_private_key(tmp_path / "encrypted", passphrase="x", rounds=1, ignore_few_rounds=True)
    key.write_private_key(tmp_path / "pkcs8", "pkcs8-pem")
    for name in ("public", "plain", "encrypted", "pkcs8"):
        found = read_identity(tmp_path / name)
        assert found.public_data == key.public_data
        assert not found.is_private
    key.write_private_key(tmp_path / "beside", "pkcs8-pem", passphrase="x")
    with pytest.raises(nacre.KeyImportError):
        read_identity(tmp_path / "beside")
    key.write_public_key(tmp_path / "beside.pub")
    assert read_identity(tmp_path / "beside").public_data == key.public_data
    (tmp_path / "damaged").write_bytes((tmp_path / "plain").read_bytes().replace(b"A", b"B"))
    for name, error in (("missing", OSError), ("damaged", nacre.KeyImportError)):
        with pytest.raises(error):
            read_identity(tmp_path / name)
