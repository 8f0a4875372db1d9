"""ssh-keysign: signatures by the host's own keys, for users who may not read them (ssh-keysign(8)).

Owns: finding the program, and its one request (OpenSSH's ssh-keysign.c). Must not know: connections, beyond
the socket that the program looks at.

The program belongs to root. It signs a request of login by host and nothing else, once it has made sure of the
host's name, by the socket, and of the user's; and only where /etc/ssh/ssh_config says `EnableSSHKeysign yes`.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from nacre.aio.key_loading import load_certs
from nacre.aio.log import logger, plain
from nacre.errors import WireError
from nacre.keys import Certified, SSHKey, SSHKeyPair, certificates_of, load_public_keys
from nacre.wire.fields import Reader, encode_byte, encode_string, encode_uint32

__all__ = ["Keysign", "KeysignKeyPair", "keysign_pairs"]

#: Where systems keep it.
DIRECTORIES: Final = (
    "/usr/lib/openssh",
    "/usr/libexec/openssh",
    "/usr/libexec",
    "/usr/lib/ssh",
    "/usr/local/libexec",
)
#: Where the public halves of the keys lie that it signs with.
KEY_DIRECTORIES: Final = ("/etc/ssh", "/usr/local/etc/ssh")
KEY_FILES: Final = ("ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key")
#: Of the request: OpenSSH has it since 6.8.
VERSION: Final = 2
#: In place of a socket: the program then takes the name of the machine. It will have neither 0 nor 1.
_STDERR: Final = 2


class Keysign:
    """The program.

    Args:
        path: where it is.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @classmethod
    def find(cls, wanted: str | bool) -> Keysign:
        """Return the program. ValueError: it is not there.

        Args:
            wanted: where it is; True: in one of the usual places.
        """
        places = (
            [wanted] if isinstance(wanted, str) else [os.path.join(d, "ssh-keysign") for d in DIRECTORIES]
        )
        for place in places:
            if os.path.exists(place):
                return cls(place)
        raise ValueError(
            f"client_host_keysign: there is no {' and no '.join(places) or 'place to look for it'}"
        )

    async def sign(self, data: bytes, sock: Any) -> bytes:
        """Have a request of login by host signed.

        Args:
            data: what is to be signed.
            sock: the socket of the connection, or None.

        Returns:
            The signature blob.

        Raises:
            OSError: the program does not start, or refuses; it says why.
            ValueError: its answer is not understood.
        """
        descriptor = _STDERR if sock is None else sock.fileno()
        process = await asyncio.create_subprocess_exec(
            self.path,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=() if sock is None else (descriptor,),
            env={},
        )
        request = encode_byte(VERSION) + encode_uint32(descriptor) + encode_string(data)
        try:
            answer, problems = await process.communicate(encode_string(request))
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        if not answer:
            said = problems.decode("utf-8", "replace").strip().splitlines()
            raise OSError(f"{self.path} did not sign: {plain(said[-1]) if said else 'it did not say why'}")
        try:
            return _signature(answer)
        except WireError as error:
            raise ValueError(f"the answer of {self.path} is not understood: {error}") from None


def _signature(answer: bytes) -> bytes:
    outer = Reader(answer)
    reader = Reader(outer.string())
    outer.end()
    version = reader.byte()
    if version != VERSION:
        raise WireError(f"version {version} in place of {VERSION}")
    signature = reader.string()
    reader.end()
    return signature


class KeysignKeyPair(SSHKeyPair):
    """A key of the host that ssh-keysign signs with.

    Args:
        public: the public key.
        keysign: the program.

    Attributes:
        sock: the socket of the connection that is logged in on, or None.
    """

    def __init__(self, public: SSHKey, keysign: Keysign) -> None:
        super().__init__(
            public.algorithm, public.public_data, public.sig_algorithms, _refuse, key_type="keysign"
        )
        self._keysign = keysign
        self.sock: Any = None

    async def sign_async(self, data: bytes, sig_algorithm: str | None = None) -> bytes:
        """Return the signature blob. The request names the algorithm. OSError, ValueError as `Keysign.sign`."""
        return await self._keysign.sign(data, self.sock)


def _refuse(data: bytes, algorithm: str) -> NoReturn:
    raise RuntimeError("a key of ssh-keysign signs with sign_async")


async def keysign_pairs(keysign: Keysign, keys: Any, certs: Any) -> list[SSHKeyPair]:
    """Return the keys that ssh-keysign may sign with, each with its certificate before it, if it has one.

    Args:
        keysign: the program.
        keys: public keys, in any form of `load_public_keys`; None: those that the system has.
        certs: certificates, as the option `client_host_certs`.

    Raises:
        OSError, KeyImportError: one that was named cannot be used.
    """
    known = await load_certs(certs)
    beside = certs is not None
    load = functools.partial(_pairs, keysign, keys, known, look_beside=beside)
    return await asyncio.get_running_loop().run_in_executor(None, load)


def _pairs(keysign: Keysign, keys: Any, certs: Sequence[Certified], *, look_beside: bool) -> list[SSHKeyPair]:
    pairs: list[SSHKeyPair] = []
    for entry in _system_keys() if keys is None else keys if isinstance(keys, (list, tuple)) else [keys]:
        # A certificate lies beside the private key, by the name of that.
        private = Path(entry).with_suffix("") if str(entry).endswith(".pub") else entry
        for public in load_public_keys(entry):
            for certificate in certificates_of(private, public, None, certs, look_beside=look_beside):
                certified = KeysignKeyPair(public, keysign)
                certified.set_certificate(certificate)
                pairs.append(certified)
            pairs.append(KeysignKeyPair(public, keysign))
    return pairs


def _system_keys() -> list[Path]:
    found = []
    for directory in KEY_DIRECTORIES:
        for name in KEY_FILES:
            path = Path(directory, f"{name}.pub")
            try:
                load_public_keys(path)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                logger.warning("%s is not used: %s", path, plain(error))
                continue
            found.append(path)
    return found
