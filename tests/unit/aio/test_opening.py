"""What can be awaited and entered, in every way that programs do it."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest

import nacre
from nacre.aio.opening import opening
from tests.support.face import HOST, asynctest, client_options, host_key, serving


class Thing:
    """Something that is opened and closed."""

    closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.closed = True


@opening
async def open_thing(fail: bool = False) -> Thing:
    """Open a thing."""
    await asyncio.sleep(0)
    if fail:
        raise ZeroDivisionError
    return Thing()


@asynctest
async def test_awaited_entered_or_run_as_a_task() -> None:
    assert not (await open_thing()).closed
    async with open_thing() as thing:
        assert not thing.closed
    assert thing.closed
    async with await open_thing() as other:
        pass
    assert other.closed
    assert isinstance(await asyncio.create_task(open_thing()), Thing)
    assert isinstance(await asyncio.wait_for(open_thing(), 5), Thing)
    assert len(await asyncio.gather(open_thing(), open_thing())) == 2
    assert open_thing.__doc__ == "Open a thing."


@asynctest
async def test_failures_and_cancellation() -> None:
    with pytest.raises(ZeroDivisionError):
        await open_thing(fail=True)
    with pytest.raises(ZeroDivisionError):
        async with open_thing(fail=True):
            pass
    task = asyncio.create_task(open_thing())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    open_thing().close()
    with pytest.raises(KeyError):
        async with open_thing() as thing:
            raise KeyError
    assert thing.closed


@asynctest
async def test_the_public_calls() -> None:
    def handler(process: Any) -> None:
        process.stdout.write("x")
        process.exit(0)

    server = {"server_host_keys": [host_key()], "process_factory": handler}

    class Open(nacre.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

    async with nacre.listen(HOST, 0, server_factory=Open, **server) as listener:
        async with (
            nacre.connect(HOST, listener.get_port(), **client_options()) as connection,
            connection.create_process("x") as process,
        ):
            assert await process.stdout.read() == "x"
        assert connection.is_closed()
    assert not listener.is_serving()
    async with nacre.create_server(Open, HOST, 0, **server) as listener:
        pass
    async with serving() as other:
        assert other.is_serving()
