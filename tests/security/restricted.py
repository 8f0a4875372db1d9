"""The application of the sequences that need more than a yes or no: a key with restrictions, a spoilt reply.

Owns: nacre's own authenticator as the application behind a protocol end, and KEX replies that are wrong in
one field. Must not know: the order of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from nacre.errors import PermissionDenied
from nacre.keys import generate_private_key
from nacre.options import SSHServerConnectionOptions
from nacre.protocol.events import (
    AuthBegin,
    Event,
    KbdintQuestion,
    KbdintResponses,
    Partial,
    PasswordQuestion,
    PublicKeyQuestion,
)
from nacre.server import SSHServer
from nacre.server_auth import ServerAuthenticator
from nacre.trust import SSHAuthorizedKeys
from nacre.wire.kex import KexEcdhReply
from tests.pair.damage import string
from tests.pair.ends import PASSWORD
from tests.security import hostile
from tests.security.steps import AttackSequence

__all__ = ["LIVE", "answers", "concerns", "decide", "now", "spoilt_reply", "still_hold"]

#: The questions that the authenticator answers; `decide` says what the program makes of its yes.
LIVE: Final = (PasswordQuestion, PublicKeyQuestion)
#: Where the client comes from, as far as the authenticator knows.
ADDRESS: Final = "203.0.113.9"


class _Program(SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == PASSWORD


def now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class _Application:
    """nacre's authenticator, with one key that has restrictions."""

    def __init__(self, line_options: str) -> None:
        line = hostile.KEYS["restricted"].export_public_key().decode()
        options = SSHServerConnectionOptions(
            authorized_client_keys=SSHAuthorizedKeys(f"{line_options} {line}")
        )
        self.partial: set[type[Event]] = set()
        import logging

        self.authenticator = ServerAuthenticator(
            options, _Program(), ADDRESS, logging.LoggerAdapter(logging.getLogger("nacre.test"), {})
        )

    def answer(self, ask: Callable[[Any], Coroutine[Any, Any, Any]]) -> Callable[[Any], Any]:
        def answered(event: Any) -> Any:
            value = now(ask(event))
            if value is True and type(event) in self.partial:
                return Partial(("password", "publickey"))
            return value

        answered.application = self  # type: ignore[attr-defined]  # `decide` and `still_hold` find it there
        return answered


def concerns(sequence: AttackSequence) -> bool:
    """Whether a sequence is about what a key permits."""
    return any(step.what == "restrictions" for step in sequence.steps) or any(
        step.options.get("setting") == "source-address" for step in sequence.steps
    )


def answers(sequence: AttackSequence) -> dict[type[Event], Any]:
    """The answers of the application, for a sequence that needs this one."""
    if not concerns(sequence):
        return {}
    source = next(
        (step.options["value"] for step in sequence.steps if step.options.get("setting") == "source-address"),
        None,
    )
    application = _Application('command="true",no-pty' if source is None else f'from="{source}"')
    ask = application.authenticator
    return {
        AuthBegin: application.answer(ask.begin),
        PublicKeyQuestion: application.answer(ask.public_key),
        PasswordQuestion: application.answer(ask.password),
        KbdintQuestion: application.answer(ask.begin_dialogue),
        KbdintResponses: application.answer(ask.answer_dialogue),
    }


def decide(current: Mapping[type[Event], Any], kind: type[Event], what: str) -> None:
    """Let a right answer to this question be a step only, or enough."""
    application = current[kind].application
    if what == "partial":
        application.partial.add(kind)
    else:
        application.partial.discard(kind)


def still_hold(current: Mapping[type[Event], Any]) -> None:
    """Check that what the key restricts is restricted."""
    authenticator = current[PublicKeyQuestion].application.authenticator.restrictions
    assert authenticator.forced_command() == "true"
    assert not authenticator.permits("pty")


_OTHER_KEY: Final = generate_private_key("ssh-ed25519")


def spoilt_reply(made: bytes, options: Mapping[str, Any]) -> bytes:
    """A server's KEX reply with one field that is wrong."""
    reply = KexEcdhReply.decode(made)
    host_key, share, signature = reply.host_key, reply.server_share, reply.signature
    match options:
        case {"signature": "bit-flipped"}:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        case {"signature": "empty"}:
            signature = b""
        case {"signature": "other-key"}:
            signature = _OTHER_KEY.sign(b"something", "ssh-ed25519")
        case {"algorithm": "other"}:
            signature = string(b"rsa-sha2-512") + signature[4 + len(b"ssh-ed25519") :]
        case {"host_key": "other-algorithm"}:
            host_key = generate_private_key("ecdsa-sha2-nistp256").public_data
        case {"share": "zero"}:
            share = bytes(len(share))
        case _:
            raise PermissionDenied(f"no such fault: {options}")
    return KexEcdhReply(host_key, share, signature).encode()
