"""What a person who is in gets: the menu, an app, a session that waits, or a line that says why not.

Owns: `Front`, which leads one visit from its beginning to its exit status. Must not know: keys and
codes (`login`, `welcome`), how bytes get to a session (`viewer`), how holders work.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from nacre.hub import apps as app_catalogue
from nacre.hub import menu
from nacre.hub.apps import App
from nacre.hub.attachment import Attachment, Ending, EndingKind
from nacre.hub.config import HubConfig
from nacre.hub.keyboard import Keyboard
from nacre.hub.login import HubServer
from nacre.hub.menu import Entry, Menu, Outcome
from nacre.hub.problem import HubProblem
from nacre.hub.route import REFUSED, Refusal, Start, route
from nacre.hub.route import Menu as MenuWanted
from nacre.hub.sessions import SessionInfo, SessionManager, Terminal
from nacre.hub.state import State
from nacre.hub.users import User
from nacre.hub.viewer import exit_as, sentence, view
from nacre.hub.visit import Visit
from nacre.hub.welcome import Welcome

__all__ = ["Front"]

_log: Final = logging.getLogger("nacre.hub")

#: An app that fails within so many seconds has not started as far as its user is concerned.
_AT_ONCE_SECONDS: Final = 2.0
_GONE: Final = "this login is not possible any more"


@dataclass(slots=True)
class Front:
    """What all visits of a hub share.

    Attributes:
        welcome: where those who come with an invite are led.
        draining: what to say to those who come while the hub ends, or None.
        attachments: who looks at a session now.
    """

    config: HubConfig
    state: State
    apps: tuple[App, ...]
    sessions: SessionManager
    welcome: Welcome
    draining: str | None = None
    attachments: dict[Visit, Attachment] = field(default_factory=dict)
    _keyboards: set[Keyboard] = field(default_factory=set)
    _starting: Counter[str] = field(default_factory=Counter)

    def drain(self, text: str) -> None:
        """From now on nothing is begun: who comes, and who is at a menu, is told so and leaves."""
        self.draining = text
        for keyboard in self._keyboards:
            keyboard.close()

    # ------------------------------------------------------------ one visit

    async def lead(self, server: HubServer, visit: Visit) -> None:
        """Lead a visit to its end. Whatever happens, the client gets an exit status."""
        keyboard = Keyboard(visit)
        self._keyboards.add(keyboard)
        try:
            self._check_not_draining()
            if server.user is not None:
                await self._user(server, server.user, visit, keyboard)
            else:
                await self.welcome.lead(server, visit, keyboard)
        except HubProblem as problem:
            await visit.tell(str(problem))
        finally:
            self._keyboards.discard(keyboard)
            visit.exit(REFUSED)  # does nothing where a status was sent

    async def _user(self, server: HubServer, user: User, visit: Visit, keyboard: Keyboard) -> None:
        self._check_still_there(user)
        login = server.login
        channel = visit.channel
        wanted = route(
            app_catalogue.available(self.apps, user),
            login.app if login is not None else None,
            channel.get_command(),
            channel.get_subsystem(),
            terminal=visit.terminal is not None,
        )
        if isinstance(wanted, Refusal):
            await visit.tell(*wanted.lines)
            visit.exit(wanted.status)
        elif isinstance(wanted, MenuWanted):
            await self._menu(user, visit, keyboard)
        else:
            await self._directly(user, wanted, visit, keyboard)

    def _check_still_there(self, user: User) -> None:
        """A user may be removed, and made anew as somebody else, while an old connection stands."""
        known = self.state.user(user.name)
        if known is None or known.number != user.number:
            raise HubProblem(_GONE)

    async def _directly(self, user: User, wanted: Start, visit: Visit, keyboard: Keyboard) -> None:
        """An app by name: back to it where it waits; asked where it is open elsewhere; else a new one."""
        begun = time.monotonic()
        ending = await self._resume(user, wanted.app, visit) if wanted.resume else None
        resumed = ending is not None
        if ending is None:
            elsewhere = [info for info in self._running(user) if info.app == wanted.app.name]
            if wanted.resume and elsewhere:
                entries = [_running_entry(info) for info in elsewhere]
                entries.append(Entry(wanted.app.name, "start another", False, wanted.app))
                heading = f"nacre hub · {user.name} · {wanted.app.name} is open in another terminal"
                entry = await self._choose(Menu(heading, entries), visit, keyboard)
                if entry is None:
                    self._check_not_draining()
                    visit.exit(0)
                    return
                resumed = isinstance(entry.value, SessionInfo)
                begun = time.monotonic()
                ending = await self._open(user, entry, visit)
            else:
                ending = await self._launch(user, wanted.app, wanted.argv, visit)
        if ending.kind in (EndingKind.DETACHED, EndingKind.LOST):
            await visit.tell(self.draining or sentence(wanted.app.name, ending))
        elif ending.status and not resumed and time.monotonic() - begun < _AT_ONCE_SECONDS:
            await visit.tell(f"{wanted.app.name} ended at once, with status {ending.status}")
        exit_as(visit, ending)

    # ------------------------------------------------------------ the menu

    async def _menu(self, user: User, visit: Visit, keyboard: Keyboard) -> None:
        """Show the menu until somebody leaves it; an app that ends leads back to it."""
        message = ""
        while not visit.lost.is_set():
            self._check_not_draining()
            self._check_still_there(user)
            picture = Menu(f"nacre hub · {user.name}", self._entries(user), message)
            entry = await self._choose(picture, visit, keyboard)
            if entry is None:
                break
            try:
                ending = await self._open(user, entry, visit)
            except HubProblem as problem:
                message = str(problem)
                continue
            message = sentence(entry.title, ending)
            if ending.kind is EndingKind.DETACHED:
                # Taken over by another login: it is the other terminal that goes on.
                await visit.tell(self.draining or message)
                break
        self._check_not_draining()
        visit.exit(0)

    def _check_not_draining(self) -> None:
        if self.draining is not None:
            raise HubProblem(self.draining)

    async def _choose(self, picture: Menu, visit: Visit, keyboard: Keyboard) -> Entry | None:
        visit.resized = lambda *_: keyboard.wake()
        await visit.write(menu.ENTER)
        try:
            while not visit.ended and not keyboard.over:
                terminal = visit.terminal or Terminal("", 80, 24)
                columns, rows, _, _ = terminal.size
                await visit.write(picture.draw(columns, rows))
                for key in await keyboard.keys():
                    match picture.key(key):
                        case Outcome.CHOSEN:
                            return picture.chosen
                        case Outcome.LEFT:
                            return None
                        case Outcome.REDRAW:
                            pass
            return None
        finally:
            visit.resized = None
            await visit.write(menu.LEAVE)

    def _running(self, user: User) -> list[SessionInfo]:
        """The sessions of a user, newest first."""
        return self.sessions.sessions(user.name)[::-1]

    def _entries(self, user: User) -> list[Entry]:
        apps = app_catalogue.available(self.apps, user)
        return [
            *(_running_entry(info) for info in self._running(user)),
            *(Entry(app.name, app.description, False, app) for app in apps),
        ]

    # ------------------------------------------------------------ sessions

    async def _open(self, user: User, entry: Entry, visit: Visit) -> Ending:
        """Do what an entry of the menu stands for."""
        if isinstance(entry.value, SessionInfo):
            return await self._attach(entry.value.id, visit)
        if isinstance(entry.value, App):
            return await self._launch(user, entry.value, app_catalogue.argv(entry.value, ""), visit)
        raise TypeError(f"{entry.value!r} in a menu")

    async def _resume(self, user: User, app: App, visit: Visit) -> Ending | None:
        """Come back to the newest session of an app that nobody looks at; None where there is none."""
        for info in self._running(user):
            if info.app == app.name and info.state == "detached":
                try:
                    attachment = await self._viewer(info.id, visit)
                except HubProblem:  # it has just ended
                    continue
                return await self._view(visit, attachment)
        return None

    async def _launch(self, user: User, app: App, argv: tuple[str, ...], visit: Visit) -> Ending:
        self._check_limits(user)
        terminal = _terminal(visit)
        self._starting[user.name] += 1
        try:
            info = await self.sessions.start(
                user.name,
                app.name,
                argv,
                terminal,
                visit.channel.get_environment(),
                uid=user.uid,
                more_names=self.config.environment,
            )
        finally:
            self._starting[user.name] -= 1
        _log.info("session %s: %s started %s", info.id, user.name, app.name)
        try:
            self._check_still_there(user)
        except HubProblem:
            await self.sessions.end(info.id)
            raise
        return await self._attach(info.id, visit)

    def _check_limits(self, user: User) -> None:
        """Count what runs and what is about to."""
        limits = self.config.limits
        own = len(self.sessions.sessions(user.name)) + self._starting[user.name]
        every = len(self.sessions.sessions()) + self._starting.total()
        if limits.sessions_per_user and own >= limits.sessions_per_user:
            raise HubProblem(
                f"you have {own} sessions running, the most there may be", "end one of them first"
            )
        if limits.sessions and every >= limits.sessions:
            raise HubProblem(
                f"this hub has {every} sessions running, the most there may be", "try again later"
            )

    async def _attach(self, session_id: str, visit: Visit) -> Ending:
        return await self._view(visit, await self._viewer(session_id, visit))

    async def _viewer(self, session_id: str, visit: Visit) -> Attachment:
        """Become the viewer of a session, in the size that the terminal has when that is done."""
        size = _terminal(visit).size
        attachment = await self.sessions.attach(session_id, _terminal(visit))
        if (now := _terminal(visit).size) != size:
            attachment.resize(*now)
        return attachment

    async def _view(self, visit: Visit, attachment: Attachment) -> Ending:
        self.attachments[visit] = attachment
        try:
            if self.draining is not None:
                attachment.detach()
            return await view(visit, attachment)
        finally:
            self.attachments.pop(visit, None)


def _terminal(visit: Visit) -> Terminal:
    if visit.terminal is None:
        raise HubProblem("an app needs a terminal", "add -t to the ssh command")
    return visit.terminal


def _running_entry(info: SessionInfo) -> Entry:
    where = "open in another terminal" if info.state == "attached" else info.state
    return Entry(info.app, f"{_since(info.started)}, {where}", True, info)


def _since(started: float) -> str:
    minutes = max(0, int(time.time() - started)) // 60
    if minutes < 1:
        return "for less than a minute"
    if minutes < 2 * 60:
        return f"for {minutes} min"
    return f"for {minutes // 60} h"
