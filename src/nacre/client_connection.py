"""The client's connection object.

Owns: `SSHClientConnection`: sessions, processes, the check of the host's key. Must not know:
sockets, or how a connection comes about.
"""

from __future__ import annotations

import asyncio
import builtins
import fnmatch
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import nacre  # for the functions that make connections, which import this module
from nacre.absent import absent, refused_channel
from nacre.aio.client_channel import SessionRequest, SSHClientChannel
from nacre.aio.link import Channel, GlobalHandler, Handlers, OpenHandler
from nacre.aio.opening import opening
from nacre.aio.session import SSHClientSession
from nacre.aio.stream import SSHReader, SSHWriter
from nacre.aio.stream_session import ClientStreamSession
from nacre.client import SSHClient
from nacre.client_auth import ClientAuthenticator
from nacre.config_alone import alone
from nacre.connection_base import SSHConnection
from nacre.errors import ChannelOpenError, HostKeyNotVerifiable, OpenFailureReason
from nacre.gss import ClientGss, lazily_of_client
from nacre.guesses import forget, recall, remember
from nacre.host_fingerprints import DnsVerdict
from nacre.host_key_updates import HostKeyUpdates
from nacre.host_policy import Grounds, HostKeyJudge, known_key, vouched_for, without_what_a_liar_could_use
from nacre.host_trust import HostTrust, asked_about, is_this_machine, known_hosts_command, look_up
from nacre.identities import agent_of
from nacre.keys import X509_ALGORITHMS, SSHKey, SSHKeyPair
from nacre.option_table import Sides, table
from nacre.options import SSHClientConnectionOptions, accept, client_settings
from nacre.process.client import SSHClientProcess
from nacre.process.redirect import PIPE, Plan
from nacre.process.result import SSHCompletedProcess, TimeoutError
from nacre.protocol import events
from nacre.protocol.connection import Connection
from nacre.protocol.host_keys import ANNOUNCE
from nacre.protocol.settings import Role
from nacre.x509_login import trusts_x509

if TYPE_CHECKING:
    from nacre.agent.lending import LentAgent
    from nacre.aio.traffic import Marker
    from nacre.host_identity import HostIdentity
    from nacre.process.subprocess import SSHSubprocessProtocol, SSHSubprocessTransport
    from nacre.server_connection import SSHServerConnection

S = TypeVar("S", bound=SSHClientSession[Any])

_SESSION_OPTIONS = table(Sides.SESSION | Sides.CLIENT)
#: What `create_process` takes besides those.
_REDIRECTIONS = frozenset(("input", "stdin", "stdout", "stderr", "bufsize", "send_eof", "recv_eof"))
#: Input up to this size is written at once; more is fed as it is taken.
_INPUT_AT_ONCE = 1024 * 1024


class SSHClientConnection(SSHConnection[SSHClient]):
    """A connection to a server; made by `connect` and `create_connection`."""

    _role = Role.CLIENT
    _callbacks = (SSHClient, {})
    _options: SSHClientConnectionOptions
    #: The options, and those of a session among them; before the first session none.
    _session_defaults: tuple[SSHClientConnectionOptions | None, Mapping[str, Any]] = (
        None,
        MappingProxyType({}),
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: SSHClientConnectionOptions,
        factory: Callable[[], SSHClient],
        username: str,
        keys: list[SSHKeyPair],
        where: tuple[str, int],
        host_keys: Sequence[SSHKeyPair] = (),
    ) -> None:
        self._username = username
        self._keys = keys
        self._host_keys = host_keys
        self._host, self._port = where
        self._direct = False
        traffic = alone(options).traffic
        self._marker: Marker | None = None
        if traffic is not None:
            from nacre.aio.traffic import Marker  # few configurations say it

            self._marker = Marker(*traffic)
        self._trust: HostTrust | None = None
        #: What KnownHostsCommand has printed for the order of the algorithms.
        self.printed_hosts = ""
        self._host_key: SSHKey | None = None
        self._authenticator: ClientAuthenticator | None = None
        self._gss: tuple[ClientGss | None, bool] | None = None
        self._lent: LentAgent | None = None
        super().__init__(loop, options, factory)
        self._updates = HostKeyUpdates(self._link, lambda: self._trust, options, self.established)
        self._extra.update(
            host=self._host, port=self._port, username=username, preferred_auth=options.preferred_auth
        )

    def use_gss(self, gss: ClientGss | None, *, kex: bool) -> None:
        """Say what makes contexts of GSS-API, and whether the key exchange may use them; before it begins."""
        self._gss = (gss, kex)

    def goes_directly(self) -> None:
        """Say that the address at the other end is the server's own, and not that of something on the way to it."""
        self._direct = True

    def _make_protocol(self) -> Connection:
        assert self._owner is not None
        if self._marker is not None:
            self._marker.connected(self.get_extra_info("socket"))
        options = self._options
        self._trust = self._look_up(self.printed_hosts)
        # A program that decides about authorities is to be shown certificates.
        decides = (
            getattr(type(self._owner), "validate_host_ca_key", None) is not SSHClient.validate_host_ca_key
        )
        algorithms = self._trust.algorithms(options.server_host_key_algs, decides)
        if (trusts_x509(options) or self._trust.x509.certificates) and not options.server_host_key_algs:
            algorithms = (*X509_ALGORITHMS, *algorithms)
        gss, gss_kex = self._gss or (lazily_of_client(options, self._host), False)
        if gss is not None and self._direct:
            gss.reaches(self._addr())
        protocol = Connection(
            Role.CLIENT, client_settings(options, self._username, algorithms, gss, gss_kex=gss_kex)
        )
        host = self._host_identity() if self._host_keys else None
        self._authenticator = ClientAuthenticator(
            options, self._owner, self._keys, protocol.info, self._link.report, host, gss=gss is not None
        )
        protocol.expect(recall(self._host, self._port))
        first = self._authenticator.first_attempt()
        if first is not None:
            protocol.begin_with(first)
        return protocol

    def _look_up(self, printed: str) -> HostTrust:
        """Return what is believed of the host, where a program has printed some lines."""
        options, addr, peer = self._options, self._addr(), self._extra["peername"]
        # Who was called by no name, over a socket that was there, is known by where it is.
        port = peer[1] if isinstance(peer, tuple) and not self._host else self._port
        known_hosts = None if self._direct and is_this_machine(options, addr) else options.known_hosts
        return look_up(
            known_hosts, self._host, addr, port, options.host_key_alias, options.revoked_host_keys,
            options.strict_host_key_checking, alone(options).fingerprint_hash, printed,
        )  # fmt: skip

    async def _host_keys_announced(self, event: events.GlobalRequestQuestion) -> bool:
        return await self._updates.announced(event)

    def _host_identity(self) -> HostIdentity:
        from nacre.host_identity import HostIdentity  # few hosts vouch for their users

        return HostIdentity(self._options, self._host_keys, self.get_extra_info)

    def _auth(self) -> ClientAuthenticator:
        assert self._authenticator is not None
        return self._authenticator

    def _keys_exchanged(self, event: events.KeysExchanged) -> None:
        if event.first and self._host:
            remember(self._host, self._port, self._link.protocol.info.peer_prefers)
        super()._keys_exchanged(event)

    def link_lost(self, error: Exception | None) -> None:
        """The connection is over."""
        protocol = self._link.driver.protocol
        if protocol is not None and protocol.info.negotiated is None:
            forget(self._host, self._port)
        if self._authenticator is not None and not self.established.done():
            self._authenticator.explain(error)
        super().link_lost(error)

    def _completes_quietly(self) -> bool:
        return not self._auth().has_to_tell and super()._completes_quietly()

    async def _before_completed(self) -> None:
        await self._auth().succeeded()

    def _host_key_asked(self, event: events.HostKeyQuestion) -> None:
        assert self._trust is not None
        asks = event.by_gss or known_hosts_command(self._options) is not None
        known = None if asks else known_key(self._options, self._trust, event.shown)
        if known is None:
            self._answer(event, self._judge_host_key(event), events.Verdict.REFUSED)
        else:  # as in nearly every login
            self._host_key = known.key
            self._updates.believed(known)
            self._link.answer(event.token, events.Verdict.TRUSTED)

    def _signature_asked(self, event: events.SignatureNeeded) -> None:
        authenticator = self._auth()
        signature = authenticator.sign_at_once(event)
        if signature is None:
            self._answer(event, authenticator.sign(event), None)
        else:
            self._link.answer(event.token, signature)

    async def _judge_host_key(self, event: events.HostKeyQuestion) -> Any:
        assert self._trust is not None
        assert self._owner is not None
        where = (self._host, self._addr(), self._port)
        try:
            self._trust = await asked_about(self._options, self._trust, event.shown, self._look_up)
            judge = HostKeyJudge(self._options, self._owner, self._trust, where, self._told_by_dns)
            if event.by_gss:
                judgement = vouched_for(self._trust, event.shown)
            else:
                judgement = await judge.judge(event.shown)
        except HostKeyNotVerifiable as error:
            return self._distrust(error)
        except Exception as error:  # of a callback, most likely: it is reported, and nobody is believed
            self._setup_error = HostKeyNotVerifiable(
                f"the host key is not trusted: to judge it failed with {type(error).__name__}"
            )
            raise
        if judgement.grounds is Grounds.CHANGED:
            self._options = without_what_a_liar_could_use(self._options)
            self._auth().restrict(self._options)
        self._host_key = judgement.key
        self._updates.believed(judgement)
        return events.Verdict.TRUSTED

    def _told_by_dns(self, verdict: DnsVerdict) -> None:
        # For a callback that is asked about the key.
        self._extra["host_key_dns"] = verdict.value

    def _addr(self) -> str:
        """Return the server's address; "" behind a proxy command: what it hands over may lead to a proxy, as with ssh."""
        peer = self._extra["peername"]
        is_behind = self._host and self._options.proxy_command
        return peer[0] if isinstance(peer, tuple) and not is_behind else ""

    def _distrust(self, error: HostKeyNotVerifiable) -> HostKeyNotVerifiable:
        """Keep the whole story for our user; whoever is at the other end gets the short one."""
        self._setup_error = error
        return HostKeyNotVerifiable("the host key is not trusted")

    def get_server_host_key(self) -> SSHKey | None:
        """Return the key that the server has shown and that was trusted."""
        return self._host_key

    # ------------------------------------------------------------ sessions

    def _session_values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return every session option: what was given here, else what the connection has."""
        options, values = self._session_defaults
        if options is not self._options:
            options = self._options
            values = {name: getattr(options, name) for name in _SESSION_OPTIONS}
            self._session_defaults = options, values
        values = dict(values)
        for name, value in given.items():
            option = _SESSION_OPTIONS.get(name)
            if option is None:
                raise TypeError(f"a session has no option {name!r}")
            if not (isinstance(value, tuple) and not value):
                values[name] = accept(option, value)
                # What is asked for here stands in place of the connection's own default.
                if name == "command" and value is not None and "subsystem" not in given:
                    values["subsystem"] = None
                if name == "subsystem" and value is not None and "command" not in given:
                    values["command"] = None
        return values

    @staticmethod
    def _session_request(values: Mapping[str, Any], *, lends_agent: bool = False) -> SessionRequest:
        environment: dict[str, str] = {}
        for pattern in values["send_env"]:
            environment.update(
                {name: value for name, value in os.environ.items() if fnmatch.fnmatchcase(name, pattern)}
            )
        environment.update(values["env"] or {})
        wanted, term_type = values["request_pty"], values["term_type"]
        if wanted == "force":
            term_type = term_type or ""
        elif not wanted or (wanted == "auto" and (values["command"] or values["subsystem"])):
            term_type = None
        return SessionRequest(
            command=values["command"],
            subsystem=values["subsystem"],
            environment=environment,
            term_type=term_type,
            term_size=values["term_size"],
            term_modes=values["term_modes"],
            agent_forwarding=lends_agent,
        )

    def _lends_agent(self) -> bool:
        """Return whether the server is offered the user's agent: where the option says so, and there is one."""
        if self._lent is None and self._options.agent_forwarding:
            from nacre.agent.lending import lend  # for those who do

            self._lent = lend(self._link, self._options.agent_forwarding, agent_of(self._options))
        return self._lent is not None

    async def _agent_wanted(self, event: events.ChannelOpenQuestion) -> tuple[Channel, events.OpenAccept]:
        if self._lent is None:
            raise ChannelOpenError(OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, "no agent was offered")
        channel = await self._lent.accept(event.channel)
        return channel, events.OpenAccept(channel.get_recv_window(), channel.get_max_packet())

    async def create_session(
        self, session_factory: Callable[[], S], command: Any = (), **kwargs: Any
    ) -> tuple[SSHClientChannel[Any], S]:
        """Open a session.

        Args:
            session_factory: returns the `SSHClientSession` that is told of what comes.
            command: what to run; not given: a shell, or the connection's default.
            kwargs: options of one session: subsystem, env, send_env, request_pty, term_type,
                term_size, term_modes, encoding, errors, window, max_pktsize.

        Returns:
            The channel and the session.

        Raises:
            ChannelOpenError: the server refused, or the connection is over.
        """
        values = self._session_values({"command": command, **kwargs})
        lends_agent = bool(self._options.agent_forwarding) and self._lends_agent()
        wanted = self._session_request(values, lends_agent=lends_agent)
        channel: SSHClientChannel[Any] = SSHClientChannel(
            self._link, values["encoding"], values["errors"], values["window"], values["max_pktsize"]
        )
        if self._marker is not None:
            socket = self.get_extra_info("socket")
            self._marker.session_opens(socket, has_terminal=wanted.term_type is not None)
        session = await channel.create(session_factory, wanted)
        return channel, session

    async def open_session(
        self, *args: Any, **kwargs: Any
    ) -> tuple[SSHWriter[Any], SSHReader[Any], SSHReader[Any]]:
        """Open a session, as `create_session` without its factory, and return stdin, stdout, stderr."""
        _, session = await self.create_session(ClientStreamSession[Any], *args, **kwargs)
        return session.stdin, session.stdout, session.stderr

    @opening
    async def create_process(
        self,
        *args: Any,
        input: Any = None,  # noqa: A002 - the name that programs use
        stdin: Any = PIPE,
        stdout: Any = PIPE,
        stderr: Any = PIPE,
        bufsize: int = 8192,
        send_eof: bool = True,
        recv_eof: bool = True,
        **kwargs: Any,
    ) -> SSHClientProcess[Any]:
        """Start a process.

        Args:
            args: the command, if there is one.
            input: fed to standard input, which then ends.
            stdin: what is fed to standard input, as for `SSHClientProcess.redirect`.
            stdout: where standard output goes, as there.
            stderr: where standard error goes, as there.
            bufsize: bytes of one read of `stdin`.
            send_eof: whether the end of `stdin` ends the input of the process.
            recv_eof: whether the end of the output closes what it goes to.
            kwargs: options of one session, as for `create_session`.

        Raises:
            ChannelOpenError: the server refused.
            OSError: something that a stream is redirected to cannot be opened.
        """
        if input is None and bufsize > 0 and stdin is stdout is stderr is PIPE:
            return await self._start_plain(args, kwargs)
        plan = Plan(bufsize, send_eof, recv_eof)
        process: SSHClientProcess[Any] = SSHClientProcess(plan)
        await self._start_process(process, plan, input, stdin, stdout, stderr, args, kwargs)
        return process

    async def _start_plain(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> SSHClientProcess[Any]:
        """Start a process whose streams the program has, all three: nothing is to be opened."""
        process: SSHClientProcess[Any] = SSHClientProcess()
        await self.create_session(lambda: process, *args, **kwargs)
        return process

    async def _start_process(
        self,
        process: SSHClientProcess[Any],
        plan: Plan,
        input: Any,  # noqa: A002 - the name that programs use
        stdin: Any,
        stdout: Any,
        stderr: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        # Opened before the command runs: it must not run in vain.
        await plan.open({"stdin": PIPE if input is not None else stdin}, {"stdout": stdout, "stderr": stderr})
        try:
            await self.create_session(lambda: process, *args, **kwargs)
        except BaseException:
            await plan.close()
            raise
        try:
            await process.connect_streams(plan)
            if input is None:
                return
            if len(input) <= _INPUT_AT_ONCE:
                process.stdin.write(input)
                process.stdin.write_eof()
            else:
                process.stdin.write(input[:0])  # a wrong type is the caller's error, here and now
                process.channel.create_task(process.feed(input), "feeding the input")
        except BrokenPipeError:
            pass  # It has ended already; how is what the process says.
        except BaseException:
            process.close()
            raise

    async def create_subprocess(
        self,
        protocol_factory: Callable[[], SSHSubprocessProtocol[Any]],
        command: Any = (),
        bufsize: int = 8192,
        input: Any = None,  # noqa: A002 - the name that programs use
        stdin: Any = PIPE,
        stdout: Any = PIPE,
        stderr: Any = PIPE,
        encoding: Any = None,
        **kwargs: Any,
    ) -> tuple[SSHSubprocessTransport[Any], SSHSubprocessProtocol[Any]]:
        """Start a process that tells a protocol of its output, as `loop.subprocess_exec` does.

        Args:
            protocol_factory: returns the protocol.
            command: what to run; not given: a shell, or the connection's default.
            bufsize: bytes of one read of `stdin`.
            input: as for `create_process`, and so are `stdin`, `stdout` and `stderr`.
            stdin: PIPE: it is written through `get_pipe_transport(0)`.
            stdout: PIPE: the protocol is told of it.
            stderr: PIPE: the protocol is told of it; STDOUT: as of standard output.
            encoding: of the data; None: bytes.
            kwargs: options of one session, as for `create_session`.

        Returns:
            The transport and the protocol.

        Raises:
            ChannelOpenError: the server refused.
            OSError: something that a stream is redirected to cannot be opened.
        """
        plan = Plan(bufsize, True, True)
        protocol = protocol_factory()
        from nacre.process.subprocess import SSHSubprocessTransport  # few programs use one

        transport: SSHSubprocessTransport[Any] = SSHSubprocessTransport(protocol, plan)
        kwargs["encoding"] = encoding
        await self._start_process(transport, plan, input, stdin, stdout, stderr, (command,), kwargs)
        return transport, protocol

    async def run(
        self, *args: Any, check: bool = False, timeout: float | None = None, **kwargs: Any
    ) -> SSHCompletedProcess:
        """Run a process to its end and return what it said.

        Args:
            args: the command.
            check: raise `ProcessError` unless its status is 0.
            timeout: seconds, the opening of the session among them, after which it is closed.
            kwargs: as for `create_process`.

        Raises:
            ProcessError: with `check`.
            TimeoutError: it did not end in time.
        """
        deadline = None
        if timeout is None and kwargs.keys().isdisjoint(_REDIRECTIONS):
            process = await self._start_plain(args, kwargs)
        elif timeout is None:
            process = await self.create_process(*args, **kwargs)
        else:
            deadline = self._link.loop.time() + timeout
            limit = asyncio.timeout_at(deadline)
            try:
                async with limit:
                    process = await self.create_process(*args, **kwargs)
            except builtins.TimeoutError:
                if not limit.expired():
                    raise
                raise self._opening_timed_out(args, kwargs, timeout) from None
        try:
            return await process.wait_until(deadline, check, timeout)
        except BaseException:
            process.close()  # else it has ended
            raise

    def _opening_timed_out(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: float | None
    ) -> TimeoutError:
        given = {name: value for name, value in kwargs.items() if name in _SESSION_OPTIONS}
        wanted = self._session_request(
            self._session_values({**({"command": args[0]} if args else {}), **given})
        )
        command = None if wanted.command is None else wanted.command.decode("utf-8", "surrogateescape")
        return TimeoutError(
            wanted.environment, command, wanted.subsystem, None, None, None, "", "",
            f"the process did not start within {timeout} s",
        )  # fmt: skip

    # ------------------------------------------------------------ connections through this one

    @opening
    async def connect_ssh(self, host: str, port: int | tuple[()] = (), **kwargs: Any) -> SSHClientConnection:
        """Connect to another server through this one; all else as `nacre.connect`.

        Raises:
            ChannelOpenError: this server does not connect to it for us.
        """
        return await nacre.connect(host, port, tunnel=self, **kwargs)

    async def create_ssh_connection(
        self, client_factory: Any, host: str, port: int | tuple[()] = (), **kwargs: Any
    ) -> tuple[SSHClientConnection, SSHClient]:
        """Connect as `connect_ssh` does, and return the connection and its callback object."""
        return await nacre.create_connection(client_factory, host, port, tunnel=self, **kwargs)

    @opening
    async def connect_reverse_ssh(
        self, host: str, port: int | tuple[()] = (), **kwargs: Any
    ) -> SSHServerConnection:
        """Connect to a host through this server, and be its server; all else as `nacre.connect_reverse`."""
        return await nacre.connect_reverse(host, port, tunnel=self, **kwargs)

    # ------------------------------------------------------------ not in this version

    start_sftp_client = absent("start_sftp_client")
    listen_ssh = absent("listen_ssh")
    listen_reverse_ssh = absent("listen_reverse_ssh")
    create_connection = absent("create_connection")
    open_connection = absent("open_connection")
    create_server = absent("create_server")
    start_server = absent("start_server")
    create_unix_connection = absent("create_unix_connection")
    open_unix_connection = absent("open_unix_connection")
    create_unix_server = absent("create_unix_server")
    start_unix_server = absent("start_unix_server")
    create_tun = absent("create_tun")
    create_tap = absent("create_tap")
    open_tun = absent("open_tun")
    open_tap = absent("open_tap")
    forward_local_port = absent("forward_local_port")
    forward_local_path = absent("forward_local_path")
    forward_local_port_to_path = absent("forward_local_port_to_path")
    forward_local_path_to_port = absent("forward_local_path_to_port")
    forward_remote_port = absent("forward_remote_port")
    forward_remote_path = absent("forward_remote_path")
    forward_remote_port_to_path = absent("forward_remote_port_to_path")
    forward_remote_path_to_port = absent("forward_remote_path_to_port")
    forward_socks = absent("forward_socks")
    forward_tun = absent("forward_tun")
    forward_tap = absent("forward_tap")

    # ------------------------------------------------------------ tables of the class

    _questions: ClassVar[Handlers] = {
        **SSHConnection._questions,
        events.HostKeyQuestion: _host_key_asked,
        events.AuthNeeded: lambda self, event: self._answer(event, self._auth().next_or_why(event), None),
        events.SignatureNeeded: _signature_asked,
        events.PasswordChangeQuestion: lambda self, event: self._answer(
            event, self._auth().change_password(event), None
        ),
        events.KbdintChallenge: lambda self, event: self._answer(
            event, self._auth().answer_challenge(event), None
        ),
        events.BannerReceived: lambda self, event: self._tell(
            "auth_banner_received", event.message, event.lang
        ),
    }
    _opens: ClassVar[Mapping[str, OpenHandler]] = {
        "session": refused_channel("a session on a client"),
        "forwarded-tcpip": refused_channel("TCP forwarding"),
        "forwarded-streamlocal@openssh.com": refused_channel("UNIX forwarding"),
        "x11": refused_channel("X11 forwarding"),
        "auth-agent@openssh.com": _agent_wanted,
    }
    _requests: ClassVar[Mapping[str, GlobalHandler]] = {ANNOUNCE: _host_keys_announced}
