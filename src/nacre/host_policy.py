"""What a client does with the key that a host shows: the verdict, and what is kept of it.

Owns: StrictHostKeyChecking and VerifyHostKeyDNS (ssh_config(5)), the questions to the program, and that a key is
written to known_hosts. Must not know: the connection, or the messages of the key exchange.

What is revoked is refused, whatever else says so. Then a fingerprint in the DNS counts, where it is asked for
and came safely; then what known_hosts has; then the program or the policy.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from nacre.aio.log import logger
from nacre.aio.tasks import settle
from nacre.config_alone import alone, is_too_short
from nacre.errors import HostKeyNotVerifiable, NotSupportedYet
from nacre.host_certificates import Authority, certificate_refusal, find_authority, misfit
from nacre.host_fingerprints import DnsVerdict, ask_dns
from nacre.host_trust import HostTrust, Standing, require_files
from nacre.keys import SSHCertificate, SSHKey, X509Chain
from nacre.keys.shown import Shown
from nacre.profiles import rsa_bits
from nacre.trust.known_hosts_changes import Kept, Outcome, keep_key
from nacre.trust.policy import HostKeyChecking, Wish
from nacre.wire.record import record
from nacre.x509_login import check_host_chain

if TYPE_CHECKING:
    from nacre.client import SSHClient
    from nacre.options import SSHClientConnectionOptions

__all__ = [
    "Grounds",
    "HostKeyJudge",
    "Judgement",
    "known_key",
    "require_trust",
    "without_what_a_liar_could_use",
]


class Grounds(Enum):
    """Why a key is believed.

    USERS: it stands in the user's file under the host's own name.
    CONFIRMED: the program was asked, and it was kept.
    OTHER: anything else: a pattern, another file, an authority, the program for this connection, a new key.
    CHANGED: it is not: the user wants to go on all the same.
    """

    USERS = "users"
    CONFIRMED = "confirmed"
    OTHER = "other"
    CHANGED = "changed"


@record
class Judgement:
    """A key that the connection goes on with.

    Attributes:
        key: the key, without a certificate around it.
        grounds: why.
    """

    key: SSHKey
    grounds: Grounds


#: What is off where the key has changed and the user goes on: whoever is there could use it elsewhere.
_OFF: Final = {
    "password_auth": False,
    "kbdint_auth": False,
    "agent_forwarding": False,
    "x11_forwarding": False,
}


def without_what_a_liar_could_use(options: SSHClientConnectionOptions) -> SSHClientConnectionOptions:
    """Return options with which nobody learns a password and nothing is forwarded, as ssh has it."""
    return options.completed(_OFF, tuple(_OFF))


def require_trust(options: SSHClientConnectionOptions) -> None:
    """Raise what is wrong with a file, or missing, now: nobody is to be called in vain.

    Raises:
        OSError, KeyImportError: a file cannot be read.
        NotSupportedYet: the DNS is to be asked, and there is nothing to ask it with.
    """
    require_files(options.known_hosts, options.revoked_host_keys, options.strict_host_key_checking)
    if options.verify_host_key_dns is not Wish.NO and options.sshfp_resolver is None:
        from nacre.sshfp import has_resolver  # few programs ask

        if not has_resolver():
            raise NotSupportedYet(
                "verify_host_key_dns without dnspython", "pip install 'nacre[dns]', or give sshfp_resolver"
            )


def known_key(options: SSHClientConnectionOptions, trust: HostTrust, shown: Shown) -> Judgement | None:
    """Return the judgement where nobody has to be asked: of a key that known_hosts has. None: see `HostKeyJudge`."""
    if not isinstance(shown, SSHKey) or options.verify_host_key_dns is not Wish.NO:
        return None
    if trust.standing(shown) is not Standing.TRUSTED or is_too_short(shown.public_data, options):
        return None
    return Judgement(shown, Grounds.USERS if trust.is_users(shown) else Grounds.OTHER)


def vouched_for(trust: HostTrust, shown: Shown) -> Judgement:
    """Return the judgement of a key that GSS-API says is the host's: unknown or changed, it is (RFC 4462 section 2.1).

    Raises:
        HostKeyNotVerifiable: it is revoked, whoever vouches for it.
    """
    if isinstance(shown, X509Chain):
        shown = shown.key
    if not trust.is_revoked(shown):
        return Judgement(shown.key if isinstance(shown, SSHCertificate) else shown, Grounds.OTHER)
    if isinstance(shown, SSHCertificate):
        raise certificate_refusal(trust, shown, Authority.REVOKED)
    raise trust.refusal(shown)


class _Contradicted(HostKeyNotVerifiable):
    """A key is not kept, since another one was, or it was revoked, while we were about it."""


class HostKeyJudge:
    """Judges the key of one host.

    Args:
        options: of the connection.
        owner: the program's callbacks.
        trust: what is believed of the host.
        where: the host, its address and the port, as callbacks are told them.
        told: called with what the DNS says, before the program is asked.
    """

    def __init__(
        self,
        options: SSHClientConnectionOptions,
        owner: SSHClient,
        trust: HostTrust,
        where: tuple[str, str, int],
        told: Callable[[DnsVerdict], None],
    ) -> None:
        self._checking: HostKeyChecking = options.strict_host_key_checking
        self._options = options
        self._owner = owner
        self._trust = trust
        self._where = where
        self._told = told
        self._dns = DnsVerdict.NOT_ASKED

    async def judge(self, shown: Shown) -> Judgement:
        """Return what the connection goes on with.

        Args:
            shown: the key, a certificate, or a chain of X.509, as the host has shown it.

        Raises:
            HostKeyNotVerifiable: it does not; the message is for our user, not for the host.
        """
        self._require_length(shown)
        if isinstance(shown, X509Chain):
            # Only where a root is trusted was it asked for: what it says counts, and nothing else.
            check_host_chain(self._options, self._trust, shown, time.time())
            return Judgement(shown.key, Grounds.OTHER)
        key = shown.key if isinstance(shown, SSHCertificate) else shown
        if not self._trust.is_revoked(shown) and not self._trust.anything:
            self._dns = await ask_dns(self._options, self._where[0], key)
            if self._dns is not DnsVerdict.NOT_ASKED:
                self._told(self._dns)
            if self._dns is DnsVerdict.VOUCHED:
                return Judgement(key, Grounds.OTHER)
        if isinstance(shown, SSHCertificate):
            return await self._judge_certificate(shown)
        return await self._judge_key(shown)

    def _require_length(self, shown: Shown) -> None:
        """Refuse an RSA key that the configuration has too short, whoever vouches for it."""
        key = shown if isinstance(shown, SSHKey) else shown.key
        if is_too_short(key.public_data, self._options):
            raise HostKeyNotVerifiable(
                f"the host key of {self._trust.name()} has {rsa_bits(key.public_data)} bits; RequiredRSASize has"
                f" {alone(self._options).rsa_bits} as the least"
            )

    async def _judge_key(self, key: SSHKey) -> Judgement:
        match self._trust.standing(key):
            case Standing.TRUSTED:
                grounds = Grounds.USERS if self._trust.is_users(key) else Grounds.OTHER
            case Standing.UNKNOWN:
                grounds = await self._meet(key)
            case Standing.CHANGED:
                grounds = await self._meet_changed(key)
            case Standing.REVOKED:
                raise self._trust.refusal(key)
        return Judgement(key, grounds)

    async def _meet(self, key: SSHKey) -> Grounds:
        """Decide about a key that is not known."""
        match self._checking:
            case HostKeyChecking.YES:
                await self._ask(key)
                return Grounds.OTHER
            case HostKeyChecking.ASK:
                await self._ask(key)
                await self._keep(key)
                return Grounds.CONFIRMED
            case HostKeyChecking.ACCEPT_NEW:
                if self._dns is DnsVerdict.DENIED:
                    raise self._trust.refusal(key, "the DNS has other fingerprints for it")
                await self._keep(key)
            case HostKeyChecking.NO:
                try:
                    await self._keep(key)
                except _Contradicted as error:
                    return self._go_on(error)
                except HostKeyNotVerifiable as error:
                    logger.warning("%s", error.reason)
        return Grounds.OTHER

    async def _meet_changed(self, key: SSHKey) -> Grounds:
        """Decide about a key where another one is known."""
        match self._checking:
            case HostKeyChecking.YES:
                await self._ask(key)
                return Grounds.OTHER
            case HostKeyChecking.NO:
                return self._go_on(self._trust.refusal(key))
        raise self._trust.refusal(key)

    def _go_on(self, refusal: HostKeyNotVerifiable) -> Grounds:
        logger.warning("%s", refusal.reason)
        logger.warning("passwords are not given to %s, and nothing is forwarded", self._trust.name())
        return Grounds.CHANGED

    async def _ask(self, key: SSHKey) -> None:
        """Ask the program; unless it says yes, the key is refused."""
        if not await settle(self._owner.validate_host_public_key(*self._where, key)):
            raise self._trust.refusal(key)

    async def _keep(self, key: SSHKey) -> None:
        """Write a key to the user's file; one that cannot be kept would be new again the next time."""
        trust = self._trust
        if not trust.files:
            raise trust.refusal(key, "there is no file to keep it in: name one with known_hosts")
        if not self._where[0] and self._options.host_key_alias is None:
            # Who calls us (`listen_reverse`) comes from another port each time, and would be new each time.
            raise trust.refusal(key, "it has no name to be kept under: give host_key_alias")
        path = trust.files[0]
        hashed = self._options.hash_known_hosts
        try:
            keeping: Any = asyncio.to_thread(keep_key, path, trust.host, trust.port, key, hashed)
            outcome: Outcome = await settle(keeping)
        except (OSError, ValueError) as error:
            raise trust.refusal(key, f"it cannot be kept in {path}: {error}") from None
        match outcome.kept:
            case Kept.CONFLICT:
                told = trust.refusal(key, f"another one was written to {path}:{outcome.line} meanwhile")
                raise _Contradicted(told.reason)
            case Kept.ADDED:
                shown = trust.shows(key)
                logger.info("%s:%d: the host key of %s is kept: %s", path, outcome.line, trust.name(), shown)

    async def _judge_certificate(self, shown: SSHCertificate) -> Judgement:
        trust = self._trust
        standing = find_authority(trust, shown)
        if standing is Authority.UNKNOWN:
            if await settle(self._owner.validate_host_ca_key(*self._where, shown.signing_key)):
                standing = Authority.TRUSTED
            elif self._checking.keeps:
                # As ssh has it: a certificate by nobody in particular is a key like another.
                return await self._judge_key(shown.key)
        if standing is Authority.TRUSTED:
            why = misfit(trust, shown, time.time(), self._options)
            if why:
                raise certificate_refusal(trust, shown, standing, why)
        elif standing is not Authority.KEY_TRUSTED:
            raise certificate_refusal(trust, shown, standing)
        return Judgement(shown.key, Grounds.OTHER)
