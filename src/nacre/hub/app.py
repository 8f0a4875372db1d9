"""The hub, running: listener, sessions, control socket, signals, and how it ends.

Owns: `run`, `Hub`, the first lines that a person sees, and the drain. Must not know: what a visit
does (`front`), who comes in (`login`).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Mapping
from enum import Enum
from typing import Final

import nacre
from nacre.hub.control import ControlServer, Handler
from nacre.hub.front import Front
from nacre.hub.ground import Ground, HubOptions, open_ground
from nacre.hub.isolation import Isolation, choose
from nacre.hub.login import HubServer, LoginBook
from nacre.hub.operations import Operations, SessionRow
from nacre.hub.problem import HubProblem, os_problem
from nacre.hub.sessions import SessionInfo, SessionManager
from nacre.hub.visit import Visit

__all__ = ["Hub", "run"]

_log: Final = logging.getLogger("nacre.hub")

#: How long connections get to take their last bytes.
_LAST_WORDS: Final = 3.0


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


class _Life(Enum):
    SERVING = "serving"
    DRAINING = "draining"
    OVER = "over"


class Hub:
    """One running hub.

    Args:
        ground: the open state.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        config = ground.config
        self._isolation: Isolation = choose(config.isolation, ground.paths)
        self._sessions = SessionManager(
            ground.paths, self._isolation, detached=config.detached, on_end=self._session_ended
        )
        self._front = Front(config, ground.state, ground.apps, self._sessions, self._isolation, self._where)
        self._book = LoginBook(ground.state, self._begin)
        self._leading: set[asyncio.Task[None]] = set()
        self._life = _Life.SERVING
        self._told = asyncio.Event()
        self._at_once = asyncio.Event()
        self._host, self._port = config.host, config.port

    # ------------------------------------------------------------ from start to end

    async def serve(self) -> int:
        """Serve until told to end; returns the exit status."""
        self._check_exposure()
        loop = asyncio.get_running_loop()
        await self._sessions.recover()
        await self._end_orphans()
        control = ControlServer(self._ground.paths, self._handlers())
        acceptor = await self._listen()
        try:
            await control.start()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._signalled)
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

    def _check_exposure(self) -> None:
        config = self._ground.config
        if not self._isolation.may_serve_others and not config.loopback:
            raise HubProblem(
                f"this hub cannot keep users apart, and is to listen on {config.host}",
                'install bubblewrap, start it as root, or set isolation = "none" if all users may read '
                "each other's files",
            )

    async def _listen(self) -> nacre.SSHAcceptor:
        config, key = self._ground.config, self._ground.host_key.key
        try:
            acceptor = await nacre.listen(
                config.host,
                config.port,
                server_factory=self._book.server,
                server_host_keys=[key],
                login_timeout=config.limits.login,
                keepalive_interval=config.keepalive.interval,
                keepalive_count_max=config.keepalive.count,
                encoding=None,
            )
        except OSError as error:
            raise HubProblem(
                f"cannot listen on {config.host} port {config.port}: {os_problem(error)}",
                "is another hub running there? Choose another with --port",
            ) from error
        self._port = acceptor.get_port()
        return acceptor

    async def _end_orphans(self) -> None:
        """Sessions of a former hub whose users were removed meanwhile."""
        known = {user.name for user in self._ground.state.users()}
        for info in self._sessions.sessions():
            if info.user not in known:
                await self._sessions.end(info.id)

    # ------------------------------------------------------------ what a person sees first

    def _where(self, user: str) -> str:
        host = self._host
        if host in ("", "0.0.0.0", "::"):
            host = socket.gethostname()
        port = "" if self._port == 22 else f"-p {self._port} "
        return f"ssh {port}{user}@{host}"

    def _introduce(self) -> None:
        ground = self._ground
        made = " (made now)" if ground.host_key.made else ""
        address = f"[{self._host}]" if ":" in self._host else self._host or "*"
        lines = [
            f"nacre hub · {address}:{self._port} · host key {ground.host_key.fingerprint}{made}"
            f" · state in {ground.paths.root}",
            "apps   " + "  ".join(str(app) for app in ground.apps),
        ]
        if self._isolation.notice:
            lines.append(f"note   {self._isolation.notice}")
        running = self._sessions.sessions()
        if running:
            lines.append(f"{len(running)} session(s) of the former hub still run")
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
        self._life = _Life.DRAINING
        grace = self._ground.config.grace
        keeps = "your sessions go on" if self._ground.config.detached else "your sessions end"
        self._front.draining = f"the hub is shutting down; {keeps}"
        if self._leading and grace:
            _log.info("shutting down in %.0f s", grace)
            for visit in list(self._front.attachments):
                await self._notify(visit, f"the hub shuts down in {grace:.0f} s; {keeps}")
            await self._until_gone(grace)
        for attachment in list(self._front.attachments.values()):
            attachment.detach()
        await self._until_gone(_LAST_WORDS)

    async def _until_gone(self, seconds: float) -> None:
        """Wait until nobody visits any more, for so long, or until told again."""
        hurry = asyncio.ensure_future(self._at_once.wait())
        try:
            gone = asyncio.ensure_future(self._all_gone())
            await asyncio.wait((gone, hurry), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        finally:
            hurry.cancel()
            await asyncio.gather(hurry, return_exceptions=True)

    async def _all_gone(self) -> None:
        while self._leading:
            await asyncio.wait(self._leading)

    async def _notify(self, visit: Visit, text: str) -> None:
        """Write a line at the foot of somebody's screen, and put the cursor back."""
        rows = visit.terminal.size[1] if visit.terminal is not None else 24
        if visit.writable:
            await visit.write(f"\a\x1b7\x1b[{rows};1H\x1b[0;7m {text} \x1b[0m\x1b[K\x1b8".encode())

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

    def _handlers(self) -> dict[str, Handler]:
        ground = self._ground
        handlers = dict(Operations(ground.paths, ground.state, ground.config, self).handlers())
        add = handlers["user.add"]

        async def add_user(arguments: Mapping[str, object]) -> object:
            self._check_second_user()
            return await add(arguments)

        handlers["user.add"] = add_user
        return handlers

    def _check_second_user(self) -> None:
        if not self._isolation.may_serve_others and self._ground.state.has_users():
            raise HubProblem(
                "this hub cannot keep users apart, and serves one only",
                'install bubblewrap, start it as root, or set isolation = "none"',
            )

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
        """Shut a user out: connections first, then sessions."""
        for server in list(self._book.servers):
            if server.user is not None and server.user.name == name:
                server.connection.close()
        return await self._sessions.end_user(name)
