"""Keys on a PKCS#11 token log nacre in at OpenSSH's server, with certificates too."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

import nacre
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
