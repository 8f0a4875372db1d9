"""What a person who is in gets: the dialogue of an invite, the menu, an app, or a line that says why not.

Owns: `Front`, which leads one visit from its beginning to its exit status, and the bridge between a
visit and a session. Must not know: keys, sockets, how holders work.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nacre.hub import apps as app_catalogue
from nacre.hub import menu
from nacre.hub.apps import App
from nacre.hub.config import HubConfig
from nacre.hub.enrol import Enrolment, Wish
from nacre.hub.invites import InviteError, InviteFault, InviteLimiter
from nacre.hub.isolation import Isolation
from nacre.hub.keystrokes import Keystrokes
from nacre.hub.login import HubServer
from nacre.hub.menu import Entry, Menu, Outcome
from nacre.hub.problem import HubProblem
from nacre.hub.route import REFUSED, Refusal, Start, route
from nacre.hub.route import Menu as MenuWanted
from nacre.hub.sessions import Attachment, Ending, EndingKind, SessionInfo, SessionManager, Terminal
from nacre.hub.state import State
from nacre.hub.users import User, check_user_name, fingerprint
from nacre.hub.visit import Visit

__all__ = ["Front"]

_log: Final = logging.getLogger("nacre.hub")

#: How long an ESC may wait for the rest of a sequence before it is the key.
_ESCAPE_SECONDS: Final = 0.2
#: A failing code costs this long, so that guessing is slow beside the hub's limit.
_FAILED_SECONDS: Final = 1.0
_NOT_VALID: Final = "this invite is not valid: ask for a new one"


@dataclass(slots=True)
class Front:
    """What all visits of a hub share.

    Attributes:
        where: the address to type, as "-p 8022 {user}@127.0.0.1".
        draining: the hub is about to end: what to say to those who come, or None.
    """

    config: HubConfig
    state: State
    apps: tuple[App, ...]
    sessions: SessionManager
    isolation: Isolation
    where: Callable[[str], str]
    limiter: InviteLimiter = field(default_factory=InviteLimiter)
    draining: str | None = None
    attachments: dict[Visit, Attachment] = field(default_factory=dict)

    # ------------------------------------------------------------ one visit

    async def lead(self, server: HubServer, visit: Visit) -> None:
        """Lead a visit to its end. Whatever happens, the client gets an exit status."""
        try:
            if self.draining is not None:
                await visit.tell(self.draining)
                visit.exit(REFUSED)
            elif server.user is not None:
                await self._user(server, server.user, visit)
            else:
                await self._invited(server, visit)
        except HubProblem as problem:
            await visit.tell(str(problem))
            visit.exit(REFUSED)
        finally:
            visit.exit(REFUSED)  # does nothing where a status was sent

    async def _user(self, server: HubServer, user: User, visit: Visit) -> None:
        known = self.state.user(user.name)
        if known is None:
            raise HubProblem("this login is not possible any more")
        login = server.login
        channel = visit.channel
        wanted = route(
            app_catalogue.available(self.apps, known),
            login.app if login is not None else None,
            channel.get_command(),
            channel.get_subsystem(),
            terminal=visit.terminal is not None,
        )
        if isinstance(wanted, Refusal):
            await visit.tell(*wanted.lines)
            visit.exit(wanted.status)
        elif isinstance(wanted, MenuWanted):
            await self._menu(known, visit)
        else:
            ending = await self._start(known, wanted, visit)
            await self._say(visit, ending)
            _exit_as(visit, ending)

    # ------------------------------------------------------------ the menu

    async def _menu(self, user: User, visit: Visit) -> None:
        """Show the menu until somebody leaves it; an app that ends leads back to it."""
        message = ""
        while not visit.lost.is_set() and self.draining is None:
            entry = await self._choose(user, visit, message)
            if entry is None:
                break
            try:
                if isinstance(entry.value, SessionInfo):
                    ending = await self._attach(entry.value.id, visit)
                elif isinstance(entry.value, App):
                    app = entry.value
                    ending = await self._start(user, Start(app, app_catalogue.argv(app, ""), False), visit)
                else:
                    raise TypeError(f"{entry.value!r} in the menu")
            except HubProblem as problem:
                message = str(problem)
                continue
            message = _sentence(entry.title, ending)
            if ending.kind is EndingKind.DETACHED:
                break
        if message and self.draining is not None:
            await visit.tell(self.draining)
        visit.exit(0)

    async def _choose(self, user: User, visit: Visit, message: str) -> Entry | None:
        picture = Menu(f"nacre hub · {user.name}", self._entries(user), message)
        keys = Keystrokes()
        redraw = asyncio.Event()
        visit.resized = lambda *_: redraw.set()
        await visit.write(menu.ENTER)
        try:
            while True:
                terminal = visit.terminal or Terminal("", 80, 24)
                columns, rows, _, _ = terminal.size
                await visit.write(picture.draw(columns, rows))
                for key in await self._keys(visit, keys, redraw):
                    match picture.key(key):
                        case Outcome.CHOSEN:
                            return picture.chosen
                        case Outcome.LEFT:
                            return None
                        case Outcome.REDRAW:
                            pass
                if visit.ended:
                    return None
        finally:
            visit.resized = None
            await visit.write(menu.LEAVE)

    def _entries(self, user: User) -> list[Entry]:
        running = [
            Entry(info.app, f"{_since(info.started)}, {info.state}", True, info)
            for info in reversed(self.sessions.sessions(user.name))
        ]
        apps = app_catalogue.available(self.apps, user)
        return running + [Entry(app.name, app.description, False, app) for app in apps]

    async def _keys(self, visit: Visit, keys: Keystrokes, redraw: asyncio.Event) -> list[str]:
        """Wait for keys, or for a reason to draw again."""
        reading = asyncio.ensure_future(visit.wait_readable())
        resizing = asyncio.ensure_future(redraw.wait())
        try:
            done, _ = await asyncio.wait(
                (reading, resizing),
                return_when=asyncio.FIRST_COMPLETED,
                timeout=_ESCAPE_SECONDS if keys.unfinished else None,
            )
        finally:
            reading.cancel()
            resizing.cancel()
            await asyncio.gather(reading, resizing, return_exceptions=True)
        redraw.clear()
        if not done:
            return keys.flush()
        if visit.typed:
            return keys.feed(await visit.read())
        return []

    # ------------------------------------------------------------ sessions

    async def _start(self, user: User, wanted: Start, visit: Visit) -> Ending:
        if wanted.resume:
            waiting = [
                info
                for info in self.sessions.sessions(user.name)
                if info.app == wanted.app.name and info.state == "detached"
            ]
            if waiting:
                return await self._attach(waiting[-1].id, visit)
        self._check_limits(user)
        terminal = visit.terminal
        if terminal is None:
            raise HubProblem("an app needs a terminal: add -t to the ssh command")
        info = await self.sessions.start(
            user.name,
            wanted.app.name,
            wanted.argv,
            terminal,
            visit.channel.get_environment(),
            uid=user.uid,
            more_names=self.config.environment,
        )
        _log.info("session %s: %s started %s", info.id, user.name, wanted.app.name)
        return await self._attach(info.id, visit)

    def _check_limits(self, user: User) -> None:
        limits = self.config.limits
        own, every = len(self.sessions.sessions(user.name)), len(self.sessions.sessions())
        if limits.sessions_per_user and own >= limits.sessions_per_user:
            raise HubProblem(
                f"you have {own} sessions running, the most there may be", "end one of them first"
            )
        if limits.sessions and every >= limits.sessions:
            raise HubProblem(
                f"this hub has {every} sessions running, the most there may be", "try again later"
            )

    async def _attach(self, session_id: str, visit: Visit) -> Ending:
        """Be the viewer of a session until one of them ends."""
        attachment = await self.sessions.attach(session_id, visit.terminal or Terminal("", 80, 24))
        self.attachments[visit] = attachment
        visit.resized = attachment.resize
        visit.signalled = attachment.signal
        typing = asyncio.create_task(_type(visit, attachment))
        try:
            async for data in attachment:
                await visit.write(data)
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)
            visit.resized = visit.signalled = None
            self.attachments.pop(visit, None)
            attachment.close()
        return attachment.ending or Ending(EndingKind.LOST, text="the session ended unexpectedly")

    async def _say(self, visit: Visit, ending: Ending) -> None:
        if self.draining is not None and ending.kind is EndingKind.DETACHED:
            await visit.tell(self.draining)
        elif ending.kind in (EndingKind.DETACHED, EndingKind.LOST):
            await visit.tell(ending.text)

    # ------------------------------------------------------------ invites

    async def _invited(self, server: HubServer, visit: Visit) -> None:
        if visit.terminal is None:
            raise HubProblem("an invite is a dialogue: add -t to the ssh command")
        code = server.invite or ""
        now = time.monotonic()
        invite = self.state.invite(code, time.time()) if self.limiter.allowed(now) else None
        if invite is None:
            self.limiter.failed(now)
            _log.warning("refused an invite from %s", server.address)
            await asyncio.sleep(_FAILED_SECONDS)
            raise HubProblem(_NOT_VALID)
        if not self.isolation.may_serve_others and self.state.has_users() and invite.user is None:
            raise HubProblem(
                "this hub cannot keep users apart, and serves one only",
                'its administrator can set isolation = "none", or install bubblewrap',
            )
        enrolment = Enrolment(fingerprint(server.key_blob), invite.user)
        await visit.write(enrolment.begin().encode())
        if await self._converse(server, visit, enrolment, code):
            await visit.tell(
                "",
                f"{enrolment.name} is bound to this key. From now on, type:",
                "",
                f"  {self.where(enrolment.name)}",
                "",
            )
            visit.exit(0)
        else:
            await visit.tell("nothing was bound; the invite is not spent")
            visit.exit(REFUSED)

    async def _converse(self, server: HubServer, visit: Visit, enrolment: Enrolment, code: str) -> bool:
        """Go through the dialogue; returns whether the key was bound."""
        keys = Keystrokes()
        nothing = asyncio.Event()
        while not visit.ended:
            for key in await self._keys(visit, keys, nothing):
                text, wish = enrolment.key(key)
                await visit.write(text.encode())
                match wish:
                    case Wish.CHECK_NAME:
                        await visit.write(self._check_name(enrolment).encode())
                    case Wish.LEAVE:
                        return False
                    case Wish.REDEEM:
                        refusal = self._redeem(server, enrolment, code)
                        if refusal is None:
                            return True
                        await visit.write(enrolment.refuse_name(refusal).encode())
                    case Wish.NOTHING:
                        pass
        return False

    def _check_name(self, enrolment: Enrolment) -> str:
        try:
            check_user_name(enrolment.name)
        except HubProblem as problem:
            return enrolment.refuse_name(str(problem))
        return enrolment.accept_name()

    def _redeem(self, server: HubServer, enrolment: Enrolment, code: str) -> str | None:
        """Bind the key. Returns what to say where another name would help; else raises."""
        try:
            user = self.state.redeem(code, enrolment.name, server.key_blob, time.time())
        except InviteError as error:
            if error.fault in (InviteFault.NAME_INVALID, InviteFault.NAME_TAKEN):
                return str(error)
            raise
        _log.info(
            "enrolled %s (%s) from %s with %s",
            user.name,
            user.role,
            server.address,
            fingerprint(server.key_blob),
        )
        return None


async def _type(visit: Visit, attachment: Attachment) -> None:
    """Carry what the client types to the session; a client that is gone leaves it."""
    while data := await visit.read():
        await attachment.write(data)
    if not visit.lost.is_set():
        await visit.lost.wait()  # its standard input has ended, but it still reads
    attachment.close()


def _exit_as(visit: Visit, ending: Ending) -> None:
    match ending.kind:
        case EndingKind.EXIT:
            visit.exit(ending.status or 0)
        case EndingKind.SIGNAL:
            visit.exit_with_signal(ending.signal or "TERM")
        case EndingKind.DETACHED:
            visit.exit(0)
        case EndingKind.LOST:
            visit.exit(REFUSED)


def _sentence(app: str, ending: Ending) -> str:
    """What the menu says of the app that was left."""
    match ending.kind:
        case EndingKind.EXIT if not ending.status:
            return ""
        case EndingKind.EXIT:
            return f"{app} ended with status {ending.status}"
        case EndingKind.SIGNAL:
            return f"{app} was ended by {ending.signal}"
        case EndingKind.DETACHED | EndingKind.LOST:
            return ending.text


def _since(started: float) -> str:
    minutes = max(0, int(time.time() - started)) // 60
    if minutes < 1:
        return "for less than a minute"
    if minutes < 2 * 60:
        return f"for {minutes} min"
    return f"for {minutes // 60} h"
