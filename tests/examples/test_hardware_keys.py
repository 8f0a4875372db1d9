"""The examples of docs/hardware-keys.md do what they say."""

from __future__ import annotations

import os
import runpy
import sys
from base64 import b64encode
from pathlib import Path
from unittest import mock

import pytest

import nacre
from tests.support.authenticator import SoftwareAuthenticator, plugged_in
from tests.support.examples import EXAMPLES, run
from tests.support.face import HOST, asynctest, host_key, serving
from tests.support.softhsm import PIN, provider


def made(path: Path, *arguments: str) -> int | str | None:
    argv = mock.patch.object(sys, "argv", ["make_security_key.py", str(path), *arguments])
    with argv, pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / "make_security_key.py"), run_name="__main__")
    return ended.value.code


def test_a_security_key_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "id_sk"
    with plugged_in():
        assert made(path) == 1
    assert "plugged in" in capsys.readouterr().err
    for algorithms, kind in (((-7,), "sk-ecdsa"), ((-7, -8), "sk-ssh-ed25519")):
        with SoftwareAuthenticator("1234", algorithms).plugged_in():
            assert made(path, "1234") == 0
        public = capsys.readouterr().out
        assert public.startswith(kind)
        assert nacre.read_private_key(path).convert_to_public() == nacre.import_public_key(public)


@pytest.mark.requires("softhsm")
@asynctest
async def test_a_command_runs_by_a_key_of_a_token(tmp_path: Path) -> None:
    library = provider()
    [key] = nacre.load_pkcs11_keys(library, PIN, key_label="p384")
    lines = nacre.import_authorized_keys(f"{key.algorithm} {_base64(key.public_data)}")

    def answer(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write(f"did {process.command}\n")
        process.exit(3)

    serves = {"server_factory": nacre.SSHServer, "authorized_client_keys": lines, "process_factory": answer}
    async with serving(**serves) as listener:
        port = listener.get_port()
        (tmp_path / ".ssh").mkdir()
        known = f"[{HOST}]:{port} {host_key().export_public_key().decode()}"
        (tmp_path / ".ssh" / "known_hosts").write_text(known)
        told = {"HOME": str(tmp_path), "SOFTHSM2_CONF": os.environ["SOFTHSM2_CONF"]}
        for pin, expected in ((PIN, (3, "did it\n")), ("9999", (255, ""))):
            arguments = (f"user@{HOST}:{port}", library, "it")
            status, output, errors = await run("run_with_token.py", *arguments, **told, TOKEN_PIN=pin)
            assert (status, output) == expected, errors


def _base64(data: bytes) -> str:
    return b64encode(data).decode()
