"""The examples of the library run, as programs of their own, and do what they say."""

from __future__ import annotations

from pathlib import Path

import nacre
from tests.support.examples import EXAMPLES, run, run_here, running
from tests.support.face import HOST, asynctest, user_key


def test_every_example_is_tried() -> None:
    # Those for a terminal are tried in one, in tests/interop.
    folders = (Path(__file__).parent, Path(__file__).parents[1] / "interop")
    tests = "".join(path.read_text() for folder in folders for path in folder.glob("*.py"))
    assert [path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in tests] == []


@asynctest
async def test_the_calculator_and_the_command(tmp_path: Path) -> None:
    async with running("serve_calculator.py") as port:
        where = f"guest@{HOST}:{port}"
        status, output, errors = await run(
            "run_command.py", where, "add", HOME=str(tmp_path), SSH_PASSWORD="pearl"
        )
        assert (status, output) == (255, "")
        assert "is not known" in errors
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "known_hosts").write_text(errors.splitlines()[-1] + "\n")
        status, output, errors = await run_here(
            "run_command.py", where, "add", HOME=str(tmp_path), SSH_PASSWORD="pearl"
        )
        assert (status, output, errors) == (0, "Numbers to add, one a line; end with Ctrl-D.\ntotal 0\n", "")
        status, _, errors = await run_here(
            "run_command.py", where, "add", HOME=str(tmp_path), SSH_PASSWORD="wrong"
        )
        assert status == 255
        assert "permission denied" in errors
        options = {"known_hosts": None, "username": "guest", "password": "pearl", "client_keys": None}
        async with await nacre.connect(HOST, port, **options) as connection:
            result = await connection.run(input="1\n2.5\nthree\n")
            assert result.stdout.endswith("total 3.5\n")
            assert result.stderr == "'three' is no number\n"


@asynctest
async def test_the_echo(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_bytes(user_key().export_public_key())
    async with running("serve_echo.py", str(keys)) as port:
        options = {"known_hosts": None, "username": "anybody", "client_keys": [user_key()], "encoding": None}
        async with await nacre.connect(HOST, port, **options) as connection:
            data = bytes(range(256)) * 20000
            result = await connection.run(input=data)
            assert (result.stdout, result.exit_status) == (data, 0)


@asynctest
async def test_help() -> None:
    for name in ("run_command.py", "serve_echo.py"):
        status, _, errors = await run_here(name)
        assert status == 1
        assert "python" in errors
