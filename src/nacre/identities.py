"""The keys that a client logs in with: those of its agent, then those of its options or its user's files, with their certificates.

Owns: which are used, and what happens with those that cannot be. Must not know: the login itself.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import socket
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from nacre.aio.key_loading import LockedKeyPair, load_certs, load_private_keys
from nacre.aio.log import logger, plain
from nacre.aio.tasks import settle
from nacre.config_alone import alone
from nacre.errors import Error, KeyImportError
from nacre.keys import (
    Certified,
    SSHCertificate,
    SSHKey,
    SSHKeyPair,
    SSHX509Certificate,
    decode_shown_key,
    load_certificates,
    load_public_keys,
)
from nacre.keys.identity_files import identity_files, read_identity

if TYPE_CHECKING:
    from nacre.options import SSHClientConnectionOptions


async def load_client_keys(options: SSHClientConnectionOptions) -> list[SSHKeyPair]:
    """Return the keys to try: the agent's; those of tokens; those of the options, else the user's own files.

    A key that the agent has too is tried once, by the agent.

    Raises:
        OSError, KeyImportError, KeyEncryptionError: a key that was named cannot be used.
    """
    if not options.public_key_auth or options.client_keys is None:
        return []
    certificates = await load_certs(options.client_certs)
    found = {pair.public_data: pair for pair in await _agent_keys(options, certificates)}
    for pair in [*await _token_keys(options, certificates), *await _own_keys(options, certificates)]:
        found.setdefault(pair.public_data, pair)
    shown = [pair.cert for pair in found.values()]
    for certificate in certificates:
        if isinstance(certificate, SSHCertificate) and certificate not in shown:
            logger.log(
                logging.WARNING if options.is_given("client_certs") else logging.INFO,
                "a certificate is not used: there is no key here that it is about: %s",
                plain(repr(certificate)),
            )
    return list(found.values())


async def _token_keys(
    options: SSHClientConnectionOptions, certificates: Sequence[Certified]
) -> Sequence[SSHKeyPair]:
    """Return the keys on the tokens of a PKCS#11 library, each with its certificate before it, if there is one."""
    if options.pkcs11_provider is None:
        return []
    from nacre.aio.pkcs11_keys import load_pkcs11_keys  # for those who have one

    load = functools.partial(load_pkcs11_keys, options.pkcs11_provider, options.pkcs11_pin)
    pairs = await asyncio.get_running_loop().run_in_executor(None, load)
    if not pairs:
        why = ": most tokens show none without pkcs11_pin" if options.pkcs11_pin is None else ""
        logger.warning("there are no keys in the tokens of %s%s", options.pkcs11_provider, why)
    return _with_certificates(pairs, certificates)


async def _own_keys(
    options: SSHClientConnectionOptions, certificates: Sequence[Certified]
) -> list[SSHKeyPair]:
    certs = None if options.client_certs is None else certificates
    if options.is_given("client_keys"):
        if options.client_keys in ("", b""):  # no file: what programs have whose setting is not set
            return []
        ignore = options.ignore_encrypted is True
        return await load_private_keys(options.client_keys, options.passphrase, ignore, certs, later=True)
    found = []
    for path in identity_files():
        try:
            ignore = options.ignore_encrypted is not False
            found += await load_private_keys(path, options.passphrase, ignore, certs, later=True)
        except (OSError, ValueError) as error:
            logger.warning("a key is not used: %s", plain(error))
    return found


def agent_of(options: SSHClientConnectionOptions) -> Any:
    """Return the user's agent: its socket, or a server's connection whose client forwards it; None: there is none."""
    if options.agent_path == ():
        return os.environ.get("SSH_AUTH_SOCK") if hasattr(socket, "AF_UNIX") else None
    return options.agent_path


async def _agent_keys(
    options: SSHClientConnectionOptions, certificates: Sequence[Certified]
) -> Sequence[SSHKeyPair]:
    """Return the agent's keys, each with its certificate before it, if there is one.

    An agent that cannot be used is one less to ask, not an error.
    """
    path = agent_of(options)
    if not path:
        return []
    from nacre.agent.client import connect_agent  # for those who have one

    wanted = [_public_blob(entry) for entry in options.agent_identities]
    try:
        # An agent may ask its user before it lists its keys: it has as long as the login.
        async with asyncio.timeout(options.login_timeout or None), connect_agent(path) as agent:
            return _with_certificates(await agent.get_keys(wanted), certificates)
    except (OSError, ValueError, Error) as error:
        level = logging.WARNING if options.is_given("agent_path") else logging.INFO
        where = f" {path}" if isinstance(path, (str, PurePath)) else ""
        logger.log(level, "the agent%s is not used: %s", where, plain(error) or "it does not answer")
        return []


async def hand_to_agent(options: SSHClientConnectionOptions, keys: Sequence[SSHKeyPair]) -> None:
    """Hand keys that have logged in to the user's agent, where the configuration says so (AddKeysToAgent).

    As by ssh, only keys whose private part was read here, without their certificates; an agent that cannot be used,
    or does not want them, is no obstacle.
    """
    terms, path = alone(options).agent_keys, agent_of(options)
    opened = [pair.opened_key() if isinstance(pair, LockedKeyPair) else pair.key for pair in keys]
    private = [key for key in opened if key is not None]
    if terms is None or not private or not isinstance(path, (str, PurePath)) or not path:
        return
    from nacre.agent.client import connect_agent  # for those who have one

    async def hand() -> None:
        async with connect_agent(path) as agent:
            await agent.add_keys(private, lifetime=terms.lifetime, confirm=terms.confirm)

    try:
        handing: Any = hand()
        await settle(handing, options.login_timeout or None)
    except (OSError, ValueError, Error) as error:
        logger.info("a key is not handed to the agent: %s", plain(error) or "it does not answer")


async def load_client_host_keys(options: SSHClientConnectionOptions) -> list[SSHKeyPair]:
    """Return the keys by which this machine can vouch for its user, in order.

    Raises:
        OSError, KeyImportError, KeyEncryptionError: a key that was named cannot be used.
        ValueError: ssh-keysign is wanted and is not there.
    """
    if not options.host_based_auth or not (options.client_host_keys or options.client_host_keysign):
        return []
    from nacre.host_identity import host_keys_of  # few hosts vouch for their users

    return await host_keys_of(options)


def _with_certificates(pairs: Sequence[SSHKeyPair], certificates: Sequence[Certified]) -> list[SSHKeyPair]:
    found: list[SSHKeyPair] = []
    for pair in pairs:
        for certificate in certificates:
            if certificate.key.public_data == pair.key_data:
                from copy import copy  # of the keys of agents that a certificate is given for

                certified = copy(pair)
                certified.set_certificate(certificate)
                found.append(certified)
        found.append(pair)
    return found


def _public_blob(entry: Any) -> bytes:
    """Return the blob of one entry of `agent_identities`.

    Raises:
        OSError, KeyImportError, TypeError: it is none.
    """
    if isinstance(entry, (SSHKey, SSHKeyPair, SSHCertificate)):
        return entry.public_data
    if isinstance(entry, bytes):
        try:
            return decode_shown_key(entry).public_data
        except KeyImportError:
            pass  # then it is a file's content
    is_file = isinstance(entry, (str, PurePath))
    try:
        keys: Sequence[SSHKey | SSHCertificate | SSHX509Certificate] = (
            [read_identity(entry)] if is_file else load_public_keys(entry)
        )
    except KeyImportError:
        try:
            keys = load_certificates(entry)
        except KeyImportError:
            keys = []
        if not keys:
            raise
    if len(keys) != 1:
        raise KeyImportError(f"agent_identities: {len(keys)} keys where one is expected")
    return keys[0].public_data
