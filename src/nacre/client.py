"""The callbacks of a client connection, to be subclassed by programs.

Owns: `SSHClient` with its defaults. Must not know: who calls it.

Every callback may be a coroutine function but `connection_made` and `connection_lost`. One that raises
or returns None in authentication gives up what it was asked about; the connection lives on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nacre.aio.tasks import MaybeAwait
from nacre.keys import SSHKey

if TYPE_CHECKING:
    from nacre.client_connection import SSHClientConnection


class SSHClient:
    """What a client connection tells and asks its program; give a subclass as `client_factory`."""

    def connection_made(self, conn: SSHClientConnection) -> None:
        """The transport is connected; what is raised here closes it and comes out of `connect`.

        A plain function, as is `connection_lost`; all others may be coroutines.
        """

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over; called once, last.

        Args:
            exc: what ended it; None when it was closed in order.
        """

    def debug_msg_received(self, msg: str, lang: str, always_display: bool) -> None:
        """The server sent SSH_MSG_DEBUG. Its text is the peer's and not sanitised."""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: SSHKey) -> MaybeAwait[bool]:
        """Known hosts do not have this key. Returns whether to trust it all the same; default: no.

        With `strict_host_key_checking="ask"` a key that is trusted is kept, and one that has changed is not asked
        about. What the DNS says of the key is `get_extra_info("host_key_dns")` of the connection, if it was asked.
        """
        return False

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: SSHKey) -> MaybeAwait[bool]:
        """The host's certificate is from an authority that known hosts do not have.

        Returns whether to trust it all the same; default: no. The certificate must be good for the host
        besides. A client with this callback asks servers for certificates.
        """
        return False

    def auth_banner_received(self, msg: str, lang: str) -> None:
        """The server sent a banner. Its text is the peer's and not sanitised."""

    def auth_completed(self) -> None:
        """The user is logged in."""

    def public_key_auth_requested(self) -> MaybeAwait[Any]:
        """Return one more key to try, in any form of `client_keys`, or None for no more.

        Asked once the keys of the options are used up, and again after each key it returned.
        """
        return None

    def password_auth_requested(self) -> MaybeAwait[str | None]:
        """Return a password to try, or None for no more. Asked without the option `password`."""
        return None

    def password_change_requested(self, prompt: str, lang: str) -> MaybeAwait[Any]:
        """The password has expired. Returns (old, new), or `NotImplemented` to give up."""
        return NotImplemented

    def password_changed(self) -> None:
        """The new password was accepted."""

    def password_change_failed(self) -> None:
        """The new password was refused."""

    def kbdint_auth_requested(self) -> MaybeAwait[Any]:
        """Return the submethods to ask for ("" for any), or None to leave this method out.

        `NotImplemented`, the default, answers a prompt for a password with the password, if there is one.
        """
        return NotImplemented

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> MaybeAwait[Any]:
        """Return the answers to the prompts, as many as there are, or None to give up.

        Args:
            name: a title, the peer's text.
            instructions: what to do, the peer's text.
            lang: the language of both.
            prompts: each with whether its answer may be echoed.
        """
        return NotImplemented
