"""A visit: bytes both ways with back-pressure, and its end."""

from __future__ import annotations

import asyncio

from tests.support.face import asynctest
from tests.support.guests import Guest


@asynctest
async def test_what_is_typed_is_read_in_order_and_untouched() -> None:
    guest = Guest()
    guest.type(b"\xff\x00")
    guest.type(b"\x80a")
    assert guest.visit.typed
    assert await guest.visit.read() == b"\xff\x00\x80a"
    assert not guest.visit.typed


@asynctest
async def test_typing_ahead_is_bounded() -> None:
    guest = Guest()
    guest.type(b"x" * 64 * 1024)
    assert guest.channel.reading
    guest.type(b"y")
    assert not guest.channel.reading
    await guest.visit.read()
    assert guest.channel.reading


@asynctest
async def test_reading_waits_and_ends() -> None:
    guest = Guest()
    reading = asyncio.create_task(guest.visit.read())
    await asyncio.sleep(0)
    assert not reading.done()
    guest.type(b"a")
    assert await reading == b"a"
    assert not guest.visit.ended
    assert guest.visit.eof_received()  # what we say still arrives
    assert await guest.visit.read() == b""
    assert guest.visit.ended
    assert not guest.visit.lost.is_set()


@asynctest
async def test_writing_waits_while_the_client_does_not_read() -> None:
    guest = Guest()
    guest.visit.pause_writing()
    assert not guest.visit.writable
    writing = asyncio.create_task(guest.visit.write(b"\xc3"))
    await asyncio.sleep(0)
    assert bytes(guest.channel.output) == b"\xc3"
    assert not writing.done()
    guest.visit.resume_writing()
    await writing
    assert guest.visit.writable


@asynctest
async def test_a_client_that_goes_wakes_everybody() -> None:
    guest = Guest()
    guest.visit.pause_writing()
    tasks = [asyncio.create_task(guest.visit.write(b"x")), asyncio.create_task(guest.visit.read())]
    await asyncio.sleep(0)
    guest.leave()
    assert await asyncio.gather(*tasks) == [None, b""]
    assert guest.visit.lost.is_set()
    before = bytes(guest.channel.output)
    await guest.visit.write(b"more")
    await guest.visit.tell("more")
    assert bytes(guest.channel.output) == before


@asynctest
async def test_a_client_that_discards_our_output_is_gone_and_still_gets_a_status() -> None:
    guest = Guest()
    guest.channel.discards = True
    await guest.visit.write(b"x")
    assert guest.visit.lost.is_set()
    guest.visit.exit(3)
    assert guest.channel.ending == 3


@asynctest
async def test_the_first_exit_counts() -> None:
    guest = Guest()
    guest.visit.exit(7)
    guest.visit.exit(1)
    guest.visit.exit_with_signal("TERM")
    assert guest.channel.ending == 7
    other = Guest()
    other.visit.exit_with_signal("KILL")
    assert other.channel.ending == "KILL"


@asynctest
async def test_lines_go_to_the_terminal_or_to_standard_error_and_are_harmless() -> None:
    with_terminal, without = Guest(), Guest(terminal=None)
    for guest in (with_terminal, without):
        await guest.visit.tell("one", "t\x1bw\u202eo\x9b")
    assert bytes(with_terminal.channel.output) == b"one\r\nt\\x1bw\\u202eo\\x9b\r\n"
    assert bytes(without.channel.errors) == b"one\nt\\x1bw\\u202eo\\x9b\n"
    assert not without.channel.output


@asynctest
async def test_sizes_and_signals_are_passed_on_where_somebody_wants_them() -> None:
    guest = Guest(terminal=(80, 24))
    visit = guest.visit
    visit.terminal_size_changed(100, 30, 5, 6)
    assert visit.terminal is not None
    assert visit.terminal.size == (100, 30, 5, 6)
    assert visit.terminal.term == "xterm"
    visit.signal_received("INT")
    seen: list[object] = []
    visit.resized = lambda *size: seen.append(size)
    visit.signalled = seen.append
    visit.terminal_size_changed(90, 20, 0, 0)
    visit.signal_received("INT")
    assert seen == [(90, 20, 0, 0), "INT"]
    plain = Guest(terminal=None)
    plain.visit.terminal_size_changed(1, 1, 0, 0)
    assert plain.visit.terminal is None


@asynctest
async def test_a_visit_begins_once_or_is_told_of() -> None:
    begun = Guest()
    begun.visit.session_started()
    begun.leave()
    assert begun.begun == [begun.visit]
    assert begun.unbegun == []
    never = Guest()
    never.leave()
    never.visit.session_started()
    assert never.begun == []
    assert never.unbegun == [never.visit]


@asynctest
async def test_every_kind_of_session_is_taken() -> None:
    visit = Guest().visit
    assert visit.shell_requested()
    assert visit.exec_requested("x")
    assert visit.subsystem_requested("sftp")
    assert not visit.break_received(5)
