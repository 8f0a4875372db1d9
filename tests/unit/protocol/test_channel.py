"""The state of one channel."""

from __future__ import annotations

import pytest

from nacre.protocol.channel import Channel, ChannelState, Flow


@pytest.mark.parametrize(("state", "by_peer"), [(ChannelState.OPENING, False), (ChannelState.DECIDING, True)])
def test_who_opened_it_stays_known(state, by_peer):
    channel = Channel(3, "session", state)
    channel.state = ChannelState.OPEN
    assert channel.by_peer is by_peer


def test_a_new_channel_can_send_nothing():
    channel = Channel(3, "session", ChannelState.OPENING)
    assert (channel.number, channel.kind) == (3, "session")
    assert (channel.send_left, channel.max_send, channel.replies_expected) == (0, 0, 0)
    assert channel.receive is None
    assert channel.inbound is channel.outbound is Flow.OPEN
