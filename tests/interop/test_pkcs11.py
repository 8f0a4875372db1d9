"""Keys on a PKCS#11 token log nacre in at OpenSSH's server, with certificates too."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

import nacre
import nacre.cli
from tests.interop.programs import connected
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Sshd
from tests.support.softhsm import PIN, provider

pytestmark = [pytest.mark.requires("sshd"), pytest.mark.requires("softhsm")]


@asynctest
async def test_every_key_of_the_tokens(openssh: OpenSSH, tmp_path: Path) -> None:
    options = {"pkcs11_provider": provider(), "pkcs11_pin": PIN, "client_keys": []}
    authority = nacre.generate_private_key("ssh-ed25519")
    with Sshd(openssh, tmp_path / "sshd", options=["MaxAuthTries 20"]) as sshd:
        pairs = nacre.load_pkcs11_keys(provider(), PIN)
        assert len(pairs) == 5
        for pair in pairs:
            public = nacre.import_public_key(_line(pair))
            sshd.authorized_keys.write_bytes(public.export_public_key())
            async with connected(sshd, **options) as connection:
                assert (await connection.run("exit 3")).exit_status == 3
        sshd.authorized_keys.write_text(f"cert-authority {authority.export_public_key().decode()}")
        certificate = authority.generate_user_certificate(public, "id", principals=sshd.user)
        async with connected(sshd, **options, client_certs=[certificate]) as connection:
            assert (await connection.run("exit 3")).exit_status == 3


def _line(pair: nacre.SSHKeyPair) -> bytes:

    return pair.algorithm.encode() + b" " + b64encode(pair.public_data)


@pytest.mark.requires("ssh-agent")
def test_ssh_add_hands_a_token_to_the_agent_where_its_library_is_permitted(tmp_path: Path) -> None:
    """`nacre agent -P`, with ssh-add's -s and -e; a library that -P does not name is not loaded."""
    askpass = tmp_path / "askpass"
    askpass.write_text(f"#!/bin/sh\necho {PIN}\n")
    askpass.chmod(0o700)
    library = os.path.realpath(provider())
    link = tmp_path / "link.so"
    link.symlink_to(library)
    script = f"ssh-add -s {library} && ssh-add -L && ssh-add -e {library} && ssh-add -l || ssh-add -s {link}"

    def said(*options: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "nacre", "agent", *options, "sh", "-c", script],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(nacre.cli.__file__).parents[2]),
                "SSH_ASKPASS": str(askpass),
                "SSH_ASKPASS_REQUIRE": "force",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout + done.stderr

    taken = said("-P", f"/no/*,{Path(library).parent}/*")
    for pair in nacre.load_pkcs11_keys(provider(), PIN):
        assert b64encode(pair.public_data).decode() in taken
    assert "Card removed" in taken
    assert taken.count("Card added") == 2  # by a link too: what it leads to is what counts
    for options in ((), ("-P", f"/*,!{library}")):
        refused = said(*options)
        assert "Card added" not in refused
        assert refused.count("agent refused operation") == 2
