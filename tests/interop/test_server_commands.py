"""AuthorizedKeysCommand and AuthorizedPrincipalsCommand: sshd and nacre run the same programs in the same way.

One configuration, and a program that writes down its arguments, its environment and whom it runs as; one client
logs in to both.
"""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path
from typing import Final

import pytest

import nacre
from tests.support.face import HOST, asynctest, client_options, reported, serving, user_key
from tests.support.openssh import OpenSSH, Sshd

pytestmark = pytest.mark.requires("sshd")

#: Another address of this machine: who asks is told from who is asked.
FROM = "127.0.0.2"
SCRIPT = """
{{ echo "== $#"; for a in "$@"; do echo "[$a]"; done; env | grep -v -e ^PATH= -e ^_= | sort; id -un; id -G; pwd; }} >> {log}
cat {folder}/$1 2> /dev/null
exit $(cat {folder}/status)
"""


#: What is printed by whom, or is in a file; and whether sshd lets in whose key or certificate it is.
CASES: Final = {
    "a key": ("key", {"keys": "{key}"}, True),
    "none": ("key", {"keys": "# nothing"}, False),
    "a key and status 1": ("key", {"keys": "{key}", "status": "1"}, False),
    "options that refuse": ("key", {"keys": 'from="192.0.2.1" {key}'}, False),
    "in a file": ("key", {"file": "{key}"}, True),
    "a name": ("certificate", {"names": "other\n  no-pty team # of it"}, True),
    "another name": ("certificate", {"names": "other"}, False),
    "a name and status 1": ("certificate", {"names": "team", "status": "1"}, False),
    "an authority": ("certificate", {"keys": 'cert-authority,principals="team" {ca}'}, True),
}


def configuration(folder: Path, who: str, newer: bool) -> list[str]:
    more = " %C:%D" if newer else ""
    return [
        f"AuthorizedKeysFile {folder}/file",
        f"TrustedUserCAKeys {folder}/ca",
        # sshd 9.2 passes over this one where it stands after the other.
        f"AuthorizedPrincipalsCommand /bin/sh {folder}/script names %u:%h:%U:%t:%f:%k %i:%s:%T:%F:%K{more}",
        f"AuthorizedPrincipalsCommandUser {who}",
        f'AuthorizedKeysCommand /bin/sh {folder}/script keys "a b" \'c "d"\' e\\ f \\x %u:%h:%U:%t:%f:%k:%%{more} # it',
        f"AuthorizedKeysCommandUser {who}",
    ]


@asynctest
async def test_sshd_and_nacre_run_the_same(openssh: OpenSSH, open_tmp_path: Path) -> None:
    folder, log = open_tmp_path, open_tmp_path / "log"
    folder.chmod(0o755)
    user = pwd.getpwuid(os.geteuid()).pw_name
    lines = configuration(folder, "nobody" if user == "root" else user, openssh.version == "10.0")
    log.touch()
    log.chmod(0o666)
    (folder / "script").write_text(SCRIPT.format(log=log, folder=folder))
    ca, key = nacre.generate_private_key("ssh-ed25519"), user_key()
    (folder / "ca").write_bytes(ca.export_public_key())
    texts = {"ca": ca.export_public_key().decode().strip(), "key": key.export_public_key().decode().strip()}
    certificate = ca.generate_user_certificate(key, "the id", serial=7, principals=["team"])
    shown = {"key": [key], "certificate": [(key, certificate)]}
    config = folder / "sshd_config"
    config.write_text("\n".join([*lines, "StrictModes no"]))

    async def everything(port: int) -> list[tuple[str, bool, str]]:
        """Log in with each of the cases; return whether it was let in, and what the programs have seen."""
        seen = []
        for what, (by, printed, _) in CASES.items():
            for name in ("keys", "names", "file", "status"):
                text = printed.get(name, "0" if name == "status" else "").format(**texts)
                (folder / name).write_text(f"{text}\n")
            log.write_text("")
            options = client_options(username=user, client_keys=shown[by], local_addr=(FROM, 0))
            try:
                async with await nacre.connect(HOST, port, **options):
                    admitted = True
            except nacre.PermissionDenied:
                admitted = False
            told = re.sub(rf" {port} 127.0.0.2 \d+:", " PORT 127.0.0.2 PORT:", log.read_text())
            seen.append((what, admitted, told))
        return seen

    async with serving(config=config, server_factory=nacre.SSHServer) as listener:
        ours = await everything(listener.get_port())
    with Sshd(openssh, folder / "sshd", options=lines) as sshd:
        theirs = await everything(sshd.port)
    assert [admitted for _, admitted, _ in theirs] == [expected for _, _, expected in CASES.values()]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == other
    # Our end first, whatever the manual says.
    assert ("127.0.0.1 PORT 127.0.0.2 PORT" in ours[0][2]) is (openssh.version == "10.0")
    reported()
