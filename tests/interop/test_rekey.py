"""Re-keying every megabyte while data flows each way at once, with equal hashes.

Each end asks for new keys by itself, and both at once. 8 MiB each way as a matter of course; NACRE_LONG=1
makes it 1 GiB, which takes minutes.
"""

from __future__ import annotations

import resource
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.interop.programs import LONG, MEBIBYTE, connected, exchange, peer
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Sshd

SIZE: Final = (1024 if LONG else 8) * MEBIBYTE
_PATIENCE: Final = 1800 if LONG else 280
#: What the process may grow by, however much flows: windows and queues are bounded.
_GROWTH: Final = 64 * MEBIBYTE

pytestmark = [pytest.mark.requires("sshd"), pytest.mark.timeout(_PATIENCE + 20)]

_NEW_KEYS: Final = "SSH2_MSG_NEWKEYS received"


def _peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("asks", ["ssh", "nacre", "both"])
@partial(asynctest, time_limit=_PATIENCE)
async def test_ssh_through_nacre_and_back(openssh: OpenSSH, tmp_path: Path, asks: str) -> None:
    log = tmp_path / "log"
    lines = () if asks == "nacre" else ("RekeyLimit 1M",)
    options = {} if asks == "ssh" else {"rekey_bytes": "1m"}
    async with peer(openssh, tmp_path, *lines, **options) as ssh:
        peak = _peak()
        async with ssh.started("-v", "-E", str(log), "--", "echo") as process:
            sent, came = await exchange(process.stdin, process.stdout, SIZE)
            assert sent == came
            assert await process.wait() == 0
        assert _peak() - peak < _GROWTH
    # Every megabyte of either direction is one; ssh counts blocks, and a little goes out meanwhile.
    assert log.read_text(errors="replace").count(_NEW_KEYS) > SIZE // MEBIBYTE


@pytest.mark.parametrize("asks", ["sshd", "nacre", "both"])
@partial(asynctest, time_limit=_PATIENCE)
async def test_nacre_through_sshd_and_back(openssh: OpenSSH, tmp_path: Path, asks: str) -> None:
    lines = () if asks == "nacre" else ("RekeyLimit 1M",)
    options = {} if asks == "sshd" else {"rekey_bytes": "1m"}
    with Sshd(openssh, tmp_path, options=("LogLevel DEBUG1", *lines)) as sshd:
        async with connected(sshd, encoding=None, **options) as connection:
            peak = _peak()
            process = await connection.create_process("cat; exit 7")
            sent, came = await exchange(process.stdin, process.stdout, SIZE)
            assert sent == came
            assert (await process.wait()).exit_status == 7
            assert _peak() - peak < _GROWTH
        sshd.wait_for_log(_NEW_KEYS, SIZE // MEBIBYTE + 1)
