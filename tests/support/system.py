"""Programs of the system that tests need, and what happens where one is missing.

Owns: the names that `@pytest.mark.requires(…)` takes. A missing one skips the test with the line that
installs it; in CI (`CI=true`) it is a failure. The list of packages is scripts/system-deps, not here.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]

#: Where Debian's unpacked OpenSSH 10.0 lies (scripts/openssh-10).
OPENSSH_10: Final = ROOT / ".cache" / "openssh-10"

# Servers are not on the PATH of every user.
_PATH: Final = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
_PROGRAMS: Final = {
    "ssh": ("ssh",),
    "ssh-keygen": ("ssh-keygen",),
    "ssh-agent": ("ssh-agent", "ssh-add"),
    "sshd": ("ssh", "sshd", "ssh-keygen"),
    "sftp-server": ("/usr/lib/openssh/sftp-server",),
    "krb5": ("krb5kdc", "kdb5_util", "kadmin.local", "kinit"),
    "tmux": ("tmux",),
    "bwrap": ("bwrap",),
    "plink": ("plink", "puttygen"),
    "dbclient": ("dbclient", "dropbearconvert"),
    "dropbear": ("dropbear", "dropbearkey", "unshare"),
    "tinysshd": ("tinysshd", "tinysshd-makekey", "unshare"),
    "softhsm": ("softhsm2-util",),
    "openssl": ("openssl",),
}


def in_ci() -> bool:
    """Say whether what is missing is a failure."""
    return os.environ.get("CI") == "true"


def program(name: str) -> Path | None:
    """Return the path of a program of the system, looked for in the directories of servers as well."""
    found = shutil.which(name, path=_PATH)
    return Path(found) if found else None


def requires(*names: str) -> pytest.MarkDecorator:
    """Mark a test as needing programs of the system; the same as `@pytest.mark.requires(…)`."""
    return pytest.mark.requires(*names)


def need(*names: str) -> None:
    """Skip the test that runs, or fail it in CI, unless everything named is there.

    Args:
        names: keys of the table above, "openssh-10", "gssapi", or "root" (which nothing can install: it only skips).
    """
    for name in names:
        if name == "gssapi":
            if importlib.util.find_spec("gssapi") is None:
                absent(
                    "the package gssapi is missing; type: pip install -e '.[gssapi]' (it needs libkrb5-dev)"
                )
        elif name == "root":
            if os.geteuid() != 0:
                pytest.skip("only root can run this")
        elif (problem := _problem(name)) is not None:
            absent(problem)


def absent(problem: str) -> None:
    """Skip, or fail in CI, for a missing part of the system."""
    if in_ci():
        pytest.fail(f"missing in CI: {problem}", pytrace=False)
    pytest.skip(problem)


@cache
def _problem(name: str) -> str | None:
    if name == "openssh-10":
        if (OPENSSH_10 / "usr/sbin/sshd").exists():
            return None
        return "OpenSSH 10.0 is missing; type: scripts/openssh-10"
    lost = [wanted for wanted in _PROGRAMS[name] if program(wanted) is None]
    if not lost:
        return None
    return f"{', '.join(lost)} missing; type: {_install_line()}"


@cache
def _install_line() -> str:
    line = subprocess.run(
        [ROOT / "scripts/system-deps", "test", "--line"],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return line.stdout.strip()
