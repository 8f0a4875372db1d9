"""Other people's clients: PuTTY's plink and Dropbear's dbclient, told what to trust and reading nothing of the user's.

Owns: how they are started. Must not know: nacre's runtime, what is tested.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.support import system

_PATIENCE: Final = 120

CLIENTS: Final = [pytest.param(name, marks=system.requires(name)) for name in ("plink", "dbclient")]


def command(
    client: str, directory: Path, *, port: int, user: str, host_key: str, key: Path | None, password: str = ""
) -> list[str]:
    """Return how a client is started; "-t" and the remote command may follow.

    Args:
        client: "plink" or "dbclient".
        directory: where its files go, and its HOME (see `environment`).
        port: on 127.0.0.1.
        user: whom to log in as.
        host_key: type and base64 of the server's key.
        key: the user's key in OpenSSH's form, or None.
        password: for plink; dbclient has it from its environment.
    """
    keys = ["-i", str(_converted(client, key, directory))] if key else []
    kind, blob = host_key.split()[:2]
    where = f"{user}@127.0.0.1"
    if client == "plink":
        # Without the question whether a session is to begin, and with what it was told alone.
        told = ["plink", "-ssh", "-noagent", "-no-antispoof", "-P", str(port), "-hostkey", _fingerprint(blob)]
        return [*told, *keys, *(["-pw", password] if password else []), where]
    known = directory / ".ssh" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    known.write_text(f"127.0.0.1 {kind} {blob}\n")
    # It looks at signals, as that its window has changed, before it waits: -K has it look again in a while.
    return ["dbclient", "-K", "15", "-p", str(port), *keys, where]


def environment(directory: Path, password: str = "") -> Mapping[str, str]:
    """Return the environment of a client: both look for their files in the home."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "DROPBEAR_PASSWORD": password,
    }


def _converted(client: str, key: Path, directory: Path) -> Path:
    """Write a key in the form that a client reads."""
    converted = directory / f"{key.name}_of_{client}"
    commands = {
        "plink": ["puttygen", key, "-O", "private", "-o", converted],
        "dbclient": ["dropbearconvert", "openssh", "dropbear", key, converted],
    }
    subprocess.run(commands[client], check=True, capture_output=True, timeout=_PATIENCE)
    return converted


def _fingerprint(blob: str) -> str:
    return "SHA256:" + b64encode(hashlib.sha256(b64decode(blob)).digest()).decode().rstrip("=")
