"""OpenSSH's sshd, with nothing of the machine's configuration.

Owns: its configuration. Must not know: any workload.

    python -m bench.openssh_server SETTINGS.json
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.sides import free_port, program

#: Our names of the options, and sshd's and ssh's.
OPTIONS = {"encryption_algs": "Ciphers", "mac_algs": "MACs", "kex_algs": "KexAlgorithms"}


def configuration(settings: dict[str, Any], port: int) -> str:
    """Return the text of sshd_config."""
    lines = [
        "ListenAddress 127.0.0.1",
        f"Port {port}",
        f"HostKey {settings['host']}",
        f"AuthorizedKeysFile {settings['authorized_keys']}",
        f"PidFile {settings['directory']}/sshd.pid",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "PermitRootLogin prohibit-password",
        *([] if settings.get("defaults") else ["MaxStartups 2048"]),
        "MaxSessions 100",
        "UseDNS no",
        "PrintMotd no",
        "PrintLastLog no",
        "Compression no",
    ]
    lines += [f"{name} {','.join(settings[ours])}" for ours, name in OPTIONS.items() if ours in settings]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Start it, wait until it listens, say where, and become its guardian."""
    settings = json.loads(Path(sys.argv[1]).read_text())
    port = free_port()
    path = Path(settings["directory"], f"sshd_config-{port}")
    path.write_text(configuration(settings, port))
    sshd = program("sshd")
    assert sshd is not None
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it wants to be locked up
    process = subprocess.Popen(
        [sshd, "-D", "-e", "-f", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.02)
    sys.stdout.write(json.dumps({"port": port, "pid": process.pid}) + "\n")
    sys.stdout.flush()
    process.wait()


if __name__ == "__main__":
    main()
