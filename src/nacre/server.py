"""The callbacks of a server connection, to be subclassed by programs.

Owns: `SSHServer` with its defaults, and `PartialSuccess`. Must not know: who calls it.

Every callback may be a coroutine function but `connection_made` and `connection_lost`. One that raises,
or returns None, refuses; so does one that takes longer than half of the option `login_timeout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nacre.aio.tasks import MaybeAwait
from nacre.keys import SSHKey
from nacre.protocol.events import Partial as PartialSuccess

if TYPE_CHECKING:
    from nacre.server_connection import SSHServerConnection

__all__ = ["PartialSuccess", "SSHServer"]

#: What `get_kbdint_challenge` may return: whether that is all, or name, instructions, language and
#: prompts, each with whether its answer may be echoed.
KbdIntChallenge = bool | tuple[str, str, str, Sequence[tuple[str, bool]]]


class SSHServer:
    """What a server connection tells and asks its program; give a subclass as `server_factory`.

    A `validate_…` callback may return `PartialSuccess` with the methods that are to follow: the
    credential was right, and more is needed (RFC 4252 section 5.1).
    """

    def connection_made(self, conn: SSHServerConnection) -> None:
        """A client is connected; what is raised here closes the connection."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over; called once, last.

        Args:
            exc: what ended it; None when it was closed in order.
        """

    def debug_msg_received(self, msg: str, lang: str, always_display: bool) -> None:
        """The client sent SSH_MSG_DEBUG. Its text is the peer's and not sanitised."""

    # ------------------------------------------------------------ authentication

    def begin_auth(self, username: str) -> MaybeAwait[bool]:
        """A user name was given; called again when it changes.

        Returns:
            False, and only False, lets the user in without authentication.
        """
        return True

    def auth_completed(self) -> None:
        """The user is authenticated; `get_extra_info("username")` says who."""

    def public_key_auth_supported(self) -> MaybeAwait[bool]:
        """Return whether `validate_public_key` can be asked."""
        return False

    def validate_public_key(self, username: str, key: SSHKey) -> MaybeAwait[bool | PartialSuccess]:
        """Return whether this key may log this user in.

        It is asked for keys that the client merely mentions, too, so that the answer means nothing
        for what happens next: remember nothing here.
        """
        return False

    def password_auth_supported(self) -> MaybeAwait[bool]:
        """Return whether `validate_password` can be asked."""
        return False

    def validate_password(self, username: str, password: str) -> MaybeAwait[bool | PartialSuccess]:
        """Return whether this is the user's password.

        Raises:
            PasswordChangeRequired: it is, and a new one must be set.
        """
        return False

    def change_password(
        self, username: str, old_password: str, new_password: str
    ) -> MaybeAwait[bool | PartialSuccess]:
        """Set a new password. Returns whether the old one was right and the new one is set.

        Raises:
            PasswordChangeRequired: the new one will not do; another is asked for.
        """
        return False

    def kbdint_auth_supported(self) -> MaybeAwait[Any]:
        """Return whether `get_kbdint_challenge` can be asked.

        `NotImplemented`, the default, asks for the password where passwords are supported.
        """
        return NotImplemented

    def get_kbdint_challenge(
        self, username: str, lang: str, submethods: str
    ) -> MaybeAwait[KbdIntChallenge | PartialSuccess]:
        """Return the first challenge of a keyboard-interactive dialogue, or a verdict."""
        return False

    def validate_kbdint_response(
        self, username: str, responses: Sequence[str]
    ) -> MaybeAwait[KbdIntChallenge | PartialSuccess]:
        """Return a verdict on the answers, as many as there were prompts, or another challenge."""
        return False

    def host_based_auth_supported(self) -> MaybeAwait[bool]:
        """Return whether hosts may vouch for their users; not asked with the option `known_client_hosts`."""
        return False

    def validate_host_public_key(
        self, client_host: str, client_addr: str, client_port: int, key: SSHKey
    ) -> MaybeAwait[bool]:
        """Return whether this is the key of the client's host, which `known_client_hosts` does not have.

        The client has signed with it.

        Args:
            client_host: the host's name in lower case, without a dot at its end: what its address is called,
                or that address itself; with the option `trust_client_host`, what the client calls it.
            client_addr: the address that the client comes from.
            client_port: its port there.
            key: the key.
        """
        return False

    def validate_host_ca_key(
        self, client_host: str, client_addr: str, client_port: int, key: SSHKey
    ) -> MaybeAwait[bool]:
        """Return whether to trust this authority to say which key the client's host has.

        Its certificate must then be one of a host, of this name, and valid now.

        Args:
            client_host: as for `validate_host_public_key`.
            client_addr: as there.
            client_port: as there.
            key: the key of the authority.
        """
        return False

    def validate_host_based_user(
        self, username: str, client_host: str, client_username: str
    ) -> MaybeAwait[bool | PartialSuccess]:
        """Return whether a user of a host that is believed may log in as this user, here.

        Args:
            username: who is to be logged in.
            client_host: as for `validate_host_public_key`.
            client_username: who the host says its user is.

        Returns:
            By default, whether both have the same name.
        """
        return client_username == username

    def validate_ca_key(self, username: str, key: SSHKey) -> MaybeAwait[bool | PartialSuccess]:
        """Return whether to trust this certificate authority to say who may log in as this user.

        Asked about certificates that are sound otherwise, have the user's name among their principals,
        and that no `cert-authority` line of the authorized keys admits.
        """
        return False

    def validate_gss_principal(
        self, username: str, user_principal: str, host_principal: str
    ) -> MaybeAwait[bool | PartialSuccess]:
        """Return whether a principal of GSS-API may log in as this user.

        Asked once the principal is proved. By default it may if it bears the user's name, and is of the
        server's own realm: "alice@EXAMPLE.ORG" as alice, at "host/server.example.org@EXAMPLE.ORG".

        Args:
            username: whom the client wants to be.
            user_principal: who it is.
            host_principal: whom it has taken us for.
        """
        _, at, realm = host_principal.rpartition("@")
        return bool(username and at and realm) and user_principal == f"{username}@{realm}"

    # ------------------------------------------------------------ sessions

    def session_requested(self) -> MaybeAwait[Any]:
        """The client wants a session; not asked with `process_factory` or `session_factory`.

        Returns:
            False to refuse; an `SSHServerSession` (`SSHServerProcess` is one) or a class of such; a
            handler, plain or coroutine, called with standard input, output and error; or a pair of a
            channel from `create_server_channel` and one of these.

        Raises:
            ChannelOpenError: refuse with this reason.
        """
        return False

    # ------------------------------------------------------------ forwarding: refused in this version

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> MaybeAwait[Any]:
        """The client wants a TCP connection forwarded; refused in this version."""
        return False

    def unix_connection_requested(self, dest_path: str) -> MaybeAwait[Any]:
        """The client wants a UNIX connection forwarded; refused in this version."""
        return False

    def server_requested(self, listen_host: str, listen_port: int) -> MaybeAwait[Any]:
        """The client wants us to listen on a port; refused in this version."""
        return False

    def unix_server_requested(self, listen_path: str) -> MaybeAwait[Any]:
        """The client wants us to listen on a path; refused in this version."""
        return False

    def tun_requested(self, unit: int | None) -> MaybeAwait[Any]:
        """The client wants a layer 3 tunnel; refused in this version."""
        return False

    def tap_requested(self, unit: int | None) -> MaybeAwait[Any]:
        """The client wants a layer 2 tunnel; refused in this version."""
        return False
