"""The other host keys of a server: what proves them, and whether a proof holds (OpenSSH PROTOCOL 2.5).

Owns: the names of the requests, what is signed, and the algorithm. Must not know: who asks, or what is done
with the keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from nacre.errors import WireError
from nacre.keys import SSHKey
from nacre.protocol.settings import HostKey, Info
from nacre.wire.requests import HostKeyProof, HostKeyProofs

ANNOUNCE: Final = "hostkeys-00@openssh.com"
PROVE: Final = "hostkeys-prove-00@openssh.com"


def _signed(info: Info, blob: bytes) -> bytes:
    return HostKeyProof(PROVE, info.session_id, blob).encode()


def _algorithm(info: Info, algorithms: Sequence[str]) -> str:
    """Return the signature algorithm for a key: of one that has several, what the key exchange used."""
    agreed = info.negotiated.host_key if info.negotiated is not None else ""
    return agreed if agreed in algorithms else algorithms[0]


def prove(keys: Iterable[HostKey], info: Info, blobs: Sequence[bytes]) -> bytes | None:
    """Return the reply that proves the keys that were asked for.

    Args:
        keys: the server's private keys.
        info: of the connection.
        blobs: the public keys.

    Returns:
        None: one of them is not ours, or is asked for twice.
    """
    ours = {key.public_data: key for key in keys}
    if not blobs or len(set(blobs)) != len(blobs) or not ours.keys() >= set(blobs):
        return None
    signatures = tuple(
        ours[blob].sign(_signed(info, blob), _algorithm(info, ours[blob].sig_algorithms)) for blob in blobs
    )
    return HostKeyProofs(signatures).encode()


def proven(keys: Sequence[SSHKey], info: Info, reply: bytes) -> bool:
    """Return whether a reply proves every key that was asked for."""
    try:
        signatures = HostKeyProofs.decode(reply).signatures
    except WireError:
        return False
    if len(signatures) != len(keys):
        return False
    return all(
        key.verify(_signed(info, key.public_data), signature) is True
        for key, signature in zip(keys, signatures, strict=True)
    )
