"""KnownHostsCommand: ssh of both versions and nacre run the same program in the same way, and believe the same of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

import nacre
from tests.support.face import HOST, OpenServer, asynctest, host_key, reported, serving
from tests.support.openssh import OpenSSH, Ssh

pytestmark = pytest.mark.requires("sshd")

ARGUMENTS: Final = (
    '%I %H %t %f %K %h:%p:%r:%n:%k:%u:%i:%d:%L:%l:%C:%% "a b" \'c "d"\' e\\ f \\x ${NACRE_X} # it'
)
SCRIPT: Final = 'for a in "$@"; do echo "[$a]"; done >> {log}; {{ pwd; echo $HOME; }} >> {log}; cat {out}; exit $(cat {status})'
KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEu7PrJ4fl6435ETOB70jWf6zAv8K8D9JbpYXMwybfw8"
#: What a file has, what is printed, the status, and whether ssh goes on.
CASES: Final = {
    "printed": ("", "{where} {key}", 0, True),
    "hashed nowhere": ("", "|1|x|y {key}", 0, False),
    "without the port": ("", "127.0.0.1 {key}", 0, False),
    "nothing": ("", "", 0, False),
    "status 1": ("{where} {key}", "", 1, False),
    "in a file": ("{where} {key}", "", 0, True),
    "in a file, another printed": ("{where} {key}", "{where} {other}", 0, True),
    "in a file, revoked": ("{where} {key}", "@revoked * {key}", 0, False),
    "another one": ("", "{where} {other}", 0, False),
}


@asynctest
async def test_ssh_and_nacre_run_the_same(
    openssh: OpenSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, out, status, known = (tmp_path / name for name in ("log", "out", "status", "known"))
    (tmp_path / "script").write_text(SCRIPT.format(log=log, out=out, status=status))
    monkeypatch.setenv("NACRE_X", "x y")
    key = " ".join(host_key().export_public_key().decode().split()[:2])
    command = f"KnownHostsCommand /bin/sh {tmp_path}/script {ARGUMENTS}"
    config = tmp_path / "config"
    config.write_text(
        f"{command}\nUserKnownHostsFile {known}\nGlobalKnownHostsFile none\nUser me\nStrictHostKeyChecking yes\n"
        "IdentityFile none\nIdentityAgent none\n"
    )

    def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.exit(0)

    async with serving(server_factory=OpenServer, process_factory=handler) as listener:
        port = listener.get_port()

        async def ours() -> bool:
            try:
                async with await nacre.connect(HOST, port, config=config):
                    return True
            except nacre.HostKeyNotVerifiable:
                return False

        async def theirs() -> bool:
            ssh = Ssh(openssh, port, "me", None, known, (command,))
            return (await ssh.communicate("true")).returncode == 0

        for what, (file, printed, code, expected) in CASES.items():
            texts = {"where": f"[{HOST}]:{port}", "key": key, "other": KEY}
            known.write_text(f"{file.format(**texts)}\n")
            out.write_text(f"{printed.format(**texts)}\n")
            status.write_text(str(code))
            seen = []
            for each in (theirs, ours):
                log.write_text("")
                assert await each() is expected, (what, each)
                seen.append(log.read_text().splitlines())
            if openssh.version == "9.2":  # which leaves out the port there
                assert seen[0][1] == f"[{HOST}]"
                seen[0][1] = seen[1][1]
            assert seen[0] == seen[1], what
            assert len(seen[0]) == (30 if code == 0 else 15)
    assert os.getcwd() in seen[0]
    reported()
