"""The states of a channel, as the channel of a session that runs goes through them."""

from __future__ import annotations

from nacre.aio.phases import Phase, Sending
from tests.support.face import asynctest, two_sessions


@asynctest
async def test_a_session_goes_through_its_phases() -> None:
    async with two_sessions() as (client, server, _):
        for session in (client, server):
            assert session.chan._phase is Phase.STARTED
            assert session.chan._sending is Sending.OPEN
        server.chan.exit(0)
        await client.chan.wait_closed()
        await server.chan.wait_closed()
        for session in (client, server):
            assert session.chan._phase is Phase.GONE
            assert session.chan._sending is Sending.CLOSED
