"""What a person who is in gets, with stand-ins for the sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nacre.hub.apps import App
from nacre.hub.attachment import Ending, EndingKind
from nacre.hub.config import HubConfig, Limits
from nacre.hub.front import Front
from nacre.hub.paths import prepare
from nacre.hub.problem import HubProblem
from nacre.hub.route import parse_login
from nacre.hub.sessions import SessionInfo
from nacre.hub.state import State
from tests.support.face import asynctest
from tests.support.guests import Guest

APPS = (
    App("shell", ("/bin/sh",), description="a shell"),
    App("say", ("/bin/echo",), arguments=True),
    App("secret", ("/bin/true",), roles=frozenset({"admin"})),
)


class Attachment:
    """Yields "shown" and ends as it is told to."""

    def __init__(self, ending: Ending | None) -> None:
        self.ending: Ending | None = None
        self._wanted = ending
        self._over = asyncio.Event()
        if ending is not None:
            self._over.set()
        self._shown = False
        self.detached = False
        self.sizes: list[tuple[int, ...]] = []

    def __aiter__(self) -> Attachment:
        return self

    async def __anext__(self) -> bytes:
        if not self._shown:
            self._shown = True
            return b"shown"
        await self._over.wait()
        self.ending = self._wanted
        raise StopAsyncIteration

    def detach(self) -> None:
        self.detached = True
        self._wanted = self._wanted or Ending(EndingKind.DETACHED, text="detached")
        self._over.set()

    def close(self) -> None:
        self._over.set()

    async def write(self, data: bytes) -> None:
        pass

    def resize(self, *size: int) -> None:
        self.sizes.append(size)

    def signal(self, name: str) -> None:
        pass


class Sessions:
    """Stands in for the `SessionManager`."""

    def __init__(self) -> None:
        self.running: list[SessionInfo] = []
        self.started: list[tuple[Any, ...]] = []
        self.ended: list[str] = []
        self.attached: list[str] = []
        self.attachments: list[Attachment] = []
        self.before_attach: Any = lambda: None
        self.endings: list[Ending | None] = []
        self.before_start: Any = None
        self.gone: set[str] = set()

    def sessions(self, user: str | None = None) -> list[SessionInfo]:
        return [info for info in self.running if user in (None, info.user)]

    async def start(
        self, user: str, app: str, argv: Any, terminal: Any, environment: Any, **more: Any
    ) -> Any:
        self.started.append((user, app, tuple(argv), more["uid"]))
        if self.before_start is not None:
            await self.before_start()
        return SessionInfo("new", user, app, 0.0, "detached", 1)

    async def attach(self, session_id: str, terminal: Any) -> Attachment:
        if session_id in self.gone:
            raise HubProblem("it has just ended")
        self.before_attach()
        self.attached.append(session_id)
        self.attachments.append(
            Attachment(self.endings.pop(0) if self.endings else Ending(EndingKind.EXIT, status=0))
        )
        return self.attachments[-1]

    async def end(self, session_id: str) -> bool:
        self.ended.append(session_id)
        return True


class House:
    """A front with a user alice."""

    def __init__(self, state: State, config: HubConfig) -> None:
        self.state = state
        self.sessions = Sessions()
        self.welcomed: list[object] = []

        async def welcome(server: object, visit: Any, keyboard: object) -> None:
            self.welcomed.append(server)
            visit.exit(0)

        self.front = Front(config, state, APPS, self.sessions, SimpleNamespace(lead=welcome))  # type: ignore[arg-type] # stand-ins

    def server(self, name: str = "alice") -> Any:
        login = parse_login(name)
        return SimpleNamespace(user=self.state.user(login.user), login=login, invite=None)

    def running(self, name: str, app: str = "shell", state: str = "detached", started: float = 0.0) -> None:
        self.sessions.running.append(SessionInfo(name, "alice", app, started, state, 1))


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(prepare(tmp_path / "state"), (70000, 70099)) as opened:
        opened.add_user("alice")
        yield opened


@pytest.fixture
def house(state: State) -> House:
    return House(state, HubConfig())


@asynctest
async def test_an_app_by_name_starts_and_its_exit_is_passed_on(house: House) -> None:
    house.sessions.endings = [Ending(EndingKind.EXIT, status=3)]
    guest = Guest()
    await house.front.lead(house.server("alice+shell"), guest.visit)
    assert house.sessions.started == [("alice", "shell", ("/bin/sh",), 70000)]
    assert "shown" in guest.said
    assert "shell ended at once, with status 3" in guest.said
    assert guest.channel.ending == 3
    assert not house.front.attachments


@asynctest
async def test_a_command_with_arguments_is_always_a_new_session(house: House) -> None:
    house.running("old", "say")
    guest = Guest(command="say 'one two'")
    await house.front.lead(house.server(), guest.visit)
    assert house.sessions.started == [("alice", "say", ("/bin/echo", "one two"), 70000)]
    assert guest.channel.ending == 0


@asynctest
async def test_an_app_by_name_comes_back_to_the_newest_that_waits(house: House) -> None:
    house.running("older")
    house.running("newer", started=1.0)
    house.running("dead", started=2.0)
    house.sessions.gone = {"dead"}
    await house.front.lead(house.server("alice+shell"), Guest().visit)
    assert house.sessions.attached == ["newer"]
    assert house.sessions.started == []


@pytest.mark.parametrize("waits", [False, True], ids=["new", "waiting"])
@asynctest
async def test_a_window_that_changes_while_a_session_is_entered(house: House, waits: bool) -> None:
    if waits:
        house.running("waits")
    guest = Guest()
    house.sessions.before_attach = lambda: guest.visit.terminal_size_changed(100, 30, 0, 0)
    await house.front.lead(house.server("alice+shell"), guest.visit)
    assert house.sessions.attached == ["waits" if waits else "new"]
    assert house.sessions.attachments[0].sizes == [(100, 30, 0, 0)]


@pytest.mark.parametrize(
    ("keys", "attached", "started"), [(b"\r", "here", 0), (b"k\r", "new", 1), (b"q", None, 0)]
)
@asynctest
async def test_an_app_that_is_open_elsewhere_is_asked_about(
    house: House, keys: bytes, attached: str | None, started: int
) -> None:
    house.running("here", state="attached")
    guest = Guest()
    guest.type(keys)
    await house.front.lead(house.server("alice+shell"), guest.visit)
    assert "shell is open in another terminal" in guest.said
    assert house.sessions.attached == ([attached] if attached else [])
    assert len(house.sessions.started) == started
    assert guest.channel.ending == 0
    assert "\x1b[?1049l" in guest.said


@asynctest
async def test_the_menu_comes_back_after_an_app_and_q_leaves(house: House) -> None:
    house.sessions.endings = [Ending(EndingKind.SIGNAL, signal="KILL")]
    guest = Guest()
    guest.type(b"\r")
    leading = asyncio.create_task(house.front.lead(house.server(), guest.visit))
    await guest.hears("shell was ended by the signal KILL")
    guest.type(b"q")
    await leading
    assert guest.channel.ending == 0
    assert guest.said.count("\x1b[?1049h") == guest.said.count("\x1b[?1049l") == 2
    assert "secret" not in guest.said


@asynctest
async def test_who_is_taken_over_in_the_menu_is_told_and_leaves(house: House) -> None:
    house.running("here", state="attached")
    house.sessions.endings = [Ending(EndingKind.DETACHED, text="taken over by another login")]
    guest = Guest()
    guest.type(b"\r")
    await house.front.lead(house.server(), guest.visit)
    assert guest.said.endswith("shell: taken over by another login\r\n")
    assert guest.channel.ending == 0


@asynctest
async def test_limits_count_what_is_being_started(state: State) -> None:
    house = House(state, HubConfig(limits=replace(Limits(), sessions_per_user=1)))
    started = asyncio.Event()
    go_on = asyncio.Event()

    async def wait() -> None:
        started.set()
        await go_on.wait()

    house.sessions.before_start = wait
    first, second = Guest(), Guest()
    starting = asyncio.create_task(house.front.lead(house.server("alice+shell"), first.visit))
    await started.wait()
    await house.front.lead(house.server("alice+shell"), second.visit)
    assert "you have 1 sessions running, the most there may be" in second.said
    assert second.channel.ending == 1
    go_on.set()
    await starting
    assert first.channel.ending == 0


@asynctest
async def test_a_user_who_is_removed_while_an_app_starts_does_not_keep_it(house: House) -> None:
    async def remove() -> None:
        house.state.remove_user("alice")

    house.sessions.before_start = remove
    guest = Guest()
    await house.front.lead(house.server("alice+shell"), guest.visit)
    assert house.sessions.ended == ["new"]
    assert house.sessions.attached == []
    assert "this login is not possible any more" in guest.said
    assert guest.channel.ending == 1


@asynctest
async def test_an_old_connection_of_a_user_made_anew_is_somebody_elses(house: House) -> None:
    server = house.server("alice+shell")
    house.state.remove_user("alice")
    house.state.home_deleted("alice")  # else it is the same user, who came back to the same home
    house.state.add_user("alice")
    guest = Guest()
    await house.front.lead(server, guest.visit)
    assert "this login is not possible any more" in guest.said
    assert house.sessions.started == []


@asynctest
async def test_refusals_have_their_lines_and_statuses(house: House) -> None:
    for guest, name, words, status in (
        (Guest(terminal=None), "alice+shell", "add -t to the ssh command", 1),
        (Guest(terminal=None), "alice", "add -t to the ssh command", 1),
        (Guest(), "alice+secret", "there is no app secret; yours are:", 127),
        (Guest(subsystem="sftp", terminal=None), "alice", "sftp is not in this version of the hub", 1),
    ):
        await house.front.lead(house.server(name), guest.visit)
        assert words in guest.said
        assert guest.channel.ending == status


@asynctest
async def test_while_the_hub_ends_nothing_is_begun_and_menus_are_left(house: House) -> None:
    at_menu = Guest()
    leading = asyncio.create_task(house.front.lead(house.server(), at_menu.visit))
    await at_menu.hears("q leaves")
    house.front.drain("the hub is shutting down")
    await leading
    assert at_menu.said.endswith("\x1b[?1049lthe hub is shutting down\r\n")
    late = Guest()
    await house.front.lead(house.server("alice+shell"), late.visit)
    assert late.said == "the hub is shutting down\r\n"
    assert late.channel.ending == 1
    assert house.sessions.started == []


@asynctest
async def test_an_attached_session_is_let_go_when_the_hub_says_so(house: House) -> None:
    house.sessions.endings = [None]
    guest = Guest()
    leading = asyncio.create_task(house.front.lead(house.server("alice+shell"), guest.visit))
    await guest.hears("shown")
    house.front.drain("the hub is shutting down; your sessions go on")
    (attachment,) = house.front.attachments.values()
    attachment.detach()
    await leading
    assert guest.said.endswith("the hub is shutting down; your sessions go on\r\n")


@asynctest
async def test_invites_are_led_to_their_welcome(house: House) -> None:
    guest = Guest()
    server = SimpleNamespace(user=None, login=None, invite="invite-x")
    await house.front.lead(server, guest.visit)  # type: ignore[arg-type] # a stand-in
    assert house.welcomed == [server]
    assert guest.channel.ending == 0


@asynctest
async def test_a_fault_still_gives_the_client_a_status(house: House) -> None:
    async def fail() -> None:
        raise RuntimeError("a bug")

    house.sessions.before_start = fail
    guest = Guest()
    with pytest.raises(RuntimeError):
        await house.front.lead(house.server("alice+shell"), guest.visit)
    assert guest.channel.ending == 1
