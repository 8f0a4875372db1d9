"""The example that trusts by a fingerprint, as a program of its own; and the code of docs/known-hosts.md."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import nacre
from tests.support.examples import ROOT, run, run_here
from tests.support.face import HOST, PASSWORD, PasswordServer, asynctest, host_key, serving


def greet(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write("here\n")
    process.exit(0)


@asynctest
async def test_trusting_by_a_fingerprint(tmp_path: Path) -> None:
    new = nacre.generate_private_key("ssh-ed25519")
    keys = [host_key(), new]
    options = {"server_factory": PasswordServer, "process_factory": greet, "send_server_host_keys": True}
    async with serving(server_host_keys=keys, **options) as listener:
        where = f"user@{HOST}:{listener.get_port()}"

        async def attempt(fingerprint: str, run: Any = run_here) -> tuple[int | None, str, str]:
            environment = {"HOME": str(tmp_path), "SSH_PASSWORD": PASSWORD}
            return await run("trust_by_fingerprint.py", where, fingerprint, "hello", **environment)

        status, output, errors = await attempt("SHA256:wrong")
        assert (status, output) == (255, "")
        assert host_key().get_fingerprint() in errors
        assert not (tmp_path / ".ssh").exists()
        assert (await attempt(host_key().get_fingerprint(), run))[:2] == (0, "here\n")
        assert (await attempt("not needed any more"))[:2] == (0, "here\n")
        known = nacre.read_known_hosts(tmp_path / ".ssh" / "known_hosts")
        trusted = known.match(HOST, "", listener.get_port())[0]
        assert host_key().convert_to_public() in trusted


def test_the_code_of_the_page() -> None:
    page = (ROOT / "docs" / "known-hosts.md").read_text()
    connecting, resolving = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    compile(connecting, "docs/known-hosts.md", "exec")
    names: dict[str, Any] = {}
    exec(resolving, names)  # the page's own code
    answer = asyncio.run(names["resolver"]("host"))
    assert len(answer.records[0].fingerprint) == 32
