"""The server's connection object.

Owns: `SSHServerConnection`: what the client's sessions turn into, what the login permits. Must not
know: sockets, or how a connection comes about.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from nacre.absent import absent, absent_plain, refused_channel, refused_request
from nacre.aio.channel import SSHChannel
from nacre.aio.link import Channel, GlobalHandler, Handlers, OpenHandler
from nacre.aio.penalties import Outcome
from nacre.aio.server_channel import SSHServerChannel
from nacre.aio.session import SSHServerSession
from nacre.aio.stream import SSHReader, SSHWriter
from nacre.aio.stream_session import ServerHandlerSession
from nacre.aio.tasks import settle
from nacre.config_server_alone import ServerAlone, channel_limits, server_alone
from nacre.connection_base import SSHConnection
from nacre.errors import ChannelOpenError, DisconnectReason, OpenFailureReason
from nacre.host_key_updates import HostKeyAnnouncer
from nacre.keys import SSHKeyPair
from nacre.login_restrictions import LoginRestrictions
from nacre.options import SSHServerConnectionOptions, server_settings, settings_of_login
from nacre.process.server import SSHServerProcess
from nacre.protocol import events
from nacre.protocol.connection import Connection
from nacre.protocol.host_keys import PROVE
from nacre.protocol.settings import Role
from nacre.server import SSHServer
from nacre.server_auth import ServerAuthenticator
from nacre.trust.key_options import shown_options

if TYPE_CHECKING:
    from nacre.agent.lending import ForwardedAgent
    from nacre.aio.timed_channel import Activity, TimedChannel
    from nacre.aio.traffic import Marker
    from nacre.config_auth_info import AuthInfo
    from nacre.config_login import LoginPolicy


C = TypeVar("C", bound="TimedChannel[Any]")


class SSHServerConnection(SSHConnection[SSHServer]):
    """A client's connection to us; handed to `SSHServer.connection_made`."""

    _role = Role.SERVER
    _callbacks = (SSHServer, {})
    _options: SSHServerConnectionOptions

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: SSHServerConnectionOptions,
        factory: Callable[[], SSHServer],
        host_keys: tuple[SSHKeyPair, ...],
    ) -> None:
        self._host_keys = host_keys
        self._authenticator: ServerAuthenticator | None = None
        #: What the login permits, from its success on.
        self._granted: LoginRestrictions | None = None
        self._pending_banners: tuple[tuple[str, str], ...] = ()
        super().__init__(loop, options, factory)
        self._announcer: HostKeyAnnouncer | None = None
        self._forwarded: ForwardedAgent | None = None
        self._login: LoginPolicy | None = None
        self._activity: Activity | None = None
        self._auth_info: AuthInfo | None = None
        self._marker: Marker | None = None
        #: Whether channels are closed on which nothing moves.
        self._timed = False
        self._extra.update(host=options.host, port=options.port)
        self.driver.write_timeout = options.write_timeout

    def _make_protocol(self) -> Connection:
        protocol = Connection(Role.SERVER, server_settings(self._options, self._host_keys))
        for msg, lang in self._pending_banners:
            protocol.send_banner(msg, lang)
        self._pending_banners = ()
        return protocol

    def _auth(self) -> ServerAuthenticator:
        if self._authenticator is None:
            assert self._owner is not None
            peer = self._extra["peername"]
            addr, port = peer[:2] if isinstance(peer, tuple) else (None, 0)
            self._authenticator = ServerAuthenticator(self._options, self._owner, addr, self.logger, port)
        return self._authenticator

    def _auth_succeeded(self, event: events.AuthSucceeded) -> None:
        if (context := self._auth().gss) is not None:
            self._extra.update(context.facts())
        super()._auth_succeeded(event)
        if self._options.send_server_host_keys:
            plain_keys = [key for key in self._host_keys if not key.has_cert]
            self._announcer = HostKeyAnnouncer(self._link, plain_keys)
            self._announcer.announce()
        if self._auth_info is not None:
            self.own(self._auth_info)
            self._auth_info.write()
        # No question of a login comes any more; of what has answered them, only this is still asked for.
        self._granted, self._authenticator = self._restrictions, None

    @property
    def _restrictions(self) -> LoginRestrictions:
        """What the login permits, as far as it has come."""
        if self._granted is not None:
            return self._granted
        return LoginRestrictions() if self._authenticator is None else self._authenticator.restrictions

    def _auth_begin(self, event: events.AuthBegin) -> None:
        self._extra["username"] = event.username
        self._answer(event, self._begin(event))

    def outcome(self) -> Outcome:
        """Return how the time before the login ended."""
        if self._login is not None and self._login.refuses:
            return Outcome.REFUSED
        return super().outcome()

    async def _begin(self, event: events.AuthBegin) -> events.AuthPolicy | bool:
        """Return what is asked of a user; a configuration is asked what holds for this one."""
        configuration = None
        if self._options.config:
            from nacre.server_config import configuration_of  # few servers have one

            configuration = configuration_of(self._options)
        if configuration is None:
            return await self._auth().begin(event)
        host = await self._auth().client_host() if self._options.rdns_lookup else None
        ends = self._extra["peername"], self._extra["sockname"]
        login = await configuration.look_up(event.username, ends, host, self._extra.get("source"))
        banner = login.banner if self._login is None else ""
        self._login, self._options = login.policy, login.options
        self._authenticator = None  # another one, with these options: a new name starts everything over
        self._auth().use_commands(login.commands)
        self.set_keepalive(login.options.keepalive_interval, login.options.keepalive_count_max)
        if self._link.active:
            protocol = self._link.protocol
            protocol.change_settings(settings_of_login(protocol.settings, login.options))
        self._begin_beside(server_alone(login.options))
        if banner:
            self.send_auth_banner(banner)
        if login.policy.refuses:
            self.disconnect(DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE, "refused")
            return False
        return login.policy.offered(await self._auth().begin(event))

    def _begin_beside(self, said: ServerAlone) -> None:
        """Begin what few configurations ask for; of another user name, anew."""
        self._auth_info = self._marker = None
        self._timed = bool(said.channel_timeouts)
        if said.exposes_auth:
            from nacre.config_auth_info import AuthInfo

            self._auth_info = AuthInfo()
        if said.traffic is not None:
            from nacre.aio.traffic import Marker

            self._marker = Marker(*said.traffic)

    def _answer(self, event: Any, answer: Coroutine[Any, Any, Any], refusal: object = False) -> None:
        if self._login is not None and self._login.judges(event):
            auth = self._auth()
            answer = self._login.judged(
                event, answer, auth.restrictions.forced_command, for_password=auth.dialogue_by_password
            )
        if self._auth_info is not None:
            answer = self._noted(event, answer, self._auth_info)
        super()._answer(event, answer, refusal)

    @staticmethod
    async def _noted(event: Any, answer: Coroutine[Any, Any, Any], info: AuthInfo) -> Any:
        verdict = await answer
        info.note(event, verdict)
        return verdict

    async def _prove_host_keys(self, event: events.GlobalRequestQuestion) -> bool | bytes:
        return self._announcer is not None and await self._announcer.prove(event)

    # ------------------------------------------------------------ sessions

    async def _open_session(self, event: events.ChannelOpenQuestion) -> tuple[Channel, events.OpenAccept]:
        options = self._options
        if self._marker is not None:
            self._marker.session_opens(self.get_extra_info("socket"), has_terminal=False)
        if options.process_factory is not None:
            session: Any = SSHServerProcess[Any](options.process_factory)
            channel = self.create_server_channel()
        elif options.session_factory is not None:
            channel = self.create_server_channel()
            session = await _from_factory(options.session_factory)
        else:
            channel, session = await self._ask_for_session()
        channel.bind(event.channel, session)
        return channel, events.OpenAccept(channel.get_recv_window(), channel.get_max_packet())

    async def _ask_for_session(self) -> tuple[SSHServerChannel[Any], Any]:
        assert self._owner is not None
        wanted = self._owner.session_requested()
        if not isinstance(wanted, SSHServerSession):
            wanted = await settle(wanted)
        channel = None
        if isinstance(wanted, tuple):
            channel, wanted = wanted
        if not wanted:
            raise ChannelOpenError(OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, "sessions are not offered")
        return channel or self.create_server_channel(), _session_of(wanted)

    def create_server_channel(
        self, encoding: str | None = "", errors: str = "", window: int = 0, max_pktsize: int = 0
    ) -> SSHServerChannel[Any]:
        """Return a channel to return from `session_requested`, with a session.

        Args:
            encoding: the codec of its data; None: bytes; "": as the options say.
            errors: the codec's error policy; "": as the options say.
            window: bytes that the client may have under way; 0: as the options say.
            max_pktsize: the largest data of one packet, in bytes; 0: as the options say.
        """
        options = self._options
        if encoding == "":
            encoding = options.encoding
        errors = errors or options.errors
        window = window or options.window
        max_pktsize = max_pktsize or options.max_pktsize
        if self._timed:
            return self._timed_channel(encoding, errors, window, max_pktsize)
        if not options.line_editor:
            return SSHServerChannel(self._link, self, encoding, errors, window, max_pktsize)
        from nacre.aio.editor_channel import SSHLineEditorChannel  # for terminals
        from nacre.aio.line_editor import EditorSettings

        settings = EditorSettings(options.line_echo, options.line_history, options.max_line_length)
        return SSHLineEditorChannel(self._link, self, encoding, errors, window, max_pktsize, settings)

    def _timed_channel(
        self, encoding: str | None, errors: str, window: int, max_pktsize: int
    ) -> SSHServerChannel[Any]:
        """Return a channel that is closed when nothing has moved on it for as long as the configuration permits."""
        from nacre.aio.timed_channel import TimedEditorChannel, TimedServerChannel

        options = self._options
        if not options.line_editor:
            return self._limited(TimedServerChannel(self._link, self, encoding, errors, window, max_pktsize))
        from nacre.aio.line_editor import EditorSettings

        settings = EditorSettings(options.line_echo, options.line_history, options.max_line_length)
        return self._limited(
            TimedEditorChannel(self._link, self, encoding, errors, window, max_pktsize, settings)
        )

    def _limited(self, channel: C, kind: str = "") -> C:
        from nacre.aio.timed_channel import Activity

        if self._activity is None:
            self._activity = Activity(partial(channel_limits, server_alone(self._options).channel_timeouts))
        channel.limit(self._activity, kind)
        return channel

    def _agent_channel(self) -> SSHChannel[bytes]:
        """Return a channel to the agent that the client forwards."""
        if not self._timed:
            return SSHChannel(self._link)
        from nacre.aio.timed_channel import TimedChannel

        return self._limited(TimedChannel[bytes](self._link), "agent-connection")

    # ------------------------------------------------------------ the client's agent

    async def forward_agent(self) -> bool:
        """Make the agent that the client offers usable here, if options and login permit; return whether it is."""
        name = "agent-forwarding"
        permitted = self.check_key_permission(name) and self.check_certificate_permission(name)
        if not self._options.agent_forwarding or not permitted:
            self.logger.info(
                "the client's agent is not forwarded: %s", "the login" if not permitted else "no option"
            )
            return False
        if self._forwarded is None:
            from nacre.agent.lending import ForwardedAgent  # for those who have one

            self._forwarded = ForwardedAgent(self._link, self._agent_channel)
            self.own(self._forwarded)
        return await self._forwarded.start()

    def get_agent_path(self) -> str | None:
        """Return the socket of the agent that the client forwards, for SSH_AUTH_SOCK; None: it forwards none."""
        return None if self._forwarded is None else self._forwarded.path

    async def open_agent_connection(self) -> tuple[SSHReader[bytes], SSHWriter[bytes]]:
        """Open a stream to the agent that the client forwards; `nacre.connect_agent` speaks over it.

        Raises:
            ChannelOpenError: the client forwards none, or may not, or the connection has ended.
        """
        if self._forwarded is None:
            raise ChannelOpenError(
                OpenFailureReason.ADMINISTRATIVELY_PROHIBITED,
                "the client does not forward an agent, or may not",
            )
        return await self._forwarded.open()

    # ------------------------------------------------------------ what the login permits

    def pty_allowed(self) -> bool:
        """Return whether sessions may have a terminal."""
        permitted = self.check_key_permission("pty") and self.check_certificate_permission("pty")
        allowed = bool(self._options.allow_pty) and permitted
        if allowed and self._marker is not None:
            self._marker.session_opens(self.get_extra_info("socket"), has_terminal=True)
        return allowed

    def forced_command(self) -> str | None:
        """Return the command that runs whatever the client asks for, or None."""
        if self._login is not None and self._login.forced_command is not None:
            return self._login.forced_command
        return self._restrictions.forced_command()

    def session_environment(self) -> Mapping[str, str]:
        """Return the variables that every session starts with."""
        of_key = self._restrictions.environment()
        if self._login is None:
            return of_key
        permitted = {name: value for name, value in of_key.items() if self._login.takes_variable_of_key(name)}
        said = {**permitted, **self._login.environment()}
        return said if self._auth_info is None else self._auth_info.environment(said)

    def variable_allowed(self, name: str) -> bool:
        """Return whether the client may set a variable for its sessions."""
        if self._auth_info is not None and name == self._auth_info.variable:
            return False  # by it sessions know who has logged in, with a file or without
        return self._login is None or self._login.takes_variable(name)

    def set_authorized_keys(self, authorized_keys: Any) -> None:
        """Have the keys of the user who is logging in checked against these; from `begin_auth`.

        Args:
            authorized_keys: an `SSHAuthorizedKeys`, or the name of a file, or of several.

        Raises:
            OSError, ValueError: a file cannot be read.
        """
        self._auth().set_authorized_keys(authorized_keys)

    def get_key_option(self, option: str, default: Any = None) -> Any:
        """Return an option of the key that logged in, from authorized_keys.

        True for one without a value; `command`: text; `environment`: a dict; `permitopen`: a set of host and
        port, which is None for any port; all others: a list of text.
        """
        return shown_options(self._restrictions.key_options).get(option.lower(), default)

    def check_key_permission(self, permission: str) -> bool:
        """Return whether the key that logged in permits something, as "pty"."""
        return self._restrictions.permits(permission)

    def get_certificate_option(self, option: str, default: Any = None) -> Any:
        """Return an option of the certificate that logged in.

        "force-command" is a `str`, "source-address" a list of networks; extensions, as "permit-pty", are True.
        """
        return self._restrictions.certificate_options.get(option, default)

    def check_certificate_permission(self, permission: str) -> bool:
        """Return whether the certificate that logged in permits something, as "pty"; without one, it does."""
        return self._restrictions.certificates_permit(permission)

    def send_auth_banner(self, msg: str, lang: str = "en-US") -> None:
        """Show a text to the user before the login is complete (RFC 4252 section 5.4).

        Raises:
            LocalProtocolError: the login is complete.
        """
        if self._link.driver.protocol is None:
            self._pending_banners += ((msg, lang),)
            return
        self._link.require_active()
        self._link.protocol.send_banner(msg, lang)
        self._link.touch()

    # ------------------------------------------------------------ not in this version

    create_connection = absent("create_connection")
    open_connection = absent("open_connection")
    create_unix_connection = absent("create_unix_connection")
    open_unix_connection = absent("open_unix_connection")
    create_tcp_channel = absent_plain("create_tcp_channel")
    create_unix_channel = absent_plain("create_unix_channel")
    create_tuntap_channel = absent_plain("create_tuntap_channel")

    # ------------------------------------------------------------ tables of the class

    _questions: ClassVar[Handlers] = {
        **SSHConnection._questions,
        events.AuthBegin: _auth_begin,
        events.PublicKeyQuestion: lambda self, event: self._answer(event, self._auth().public_key(event)),
        events.KeyRefused: lambda self, event: self._auth().key_refused(event),
        events.HostbasedQuestion: lambda self, event: self._answer(event, self._auth().host_based(event)),
        events.GssPrincipalQuestion: lambda self, event: self._answer(event, self._auth().principal(event)),
        events.PasswordQuestion: lambda self, event: self._answer(event, self._auth().password(event)),
        events.KbdintQuestion: lambda self, event: self._answer(event, self._auth().begin_dialogue(event)),
        events.KbdintResponses: lambda self, event: self._answer(event, self._auth().answer_dialogue(event)),
    }
    _opens: ClassVar[Mapping[str, OpenHandler]] = {
        "session": _open_session,
        "direct-tcpip": refused_channel("TCP forwarding"),
        "direct-streamlocal@openssh.com": refused_channel("UNIX forwarding"),
        "tun@openssh.com": refused_channel("a network tunnel"),
    }
    _requests: ClassVar[Mapping[str, GlobalHandler]] = {
        PROVE: _prove_host_keys,
        "tcpip-forward": refused_request("remote TCP forwarding"),
        "streamlocal-forward@openssh.com": refused_request("remote UNIX forwarding"),
    }


def _session_of(wanted: Any) -> Any:
    """Return the session of what `session_requested` returned: a session, its class, or a handler."""
    if isinstance(wanted, type) and issubclass(wanted, SSHServerSession):
        return wanted()
    if callable(wanted):
        return ServerHandlerSession[Any](wanted)
    if not hasattr(wanted, "connection_made"):
        raise TypeError(
            f"session_requested returned {wanted!r}: return False, an SSHServerSession, a handler, "
            "or a channel and one of these"
        )
    return wanted


async def _from_factory(factory: Callable[..., Any]) -> SSHServerSession[Any]:
    """Return the session of a `session_factory`: a class or function without arguments makes one,
    a handler takes standard input, output and error.
    """
    if isinstance(factory, type) and issubclass(factory, SSHServerSession):
        return factory()
    try:
        inspect.signature(factory).bind()
    except (TypeError, ValueError):
        handler: Callable[..., Any] = factory
        return ServerHandlerSession(handler)
    made = await settle(factory())
    if not isinstance(made, SSHServerSession):
        raise TypeError(f"session_factory returned {type(made).__name__}, not an SSHServerSession")
    return made
