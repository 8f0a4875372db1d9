"""The hub, running: listener, sessions, control socket, signals, and how it ends.

Owns: `run`, `Hub`, the first lines that a person sees, and the drain. Must not know: what a visit
does (`front`), who comes in (`login`).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import sys
from dataclasses import replace
from typing import Final

import nacre
from nacre.hub.control import ControlServer
from nacre.hub.front import Front
from nacre.hub.ground import Ground, HubOptions, open_ground
from nacre.hub.isolation import Isolation, choose
from nacre.hub.login import MAX_CHANNELS, MAX_SESSIONS, HubServer, LoginBook
from nacre.hub.operations import Operations, SessionRow
from nacre.hub.problem import HubProblem, os_problem
from nacre.hub.sessions import SessionInfo, SessionManager
from nacre.hub.visit import Visit
from nacre.hub.welcome import Welcome

__all__ = ["Hub", "run"]

_log: Final = logging.getLogger("nacre.hub")

#: How long clients get to take their last bytes, in seconds; and where somebody is in a hurry.
_LAST_WORDS: Final = 3.0
_LAST_WORDS_IN_HASTE: Final = 1.0
#: Per cent of the connections, where half of the places of those that have not logged in are taken.
_FIRST_DROPPED: Final = 30
_REMEDIES: Final = {
    errno.EADDRINUSE: "is another hub running there? Choose another port with --port",
    errno.EACCES: "ports below 1024 are root's; choose another with --port",
}


def run(options: HubOptions) -> int:
    """Run a hub in the foreground until it is told to end.

    Returns:
        The exit status.

    Raises:
        HubProblem: it cannot start; one line says why.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z"
    )
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    with open_ground(options) as ground:
        return asyncio.run(Hub(ground).serve())


class Hub:
    """One running hub.

    Args:
        ground: the open state.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._config = ground.config
        self._isolation: Isolation = choose(self._config.isolation, ground.paths)
        self._sessions = SessionManager(
            ground.paths,
            self._isolation,
            detached=self._config.detached,
            on_end=self._session_ended,
            owns_uid=ground.uids.owns,
        )
        welcome = Welcome(ground.state, self._isolation, self._where)
        self._front = Front(self._config, ground.state, ground.apps, self._sessions, welcome)
        self._book = LoginBook(ground.state, self._begin)
        self._leading: set[asyncio.Task[None]] = set()
        self._told = asyncio.Event()
        self._at_once = asyncio.Event()

    # ------------------------------------------------------------ from start to end

    async def serve(self) -> int:
        """Serve until told to end; returns the exit status."""
        self._check_exposure()
        await self._sessions.recover()
        await self._end_orphans()
        acceptor = await self._listen()
        ground = self._ground
        operations = Operations(ground.paths, ground.state, self._config, self)
        control = ControlServer(ground.paths, operations.handlers())
        try:
            await control.start()
            self._heed_signals()
            self._introduce()
            await self._told.wait()
            await self._drain()  # who comes meanwhile is told, not turned away
        finally:
            acceptor.close()
            await control.close()
            await self._close_connections()
            await acceptor.wait_closed()
            await self._sessions.close()
        return 0

    def _heed_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
                asyncio.get_running_loop().add_signal_handler(number, self._signalled)

    def _check_exposure(self) -> None:
        config = self._config
        if not self._isolation.may_serve_others and not config.loopback:
            raise HubProblem(
                f"this hub cannot keep users apart, and is to listen on {config.host}",
                'install bubblewrap, start it as root, or set isolation = "none" if all users may read '
                "each other's files",
            )

    async def _listen(self) -> nacre.SSHAcceptor:
        config, key = self._config, self._ground.host_key.key
        try:
            acceptor = await nacre.listen(
                config.host,
                config.port,
                server_factory=self._book.server,
                server_host_keys=[key],
                login_timeout=config.limits.login,
                ident_timeout=config.limits.identification,
                # From half of them on some are dropped at random, so that others still find a place.
                max_unauthenticated=(
                    (config.limits.unauthenticated + 1) // 2,
                    _FIRST_DROPPED,
                    config.limits.unauthenticated,
                ),
                max_per_source=config.limits.per_source,
                source_penalties=config.limits.penalties,
                exempt_sources=list(config.limits.exempt),  # an empty tuple is an option that was not given
                proxy_protocol_from=config.proxy_protocol_from,
                max_channels=MAX_CHANNELS,
                max_sessions=MAX_SESSIONS,
                agent_forwarding=False,  # programs run as other users, and could not use it
                keepalive_interval=config.keepalive.interval,
                keepalive_count_max=config.keepalive.count,
                encoding=None,
            )
        except OSError as error:
            number = error.errno or 0
            if number < 0 or number == errno.EADDRNOTAVAIL:  # the resolver's are below
                why = os_problem(error) if number < 0 else os.strerror(number)
                raise config.host_problem(why) from error
            raise HubProblem(
                f"cannot listen on {config.host} port {config.port}: {os.strerror(number)}",
                _REMEDIES.get(number, "correct --listen, or the listen of the configuration"),
            ) from error
        self._config = replace(config, port=acceptor.get_port())
        return acceptor

    async def _end_orphans(self) -> None:
        """Sessions of a former hub whose users were removed meanwhile."""
        known = {user.name for user in self._ground.state.users()}
        for info in self._sessions.sessions():
            if info.user not in known:
                await self._sessions.end(info.id)

    # ------------------------------------------------------------ what a person sees first

    def _where(self, user: str) -> str:
        return self._config.ssh_command(user)

    def _introduce(self) -> None:
        ground = self._ground
        made = " (made now)" if ground.host_key.made else ""
        host = self._config.host
        address = f"[{host}]" if ":" in host else host
        key = f"host key {ground.host_key.fingerprint}{made}"
        lines = [
            f"nacre hub · {address}:{self._config.port} · {key} · state in {ground.paths.root}",
            "apps   " + "  ".join(str(app) for app in ground.apps),
        ]
        if self._isolation.notice:
            lines.append(f"note   {self._isolation.notice}")
        running = self._sessions.sessions()
        if running:
            sessions = "1 session" if len(running) == 1 else f"{len(running)} sessions"
            lines.append(f"{sessions} of the hub before this one, still running")
        lines.append(self._invitation())
        for line in lines:
            print(f"  {line}", flush=True)

    def _invitation(self) -> str:
        state = self._ground.state
        users = state.users()
        if users:
            return f"log in with   {self._where(users[0].name)}"
        if not sys.stdout.isatty():
            return "No user yet. Add one with:  nacre hub user add NAME --key FILE  (and --state, if you gave it)"
        code = state.first_invite()
        if code is None:
            return "No user yet."
        return f"No user yet. Become the administrator, within an hour:   {self._where(code)}"

    # ------------------------------------------------------------ visits

    def _begin(self, server: HubServer, visit: Visit) -> None:
        task = asyncio.create_task(self._lead(server, visit))
        self._leading.add(task)
        task.add_done_callback(self._leading.discard)

    async def _lead(self, server: HubServer, visit: Visit) -> None:
        try:
            await self._front.lead(server, visit)
            async with asyncio.timeout(_LAST_WORDS):
                await visit.lost.wait()  # the client has taken all that was said
        except TimeoutError:
            pass
        except Exception as error:  # noqa: BLE001 - one visit's fault ends that visit and is reported
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"a visit of {server.name} failed", "exception": error}
            )
        finally:
            server.left(visit)

    def _session_ended(self, info: SessionInfo) -> None:
        _log.info("session %s: %s ended", info.id, info.app)

    # ------------------------------------------------------------ the end

    def _signalled(self) -> None:
        """TERM or Ctrl-C: drain; the second one ends at once."""
        if self._told.is_set():
            self._at_once.set()
        self._told.set()

    async def _drain(self) -> None:
        """Tell everybody, give them time, and restore each client's terminal."""
        grace = self._config.grace
        keeps = "your sessions go on" if self._config.detached else "your sessions end"
        self._front.drain(f"the hub is shutting down; {keeps}")
        if self._front.attachments and grace:
            _log.info("shutting down in %.0f s", grace)
            for visit in list(self._front.attachments):
                await self._notify(visit, f"the hub shuts down in {grace:.0f} s; {keeps}")
            await self._until_gone(grace)
        for attachment in list(self._front.attachments.values()):
            attachment.detach()
        if self._at_once.is_set():
            await self._all_gone(_LAST_WORDS_IN_HASTE)
        else:
            await self._until_gone(_LAST_WORDS)

    async def _until_gone(self, seconds: float) -> None:
        """Wait until nobody visits any more, for so long, or until told again."""
        hurry = asyncio.ensure_future(self._at_once.wait())
        gone = asyncio.ensure_future(self._all_gone(seconds))
        try:
            await asyncio.wait((gone, hurry), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            hurry.cancel()
            await asyncio.gather(gone, hurry, return_exceptions=True)

    async def _all_gone(self, seconds: float) -> None:
        """Wait until nobody visits any more, for so long."""
        try:
            async with asyncio.timeout(seconds):
                while self._leading:
                    await asyncio.wait(self._leading)
        except TimeoutError:
            _log.info("%d did not leave in %.0f s", len(self._leading), seconds)

    async def _notify(self, visit: Visit, text: str) -> None:
        """Write a line at the top of somebody's screen, where prompts seldom are; the cursor stays."""
        columns = visit.terminal.size[0] if visit.terminal is not None else 80
        if visit.writable:
            await visit.write(f"\a\x1b7\x1b[1;1H\x1b[0;7m{f' {text} '[:columns]}\x1b[0m\x1b[K\x1b8".encode())

    async def _close_connections(self) -> None:
        for task in list(self._leading):
            task.cancel()
        await asyncio.gather(*self._leading, return_exceptions=True)
        connections = [server.connection for server in self._book.servers]
        for connection in connections:
            connection.close()
        if connections:
            waiting = [asyncio.ensure_future(connection.wait_closed()) for connection in connections]
            await asyncio.wait(waiting, timeout=_LAST_WORDS)
            for connection, closed in zip(connections, waiting, strict=True):
                if not closed.done():
                    connection.abort()
            await asyncio.gather(*waiting, return_exceptions=True)

    # ------------------------------------------------------------ administration

    async def sessions(self) -> list[SessionRow]:
        """All that run, for `nacre hub session list`."""
        return [
            SessionRow(info.id, info.user, info.app, info.started, info.state, info.pid)
            for info in self._sessions.sessions()
        ]

    async def end_session(self, session_id: str) -> bool:
        """End one, for `nacre hub session end`."""
        return await self._sessions.end(session_id)

    async def end_user_sessions(self, name: str) -> int:
        """Shut a user out, who is not in the state any more: sessions first, which restores terminals."""
        ended = await self._sessions.end_user(name)
        for server in list(self._book.servers):
            if server.user is not None and server.user.name == name:
                server.connection.close()
        return ended
