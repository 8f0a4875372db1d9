"""The server's answers in authentication: who may come in, and with what restrictions.

Owns: which methods a user is offered, the verdict on each credential, what the key that logged in
permits. Must not know: messages, or the connection object beyond its options and callbacks.

Anything but a clear yes is a no; what a callback raises is reported by the caller and is a no too.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nacre.aio.log import plain
from nacre.aio.tasks import settle
from nacre.config_server_alone import is_too_short, server_alone
from nacre.errors import PasswordChangeRequired
from nacre.gss import Context, of_server
from nacre.keys import SSHCertificate, SSHKey, X509Chain
from nacre.login_restrictions import LoginRestrictions
from nacre.profiles import takes_user_key
from nacre.protocol import events
from nacre.signature_lists import hostbased_algorithms, publickey_algorithms
from nacre.trust import AuthorizedKeyVerdict, SSHAuthorizedKeys, remembered_authorized_keys
from nacre.trust.presence import PRESENCE_OPTIONS, describe_missing, login_proof
from nacre.x509_login import vouching

if TYPE_CHECKING:
    from nacre.client_hosts import ClientHosts
    from nacre.config_commands import LoginCommands
    from nacre.options import SSHServerConnectionOptions
    from nacre.server import SSHServer
    from nacre.trust.revocation import KeyRevocationList

#: The options of an authorized_keys line that this server enforces: of what can be forwarded there is the agent
#: alone, and no rc file is run at all; that and a terminal are asked of `check_key_permission`, the rest is done by
#: sessions.
ENFORCED: Final = frozenset(
    (
        "command",
        "environment",
        "no-pty",
        "pty",
        "restrict",
        "no-port-forwarding",
        "port-forwarding",
        "no-agent-forwarding",
        "agent-forwarding",
        "no-x11-forwarding",
        "x11-forwarding",
        "no-user-rc",
        "user-rc",
        "permitopen",
        "permitlisten",
        "tunnel",
        *PRESENCE_OPTIONS,
    )
)

_PASSWORD_PROMPT: Final = "Password:"  # noqa: S105 - a prompt


def read_revoked(revoked: Any) -> KeyRevocationList | None:
    """Return what the option `revoked_keys` names, as its file is now. OSError, KeyImportError."""
    if revoked is None:
        return None
    from nacre.trust.revocation import revocation_list  # few servers have one

    return revocation_list(revoked)


def read_authorized(keys: Any) -> SSHAuthorizedKeys | None:
    """Return authorized keys from what a program gives: an object, a file, several, or None.

    A line of a file that cannot be used admits nobody, and leaves the others alone.
    """
    if keys is None or isinstance(keys, SSHAuthorizedKeys):
        return keys
    return remembered_authorized_keys(keys)


async def _yes(value: Any, limit: float | None) -> bool:
    return _verdict(await settle(value, limit)) is True


class ServerAuthenticator:
    """Answers the questions of one server connection.

    Args:
        options: the options of the connection.
        server: the program's callbacks.
        client_addr: the client's address, for `from=`.
        logger: where refusals are explained.
        client_port: the client's port.
    """

    def __init__(
        self,
        options: SSHServerConnectionOptions,
        server: SSHServer,
        client_addr: str | None,
        logger: Any,
        client_port: int = 0,
    ) -> None:
        self._options = options
        self._server = server
        self._client_addr = client_addr
        self._logger = logger
        # One callback that hangs leaves the client time for another try.
        self._limit = options.login_timeout / 2 or None
        self._authorized: SSHAuthorizedKeys | None = None
        self._commands: LoginCommands | None = None
        #: Whether a dialogue asks for the password, and nothing else.
        self.dialogue_by_password = False
        #: Of the keys and certificates that have signed.
        self.restrictions = LoginRestrictions()
        self._revoked: KeyRevocationList | None = None
        self._client_host: str | None = None
        self._where = client_addr, client_port
        self._client_hosts: ClientHosts | None = None
        self._gss_auth = options.gss_auth and of_server(options) is not None
        #: The context of the principal that was let in.
        self.gss: Context | None = None

    def set_authorized_keys(self, keys: Any) -> None:
        """Have keys checked against these, for the user that is logging in, and nothing else asked about them."""
        self._authorized, self._commands = read_authorized(keys), None

    def use_commands(self, commands: LoginCommands | None) -> None:
        """Have programs asked about keys that no line lets in."""
        self._commands = commands

    async def _settle(self, value: Any) -> Any:
        """Return what a callback answers; none in time is an error, and so a no."""
        return await settle(value, self._limit)

    @property
    def _hosts(self) -> ClientHosts:
        if self._client_hosts is None:
            from nacre.client_hosts import ClientHosts  # few servers ask about hosts

            # Not with a method of ours, by which this would hold itself.
            yes = partial(_yes, limit=self._limit)
            self._client_hosts = ClientHosts(self._options, self._server, *self._where, yes, self._logger)
        return self._client_hosts

    async def client_host(self) -> str | None:
        """Return the client's name, if it has one that leads back to its address."""
        return await self._hosts.name()

    # ------------------------------------------------------------ what is offered

    async def begin(self, event: events.AuthBegin) -> events.AuthPolicy:
        """Return what is asked of a user."""
        # A new user name starts everything over: what a key of another user permitted too.
        self.restrictions = LoginRestrictions()
        self.gss = None
        self._authorized = read_authorized(self._options.authorized_client_keys)
        self._revoked = read_revoked(self._options.revoked_keys)
        self.dialogue_by_password = False
        if self._options.rdns_lookup:
            self._client_host = await self._hosts.name()
        required = self._server.begin_auth(event.username)
        if type(required) is not bool:
            required = await self._settle(required)
        if required is False:
            return events.AuthPolicy(required=False)
        methods = ["gssapi-keyex", "gssapi-with-mic"] if self._gss_auth else []
        if self._options.public_key_auth and (
            self._authorized is not None or await self._settle(self._server.public_key_auth_supported())
        ):
            methods.append("publickey")
        if self._options.host_based_auth and await self._hosts.supported():
            methods.append("hostbased")
        passwords = self._server.password_auth_supported()
        if type(passwords) is not bool:
            passwords = bool(await self._settle(passwords))
        if self._options.kbdint_auth:
            supported: Any = self._server.kbdint_auth_supported()
            if supported is not NotImplemented:
                supported = await self._settle(supported)
            self.dialogue_by_password = supported is NotImplemented
            # With passwords switched off, a dialogue that asks for one is off too.
            if (passwords and self._options.password_auth) if supported is NotImplemented else supported:
                methods.append("keyboard-interactive")
        if self._options.password_auth and passwords:
            methods.append("password")
        options = self._options
        return events.AuthPolicy(
            True, tuple(methods), publickey_algorithms(options), hostbased_algorithms(options)
        )

    # ------------------------------------------------------------ credentials

    async def public_key(self, event: events.PublicKeyQuestion) -> bool | events.Partial:
        """Return whether a key or certificate may log the user in. A mere query decides nothing."""
        shown = event.shown
        key = shown.key if isinstance(shown, X509Chain) else shown
        if self._revoked is not None and self._revoked.revokes(key):
            self._logger.info("a %s for %s was refused: revoked", shown.algorithm, plain(event.username))
            return False
        if not takes_user_key(self._options.profile, key):
            self._logger.info(
                "a %s for %s was refused by the profile", shown.algorithm, plain(event.username)
            )
            return False
        if is_too_short(key, self._options):
            self._logger.info(
                "a %s for %s was refused: it has fewer bits than RequiredRSASize",
                shown.algorithm, plain(event.username),
            )  # fmt: skip
            return False
        if isinstance(shown, SSHCertificate):
            return await self._certificate(event, shown)
        if isinstance(shown, X509Chain):
            return self._chain(event, shown)
        judged = self._judged(shown)
        options = None if judged is None else self._options_of(judged)
        if options is None and self._commands is not None:
            said = await self._commands.keys(shown, self._limit)
            printed = said.judge(shown, self._client_host, self._client_addr, ENFORCED)
            options = self._options_of(printed)
            judged = printed if printed.line else judged
        verdict: bool | events.Partial = options is not None
        if options is None:
            verdict = _verdict(await self._settle(self._server.validate_public_key(event.username, shown)))
        if not verdict:
            self._tell_of_unknown(event.username, shown, judged)
            return False
        if not self._proves(event, shown, options):
            return False
        why = self.restrictions.refusal(options)
        if why:
            self._logger.info("a %s for %s was refused: %s", shown.algorithm, plain(event.username), why)
            return False
        # Only a key that has signed restricts the login, and it does so through all that follows.
        if event.verified:
            self.restrictions.add(options)
        return verdict

    def _proves(
        self,
        event: events.PublicKeyQuestion,
        shown: SSHKey | SSHCertificate,
        line: Mapping[str, object] | None,
    ) -> bool:
        """Return whether a signature proves what is asked of it; a mere query has none to judge."""
        wanted = login_proof(shown, line, server_alone(self._options).key_proof)
        if not event.verified or wanted in event.proof:
            return True
        self._logger.info(
            "a %s for %s was refused: %s",
            shown.algorithm, plain(event.username), describe_missing(wanted, event.proof),
        )  # fmt: skip
        return False

    def _chain(self, event: events.PublicKeyQuestion, chain: X509Chain) -> bool:
        """Return whether a chain of X.509 certificates may log the user in."""
        try:
            line = self._chain_options(event, chain)
        except ValueError as error:
            self._logger.info(
                "the X.509 certificate of %s for %s was refused: %s",
                plain(chain.certificate.subject), plain(event.username), plain(error),
            )  # fmt: skip
            return False
        if not self._proves(event, chain.key, line):
            return False
        if event.verified:
            self.restrictions.add(line)
        return True

    def _chain_options(self, event: events.PublicKeyQuestion, chain: X509Chain) -> Mapping[str, object]:
        """Return the options of the line of authorized_keys that admits a chain.

        A list decides who may come in: a root vouches for far more people than should. Without one nobody may.

        Raises:
            ValueError: no line does, or it keeps it out.
        """
        if self._authorized is None:
            raise ValueError("a line of authorized_client_keys must admit it, and there are none")
        judged = self._authorized.judge_chain(
            chain, event.username, self._client_host, self._client_addr, ENFORCED,
            vouching(self._options, chain, time.time(), self._revoked),
        )  # fmt: skip
        line = self._options_of(judged)
        if line is None:
            raise ValueError(judged.reason or "no line of authorized_keys admits it")
        why = self.restrictions.refusal(line)
        if why:
            raise ValueError(why)
        return line

    def _judged(self, key: SSHKey) -> AuthorizedKeyVerdict | None:
        if self._authorized is None:
            return None
        return self._authorized.judge(key, self._client_host, self._client_addr, ENFORCED)

    def _tell_of_unknown(self, username: str, key: SSHKey, judged: AuthorizedKeyVerdict | None) -> None:
        """Say which key nobody has let in; what is wrong with a line that has it was said."""
        if (judged is None or not judged.line) and self._logger.isEnabledFor(logging.INFO):
            why = "the program does not take it" if judged is None else "it is not in authorized_keys"
            self._logger.info(
                "a %s %s for %s was refused: %s", key.algorithm, self._fingerprint(key), plain(username), why
            )

    def _fingerprint(self, key: SSHKey) -> str:
        return key.get_fingerprint(server_alone(self._options).fingerprint_hash)

    def _options_of(self, judged: AuthorizedKeyVerdict) -> Mapping[str, object] | None:
        if judged.options is None and judged.line:
            self._logger.info("authorized_keys line %d: %s", judged.line, judged.reason)
        return judged.options

    async def _certificate(
        self, event: events.PublicKeyQuestion, certificate: SSHCertificate
    ) -> bool | events.Partial:
        """Return whether a certificate may log the user in.

        What it says restricts, and so does the line that trusts its authority: both hold.
        """
        from nacre.user_certificates import check_source_address, check_user_certificate  # few users have one

        username = event.username
        try:
            check_user_certificate(certificate, time.time(), self._options)
        except ValueError as error:
            return self._refuse(certificate, username, str(error))
        options, untrusted = None, "its authority is not trusted"
        if self._authorized is not None:
            judged = self._authorized.judge_certificate(
                certificate, username, self._client_host, self._client_addr, ENFORCED
            )
            options = self._options_of(judged)
            untrusted = judged.reason or untrusted
        for ask in () if self._commands is None else (self._commands.principals, self._commands.keys):
            if options is None:
                said = await ask(certificate, self._limit)
                options = self._options_of(
                    said.judge_certificate(
                        certificate, username, self._client_host, self._client_addr, ENFORCED
                    )
                )
        verdict: bool | events.Partial = options is not None
        if options is None:
            if not certificate.names(username):
                return self._refuse(certificate, username, "it is for other names")
            asked = self._server.validate_ca_key(username, certificate.signing_key)
            verdict = _verdict(await self._settle(asked))
            if verdict is False:
                return self._refuse(certificate, username, untrusted)
        try:
            check_source_address(certificate, self._client_addr)
        except ValueError as error:
            return self._refuse(certificate, username, str(error))
        why = self.restrictions.refusal(options, certificate)
        if why:
            return self._refuse(certificate, username, why)
        if not self._proves(event, certificate, options):
            return False
        if event.verified:
            self.restrictions.add(options, certificate)
        return verdict

    def _refuse(self, certificate: SSHCertificate, username: str, why: str) -> bool:
        self._logger.info(
            "certificate %s (serial %d) for %s was refused: %s",
            plain(repr(certificate.key_id)), certificate.serial, plain(username), plain(why),
        )  # fmt: skip
        return False

    def key_refused(self, event: events.KeyRefused) -> None:
        """Say why a key was not asked about: its user wonders, and the one who runs the server too."""
        self._logger.info(
            "a key of type %s for %s was refused: %s",
            plain(event.algorithm), plain(event.username), plain(event.reason),
        )  # fmt: skip

    async def host_based(self, event: events.HostbasedQuestion) -> bool | events.Partial:
        """Return whether a host may vouch for a user: it is believed, and the program lets its user in."""
        host = await self._hosts.believed(event, self._revoked)
        if host is None:
            return False
        asked = self._server.validate_host_based_user(event.username, host, event.client_username)
        verdict = _verdict(await self._settle(asked))
        if verdict is False:
            self._logger.info(
                "%s of host %s was refused for %s",
                plain(event.client_username), plain(host), plain(event.username),
            )  # fmt: skip
        return verdict

    async def principal(self, event: events.GssPrincipalQuestion) -> bool | events.Partial:
        """Return whether a principal of GSS-API may log in as the user."""
        context = event.context
        if not isinstance(context, Context):
            return False
        user, host = context.initiator, context.acceptor
        if not user or not host:
            return False
        verdict = _verdict(
            await self._settle(self._server.validate_gss_principal(event.username, user, host))
        )
        if verdict:
            self.gss = context
        else:
            self._logger.info("principal %s may not log in as %s", plain(user), plain(event.username))
        return verdict

    async def password(self, event: events.PasswordQuestion) -> Any:
        """Return whether a password is right, or that it has expired."""
        server = self._server
        try:
            if event.new_password is None:
                return _verdict(await self._settle(server.validate_password(event.username, event.password)))
            changed = server.change_password(event.username, event.password, event.new_password)
            return _verdict(await self._settle(changed))
        except PasswordChangeRequired as expired:
            return events.PasswordExpired(expired.prompt, expired.lang)

    async def begin_dialogue(self, event: events.KbdintQuestion) -> Any:
        """Return the first challenge of a dialogue, or a verdict."""
        if self.dialogue_by_password:
            return events.Challenge(prompts=((_PASSWORD_PROMPT, False),))
        answer = self._server.get_kbdint_challenge(event.username, event.lang, event.submethods)
        return _challenge(await self._settle(answer))

    async def answer_dialogue(self, event: events.KbdintResponses) -> Any:
        """Return the next challenge, or a verdict."""
        if not self.dialogue_by_password:
            answer = self._server.validate_kbdint_response(event.username, list(event.responses))
            return _challenge(await self._settle(answer))
        if len(event.responses) != 1:
            return False
        try:
            return _verdict(
                await self._settle(self._server.validate_password(event.username, event.responses[0]))
            )
        except PasswordChangeRequired:
            # RFC 4256 has no way to change a password: the method "password" has.
            return False


def _verdict(value: Any) -> bool | events.Partial:
    if isinstance(value, events.Partial):
        return value
    # These two are true to Python, and no yes of anybody.
    return value is not NotImplemented and not isinstance(value, BaseException) and bool(value)


def _challenge(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        name, instructions, lang, prompts = value
        return events.Challenge(
            name, instructions, lang, tuple((str(prompt), bool(echo)) for prompt, echo in prompts)
        )
    if isinstance(value, str):  # true to Python; a challenge was meant
        raise TypeError("a challenge is a tuple of name, instructions, language and prompts, not a str")
    return _verdict(value)
