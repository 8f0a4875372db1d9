"""What the DNS says of a host's key."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

import nacre
from nacre.host_fingerprints import DnsVerdict, SSHFPAnswer, SSHFPRecord, ask_dns, sshfp_records, verdict_of
from nacre.keys import SSHKey
from nacre.options import SSHClientConnectionOptions
from tests.support.face import asynctest, host_key

OTHER = nacre.generate_private_key("ssh-ed25519")
ECDSA = nacre.generate_private_key("ecdsa-sha2-nistp256")


def records(*keys: SSHKey) -> tuple[SSHFPRecord, ...]:
    return tuple(one for key in keys for one in sshfp_records(key))


def test_the_verdict() -> None:
    key = host_key()
    assert verdict_of(records(key), key) is DnsVerdict.HINTED
    assert verdict_of(records(OTHER, ECDSA, key), key) is DnsVerdict.HINTED
    assert verdict_of(records(OTHER), key) is DnsVerdict.DENIED
    # Fingerprints of other kinds of keys, and none, say nothing.
    assert verdict_of(records(ECDSA), key) is DnsVerdict.SILENT
    assert verdict_of((), key) is DnsVerdict.SILENT
    digest = hashlib.sha256(key.public_data).digest()
    for wrong in (SSHFPRecord(4, 2, digest[:31]), SSHFPRecord(4, 2, b""), SSHFPRecord(4, 2, digest + b"\0")):
        assert verdict_of([wrong], key) is DnsVerdict.DENIED
    assert verdict_of([SSHFPRecord(3, 2, digest), SSHFPRecord(4, 3, digest)], key) is DnsVerdict.SILENT


def test_sha_1_alone_vouches_for_nothing() -> None:
    assert verdict_of(records(host_key())[:1], host_key()) is DnsVerdict.SILENT


@pytest.mark.parametrize(
    ("wish", "secure", "verdict"),
    [
        ("no", True, DnsVerdict.NOT_ASKED),
        ("ask", True, DnsVerdict.HINTED),
        ("yes", False, DnsVerdict.HINTED),
        ("yes", True, DnsVerdict.VOUCHED),
        ("yes", 1, DnsVerdict.HINTED),
    ],
)
@asynctest
async def test_a_fingerprint_is_believed_if_it_came_safely_and_that_was_asked_for(
    wish: str, secure: Any, verdict: DnsVerdict
) -> None:
    asked: list[str] = []

    async def resolver(host: str) -> SSHFPAnswer:
        asked.append(host)
        return SSHFPAnswer(records(host_key()), secure)

    options = SSHClientConnectionOptions(verify_host_key_dns=wish, sshfp_resolver=resolver)
    assert await ask_dns(options, "host", host_key()) is verdict
    assert asked == ([] if wish == "no" else ["host"])
    assert await ask_dns(options, "", host_key()) is DnsVerdict.NOT_ASKED


@pytest.mark.parametrize("answer", [OSError("no"), ValueError("no"), None, "", SSHFPAnswer((), secure=True)])
@asynctest
async def test_no_answer_vouches_for_nothing(answer: Any) -> None:
    def resolver(host: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    options = SSHClientConnectionOptions(verify_host_key_dns="yes", sshfp_resolver=resolver)
    assert await ask_dns(options, "host", host_key()) is DnsVerdict.SILENT
    denying = SSHClientConnectionOptions(
        verify_host_key_dns=True, sshfp_resolver=lambda host: SSHFPAnswer(records(OTHER), secure=True)
    )
    assert await ask_dns(denying, "host", host_key()) is DnsVerdict.DENIED
