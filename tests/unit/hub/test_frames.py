"""Frames between the hub and a holder."""

import pytest

from nacre.hub import frames
from nacre.hub.frames import Frame, FrameError, FrameReader


def test_layout():
    assert frames.encode(Frame.INPUT, b"ab") == b"\0\0\0\2\2ab"
    assert frames.encode(Frame.DETACH) == b"\0\0\0\0\5"
    assert frames.encode_json(Frame.EXIT, {"status": 3}) == b'\0\0\0\x0d\x12{"status": 3}'


def test_frames_come_whole_however_they_are_split():
    data = (
        frames.encode(Frame.OUTPUT, b"one")
        + frames.encode(Frame.DETACHED, b"")
        + frames.encode(Frame.INPUT, b"x")
    )
    expected = [(Frame.OUTPUT, b"one"), (Frame.DETACHED, b""), (Frame.INPUT, b"x")]
    for cut in range(len(data) + 1):
        reader = FrameReader()
        assert reader.feed(data[:cut]) + reader.feed(data[cut:]) == expected
    reader = FrameReader()
    assert [frame for octet in data for frame in reader.feed(bytes((octet,)))] == expected


@pytest.mark.parametrize(
    "data",
    [b"\xff\xff\xff\xff\2", b"\0\4\0\1\2", b"\0\0\0\0\0", b"\0\0\0\0\x63"],
    ids=["length of 4 GiB", "a byte past the bound", "kind 0", "an unknown kind"],
)
def test_what_is_no_frame_is_refused_before_its_payload_is_there(data):
    with pytest.raises(FrameError):
        FrameReader().feed(data)


def test_too_large_a_frame_cannot_be_made():
    with pytest.raises(ValueError, match="262145"):
        frames.encode(Frame.INPUT, bytes(frames.MAX_PAYLOAD + 1))


def test_sizes():
    encoded = frames.encode_size(Frame.RESIZE, 120, 36, 0, 1 << 20)
    assert encoded[5:] == b"\0\0\0\x78\0\0\0\x24\0\0\0\0\0\0\xff\xff"
    assert frames.size_of(encoded[5:]) == (120, 36, 0, 65535)
    for bad in (b"", encoded[5:-1], b"\0\1\0\0" * 4):
        with pytest.raises(FrameError):
            frames.size_of(bad)
