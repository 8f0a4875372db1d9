"""The client's answers in authentication: which credential is tried next, and what it says.

Owns: the order of methods and keys, the algorithm of an RSA signature, the default answers to
prompts. Must not know: messages, the connection object beyond its options and callbacks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

from nacre.aio.key_loading import load_private_keys, sign_beside
from nacre.aio.log import logger, plain
from nacre.aio.tasks import Report, being_cancelled, settle
from nacre.config_alone import alone, is_too_short
from nacre.errors import PermissionDenied, ProtocolError
from nacre.gss import asked_for
from nacre.gss import available as gss_available
from nacre.identities import hand_to_agent
from nacre.keys import X509_ALGORITHMS, SSHKeyPair, X509Chain, default_signature_algorithms, signature_of
from nacre.option_values import encodable
from nacre.profiles import tries_user_key
from nacre.protocol import events
from nacre.protocol.auth.client import NothingToTry
from nacre.protocol.settings import Info
from nacre.signature_lists import hostbased_algorithms, publickey_algorithms

if TYPE_CHECKING:
    from nacre.agent.session_keys import SessionKeys
    from nacre.client import SSHClient
    from nacre.host_identity import HostIdentity
    from nacre.options import SSHClientConnectionOptions


#: What a prompt has in it that asks for the password.
_PASSWORD_PROMPTS: Final = ("password", "passcode")
#: Types of keys that sign in some 30 µs.
_CHEAP: Final = frozenset({"ssh-ed25519", "ecdsa-sha2-nistp256"})
#: The methods of GSS-API.
_BY_TICKET: Final = frozenset({"gssapi-keyex", "gssapi-with-mic"})


class ClientAuthenticator:
    """Answers the questions of one client connection.

    Args:
        options: the options of the connection.
        client: the program's callbacks.
        keys: the keys to try first.
        info: what the protocol knows of the connection.
        report: told of what a callback raised; the method it belongs to is then given up.
        gss: whether there is what makes contexts of GSS-API.
        host: this machine, where it is to vouch for its user.
    """

    def __init__(
        self,
        options: SSHClientConnectionOptions,
        client: SSHClient,
        keys: list[SSHKeyPair],
        info: Info,
        report: Report,
        host: HostIdentity | None = None,
        *,
        gss: bool = False,
    ) -> None:
        self._options = options
        self._client = client
        self._users = keys
        self._keys = list(keys)
        self._info = info
        self._report = report
        self._host = host
        self._key: SSHKeyPair | None = None
        self._agents: SessionKeys | None = None
        self._signed_unasked = False
        self._password_used = False
        #: Whether the server takes a password as such, and the client may give it.
        self._password_asked_plainly = False
        self._password: str | None = None
        #: Whether the login changes a password: the program is told how that went.
        self.changing = False
        #: Methods that the program has no answer for; tried again once the server wants a next factor.
        self._given_up: set[str] = set()
        #: How often each method was tried, and what its callbacks raised: for the one who reads why it was in vain.
        self._tried: Counter[str] = Counter()
        self._failed: dict[str, BaseException | str] = {}
        #: Keys that the server was content with.
        self._factors: list[SSHKeyPair] = []
        #: Keys that were shown since the last factor, and the method that was tried last.
        self._shown: list[SSHKeyPair] = []
        self._last = ""
        self._dialogue_by_password = False
        self._dialogue_answered = False
        self._gss = gss and options.gss_auth
        self._attempts: Mapping[str, Callable[[], Coroutine[Any, Any, Any]]] = {
            "gssapi-keyex": lambda: self._gss_once("gssapi-keyex"),
            "gssapi-with-mic": lambda: self._gss_once("gssapi-with-mic"),
            "hostbased": self._host_based,
            "publickey": self._public_key,
            "keyboard-interactive": self._keyboard,
            "password": self._next_password,
        }

    def restrict(self, options: SSHClientConnectionOptions) -> None:
        """Go on with other options: those of a host that is not believed."""
        self._options = options

    def first_attempt(self) -> events.PublicKeyAttempt | None:
        """Return what to try before the server has said which methods it takes, or None: to ask.

        That saves an answer, and costs a failure where it is in vain: it is for a key that the program or the
        configuration names, and not for those that just lie there.
        """
        options = self._options
        if not self._keys or not options.is_given("client_keys") or not options.public_key_auth:
            return None
        if not (_signs_at_once(self._keys[0]) and self._key_comes_first()):
            return None
        attempt = self._attempt_with(self._keys.pop(0))
        if attempt is not None:
            self._tried["publickey"] += 1
            self._last = "publickey"
        return attempt

    def _key_comes_first(self) -> bool:
        """Return whether no method is preferred to a key. What is tried by default alone waits: a key was named."""
        for name in self._options.preferred_auth:
            if name == "publickey":
                return True
            waits = (
                not asked_for(self._options)
                if name in _BY_TICKET
                else name == "hostbased" and self._host is None
            )
            if not waits:
                return False
        return False

    async def next_attempt(self, event: events.AuthNeeded) -> Any:
        """Return what to try next, or None when there is nothing left."""
        if event.password_changed is not None:
            await self._tell_of_change(event.password_changed)
        if event.partial:
            self._note_factor()
            self._given_up.clear()
            self._password_used = False
            self._tried.clear()
            self._show_again()
        allowed = {
            "gssapi-keyex": self._gss and self._info.gss is not None,
            "gssapi-with-mic": self._gss and gss_available(),
            "hostbased": self._options.host_based_auth,
            "publickey": self._options.public_key_auth,
            "keyboard-interactive": self._options.kbdint_auth,
            "password": self._options.password_auth,
        }
        usable = [
            method
            for method in self._options.preferred_auth
            if method in event.methods and allowed.get(method)
        ]
        self._password_asked_plainly = "password" in usable
        for method in usable:
            if method not in self._given_up:
                attempt = await self._attempt(method)
                if attempt is not None:
                    self._tried[method] += 1
                    self._last = method
                    return attempt
        return None

    async def next_or_why(self, event: events.AuthNeeded) -> Any:
        """Return what to try next, or what became of the methods that the server takes."""
        attempt = await self.next_attempt(event)
        if attempt is not None:
            return attempt
        from nacre.refusals import why_nothing_is_left  # for who is not let in

        return NothingToTry(why_nothing_is_left(event.methods, self._options, self._tried, self._failed))

    def explain(self, error: Exception | None) -> None:
        """Say with the end of a connection that was not logged in what might have led to it."""
        tried = self._tried["publickey"]
        if tried > 1 and isinstance(error, (PermissionDenied, ProtocolError)) and not error.hint:
            error.hint = f"{tried} keys were tried: client_keys or agent_identities names those that may do"

    def _show_again(self) -> None:
        """After a factor, try again what came too early for the server: all keys but the one that was this factor."""
        if self._last == "publickey" and self._shown:
            self._shown.pop()
        self._keys += self._shown
        self._shown = []

    async def _attempt(self, method: str) -> Any:
        """Return an attempt, or None; a callback that fails gives its method up, and no other."""
        try:
            return await self._attempts[method]()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the program's callback: reported
            self._report(error, f"the callback for {method}")
            self._failed[method] = error
        except asyncio.CancelledError:
            if being_cancelled():
                raise
        self._given_up.add(method)
        return None

    @property
    def has_to_tell(self) -> bool:
        """Whether `succeeded` has something to do."""
        return self.changing or alone(self._options).agent_keys is not None

    async def succeeded(self) -> None:
        """Tell the program of the change of its password, if the login was one, and an agent of keys."""
        if self.changing:
            await self._tell_of_change(accepted=True)
        if alone(self._options).agent_keys is not None:
            self._note_factor()
            await hand_to_agent(self._options, self._factors)

    def _note_factor(self) -> None:
        """Take note of the user's key that the server has just been content with, if it was one and no callback's."""
        if self._last == "publickey":
            self._factors += [key for key in self._users if key is self._key]

    async def _tell_of_change(self, accepted: bool) -> None:
        self.changing = False
        client = self._client
        try:
            await settle(client.password_changed() if accepted else client.password_change_failed())  # type: ignore[func-returns-value]  # plain or not
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the program's callback: reported
            self._report(error, "password_changed" if accepted else "password_change_failed")

    async def _gss_once(self, method: str) -> events.GssAttempt:
        # RFC 4462 section 4: it "SHOULD NOT try this method more than once per session".
        self._given_up.add(method)
        return events.GssAttempt(method)

    # ------------------------------------------------------------ hostbased

    async def _host_based(self) -> events.HostbasedAttempt | None:
        while self._host is not None:
            key = self._host.next_key()
            if key is None:
                break
            algorithm = self._hostbased_algorithm(key)
            if algorithm is not None:
                claim: tuple[str, str] = await settle(self._host.claim())
                self._key = key
                return events.HostbasedAttempt(algorithm, key.public_data, *claim)
        return None

    def _hostbased_algorithm(self, key: SSHKeyPair) -> str | None:
        """Return what a host's key signs with.

        As by OpenSSH, the order is that of HostbasedAcceptedAlgorithms; what the server announces is about keys of
        users, and chooses between algorithms of one key alone.
        """
        ours = hostbased_algorithms(self._options)
        if ours is None:
            return self._algorithm(key, None)
        if not self._may_try(key):
            return None
        usable = [name for name in ours if name in key.host_key_algorithms]
        theirs = self._info.server_sig_algs or ()
        return next((name for name in usable if signature_of(name) in theirs), usable[0] if usable else None)

    # ------------------------------------------------------------ publickey

    async def _public_key(self) -> events.PublicKeyAttempt | None:
        while True:
            if not self._keys:
                more = await settle(self._client.public_key_auth_requested())
                if not more:
                    return None
                self._keys = await settle(load_private_keys(more, self._options.passphrase, later=True))
                if not self._keys:
                    return None
            key = await self._in_session(self._keys.pop(0))
            attempt = None if key is None else self._attempt_with(key)
            if attempt is not None:
                return attempt

    async def _in_session(self, key: SSHKeyPair) -> SSHKeyPair | None:
        """Return a key as it is used in this session; None: it is an agent's, which has it for other hosts."""
        if key.get_key_type() != "agent":
            return key
        if self._agents is None:
            from nacre.agent.session_keys import SessionKeys  # for those who have an agent

            self._agents = SessionKeys(self._info)
        return await settle(self._agents.usable(key))

    def _attempt_with(self, key: SSHKeyPair) -> events.PublicKeyAttempt | None:
        """Return the attempt, or None where there is no algorithm for it."""
        said = publickey_algorithms(self._options)
        algorithm = self._algorithm(key, said)
        if algorithm is None:
            of_ours = said is None or not set(said).isdisjoint(key.host_key_algorithms)
            why = "no signature algorithm in common" if of_ours else "PubkeyAcceptedAlgorithms has nothing"
            self._failed.setdefault("publickey", f"{why} for {key.algorithm}")
            return None
        self._key = key
        self._shown.append(key)
        # A server counts a signature that it has no use for as a failure, of which there are few: the first key
        # alone takes that chance.
        query = self._signed_unasked or not _signs_at_once(key)
        self._signed_unasked = True
        return events.PublicKeyAttempt(algorithm, key.public_data, query=query)

    def _may_try(self, key: SSHKeyPair) -> bool:
        """Return whether a key of this user, or of this host, is one that may be shown."""
        if not tries_user_key(self._options.profile, key):
            why = "the profile has no place for it"
        elif is_too_short(key.key_data, self._options):
            why = "it has fewer bits than RequiredRSASize"
        else:
            return True
        logger.info("%r is not used: %s", key, why)
        self._failed.setdefault("publickey", f"a key is not used: {why}")
        return False

    def _algorithm(self, key: SSHKeyPair, said: tuple[str, ...] | None) -> str | None:
        """Return the best signature algorithm that both ends take; `said`: those of a configuration, in its order.

        A server that announces none (RFC 8308 section 3.1) is tried with our best one. As by OpenSSH, a key that
        has one algorithm alone is tried whatever is announced: npm's ssh2 takes ecdsa-sha2-nistp521, and lacks a
        comma behind it.
        """
        if not self._may_try(key):
            return None
        ours = self._options.signature_algs or default_signature_algorithms()
        theirs = self._info.server_sig_algs
        # A program that has given an X.509 certificate wants it shown: these are in no list unless named.
        names = key.host_key_algorithms
        if said is not None and not isinstance(key.cert, X509Chain):
            usable = [name for name in said if name in names]
        else:
            usable = [name for name in names if signature_of(name) in ours or name in X509_ALGORITHMS]
        if theirs is None or (len(key.sig_algorithms) == 1 and not isinstance(key.cert, X509Chain)):
            return usable[0] if usable else None
        return next((name for name in usable if signature_of(name) in theirs), None)

    def sign_at_once(self, event: events.SignatureNeeded) -> bytes | None:
        """Return the signature of a key that is here and signs quickly, and None for what `sign` is for."""
        key = self._key
        if key is None or key.public_data != event.key_blob or not _signs_at_once(key):
            return None
        return key.sign(event.data, event.algorithm)

    async def sign(self, event: events.SignatureNeeded) -> bytes | None:
        """Return the signature of the key that is being tried."""
        if self._key is None or self._key.public_data != event.key_blob:
            return None
        try:
            return await sign_beside(self._key, event.data, event.algorithm)
        except (OSError, ValueError) as error:  # an agent that refuses: another key may do
            logger.warning("%r is not used: %s", self._key, plain(error))
            self._unusable(plain(error))
            return None
        except Exception as error:
            self._unusable(error)  # what asks for a passphrase: reported where it ends
            raise

    def _unusable(self, why: Exception | str) -> None:
        """The key that is being tried does not sign: the server has not refused it."""
        self._failed[self._last] = why
        self._tried[self._last] -= 1

    # ------------------------------------------------------------ password

    async def _take_password(self) -> str | None:
        """Return a password that was not tried yet."""
        given = self._options.password
        if given is not None:
            if self._password_used:
                return None
            self._password_used = True
            return _text(await settle(given() if callable(given) else given), "the option password")
        return _text(await settle(self._client.password_auth_requested()), "password_auth_requested")

    async def _next_password(self) -> events.PasswordAttempt | None:
        self._password = await self._take_password()
        return None if self._password is None else events.PasswordAttempt(self._password)

    async def change_password(self, event: events.PasswordChangeQuestion) -> tuple[str, str] | None:
        """Return the old and the new password, or None."""
        if self.changing:  # The server asks again: the new password would not do.
            await self._tell_of_change(accepted=False)
        self._given_up.add("password")
        answer = await settle(self._client.password_change_requested(event.prompt, event.lang))
        if answer is None or answer is NotImplemented:
            return None
        match answer:
            case (str(old), str(new)):
                self._given_up.discard("password")
                self.changing = True
                return old, new
        raise TypeError(
            "password_change_requested must return (old password, new password) or NotImplemented"
        )

    # ------------------------------------------------------------ keyboard-interactive

    async def _keyboard(self) -> events.KbdintAttempt | None:
        if self._dialogue_answered:
            return None
        submethods = await settle(self._client.kbdint_auth_requested())
        if submethods is None:
            return None
        self._dialogue_by_password = submethods is NotImplemented
        if self._dialogue_by_password:
            # What `password_auth_requested` returns may be good for once, and the method "password" can
            # change one that has expired: it is asked here only where there is no such method.
            if self._options.password is None and self._password_asked_plainly:
                return None
            self._password = await self._take_password()
            if self._password is None:
                return None
            # Should the server not ask for it here, the method "password" may give it.
            self._password_used = False
            self._dialogue_answered = True
            return events.KbdintAttempt(alone(self._options).kbdint_devices)
        named = _text(submethods, "kbdint_auth_requested")
        return events.KbdintAttempt(named or alone(self._options).kbdint_devices)

    async def answer_challenge(self, event: events.KbdintChallenge) -> tuple[str, ...] | None:
        """Return the answers to a challenge, or None, which gives the method up."""
        self._given_up.add("keyboard-interactive")
        answers = self._password_for(event) if self._dialogue_by_password else await self._ask(event)
        if answers is not None:
            self._given_up.discard("keyboard-interactive")
        return answers

    async def _ask(self, event: events.KbdintChallenge) -> tuple[str, ...] | None:
        answers = await settle(
            self._client.kbdint_challenge_received(
                event.name, event.instructions, event.lang, list(event.prompts)
            )
        )
        if answers is None or answers is NotImplemented:
            return None
        if not isinstance(answers, (list, tuple)) or not all(isinstance(text, str) for text in answers):
            raise TypeError("kbdint_challenge_received must return a sequence of str, or None")
        if len(answers) != len(event.prompts):
            raise ValueError(
                f"kbdint_challenge_received returned {len(answers)} answers to {len(event.prompts)} prompts"
            )
        return tuple(answers)

    def _password_for(self, event: events.KbdintChallenge) -> tuple[str, ...] | None:
        """Return the password where it is asked for and nothing else is."""
        if not event.prompts:
            return ()
        if len(event.prompts) == 1 and self._password is not None:
            prompt, _ = event.prompts[0]
            if any(word in prompt.lower() for word in _PASSWORD_PROMPTS):
                password, self._password = self._password, None
                self._password_used = True  # a wrong one would count twice
                return (password,)
        return None


def _signs_at_once(key: SSHKeyPair) -> bool:
    """Return whether to sign costs less than to ask first whether the key would do: a round trip.

    Not RSA, whose signature takes a millisecond, nor a key whose owner an agent may ask.
    """
    return key.key is not None and key.algorithm in _CHEAP


def _text(value: Any, source: str) -> str | None:
    """Return what a program gave as text, or None. Anything else is a mistake: it is never guessed at."""
    if value is None:
        return None
    if isinstance(value, str):
        return encodable(value)
    raise TypeError(f"{source} must give a str or None, not {type(value).__name__}")
