"""The client's answers in authentication: which credential is tried next, and what it says.

Owns: the order of methods and keys, the algorithm of an RSA signature, the default answers to
prompts. Must not know: messages, the connection object beyond its options and callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from nacre.aio.key_loading import load_private_keys
from nacre.aio.log import logger, plain
from nacre.aio.tasks import settle
from nacre.keys import SSHKeyPair, default_signature_algorithms
from nacre.protocol import events
from nacre.protocol.settings import Info

if TYPE_CHECKING:
    from nacre.client import SSHClient
    from nacre.options import SSHClientConnectionOptions


class ClientAuthenticator:
    """Answers the questions of one client connection.

    Args:
        options: the options of the connection.
        client: the program's callbacks.
        keys: the keys to try first.
        info: what the protocol knows of the connection.
    """

    def __init__(
        self, options: SSHClientConnectionOptions, client: SSHClient, keys: list[SSHKeyPair], info: Info
    ) -> None:
        self._options = options
        self._client = client
        self._keys = list(keys)
        self._info = info
        self._key: SSHKeyPair | None = None
        self._password_used = False
        self._password: str | None = None
        self._methods: list[str] = []
        self._dialogue_by_password = False
        self._dialogue_answered = False
        self._attempts: Mapping[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "publickey": self._public_key,
            "keyboard-interactive": self._keyboard,
            "password": self._next_password,
        }

    async def next_attempt(self, event: events.AuthNeeded) -> Any:
        """Return what to try next, or None when there is nothing left."""
        if event.password_changed is not None:
            changed = event.password_changed
            (self._client.password_changed if changed else self._client.password_change_failed)()
        allowed = {
            "publickey": self._options.public_key_auth,
            "keyboard-interactive": self._options.kbdint_auth,
            "password": self._options.password_auth,
        }
        for method in self._options.preferred_auth:
            if method in event.methods and allowed.get(method):
                attempt = await self._attempts[method]()
                if attempt is not None:
                    return attempt
        return None

    # ------------------------------------------------------------ publickey

    async def _public_key(self) -> events.PublicKeyAttempt | None:
        while True:
            if not self._keys:
                more = await settle(self._client.public_key_auth_requested())
                if not more:
                    return None
                self._keys = await settle(load_private_keys(more, self._options.passphrase))
                if not self._keys:
                    return None
            key = self._keys.pop(0)
            algorithm = self._algorithm(key)
            if algorithm is not None:
                self._key = key
                return events.PublicKeyAttempt(algorithm, key.public_data)

    def _algorithm(self, key: SSHKeyPair) -> str | None:
        """Return the best signature algorithm that both ends take.

        A server that announces none (RFC 8308 section 3.1) is tried with our best one.
        """
        ours = self._options.signature_algs or default_signature_algorithms()
        theirs = self._info.server_sig_algs
        for name in key.sig_algorithms:
            if name in ours and (theirs is None or name in theirs):
                return name
        return None

    async def sign(self, event: events.SignatureNeeded) -> bytes | None:
        """Return the signature of the key that is being tried."""
        if self._key is None or self._key.public_data != event.key_blob:
            return None
        try:
            return await settle(self._key.sign_async(event.data, event.algorithm))
        except (OSError, ValueError) as error:  # an agent that refuses: another key may do
            logger.warning("%r is not used: %s", self._key, plain(error))
            return None

    # ------------------------------------------------------------ password

    async def _take_password(self) -> str | None:
        """Return a password that was not tried yet."""
        given = self._options.password
        if given is not None:
            if self._password_used:
                return None
            self._password_used = True
            value = await settle(given() if callable(given) else given)
            return None if value is None else str(value)
        answer = await settle(self._client.password_auth_requested())
        return None if answer is None else str(answer)

    async def _next_password(self) -> events.PasswordAttempt | None:
        self._password = await self._take_password()
        return None if self._password is None else events.PasswordAttempt(self._password)

    async def change_password(self, event: events.PasswordChangeQuestion) -> tuple[str, str] | None:
        """Return the old and the new password, or None."""
        answer = await settle(self._client.password_change_requested(event.prompt, event.lang))
        if answer is None or answer is NotImplemented:
            return None
        old, new = answer
        return str(old), str(new)

    # ------------------------------------------------------------ keyboard-interactive

    async def _keyboard(self) -> events.KbdintAttempt | None:
        if self._dialogue_answered:
            return None
        submethods = await settle(self._client.kbdint_auth_requested())
        if submethods is None:
            return None
        self._dialogue_by_password = submethods is NotImplemented
        if self._dialogue_by_password:
            self._password = await self._take_password()
            if self._password is None:
                return None
            # Should the server not take it here, the method "password" may try it too.
            self._password_used = False
            self._dialogue_answered = True
            return events.KbdintAttempt("")
        return events.KbdintAttempt(str(submethods))

    async def answer_challenge(self, event: events.KbdintChallenge) -> tuple[str, ...] | None:
        """Return the answers to a challenge, or None."""
        if not self._dialogue_by_password:
            answer = await settle(
                self._client.kbdint_challenge_received(
                    event.name, event.instructions, event.lang, event.prompts
                )
            )
            if answer is None or answer is NotImplemented:
                return None
            return tuple(str(text) for text in answer)
        if not event.prompts:
            return ()
        if len(event.prompts) == 1 and self._password is not None:
            prompt, _ = event.prompts[0]
            if "password" in prompt.lower():
                password, self._password = self._password, None
                return (password,)
        return None
