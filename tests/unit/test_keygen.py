"""What ssh-keygen does beside making keys: the public names."""

from __future__ import annotations

import nacre
from nacre import keygen
from tests.support.face import host_key, user_key


def test_a_program_revokes_by_lines_and_looks_into_signatures() -> None:
    certificate = host_key().generate_user_certificate(user_key(), "id", serial=7, principals="alice")
    revoked = nacre.KeyRevocationList()
    keygen.revoke_lines(revoked, "serial: 7", keygen.Authority(host_key()))
    assert revoked.revokes(certificate)
    assert keygen.revoked_lines(revoked, str)[-1] == "serial: 7"
    signature = keygen.SSHSignature.decode(nacre.create_sshsig(user_key(), b"data"))
    assert signature.verify(keygen.hash_data(b"data", signature.hash_name, is_hashed=False))
    assert all(hasattr(keygen, name) for name in keygen.__all__)
