"""Attacks on channels (rows 65 to 72).

Owns: these sequences, as data. Written from the RFCs, OpenSSH's PROTOCOL and the rules of order ("1e").
Must not know: nacre.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.security.expectations import Phase, Role
from tests.security.steps import (
    ALIVE,
    BOTH,
    GONE,
    AttackSequence,
    answer,
    attack,
    check,
    do,
    expect,
    never,
    send,
)

__all__ = ["channels"]


def channels() -> Iterator[AttackSequence]:
    """Rows 65 to 72: channels that do not exist, are over, or are too many."""
    done = Phase.AUTHENTICATED
    for role in BOTH:
        for name in ("REQUEST_SUCCESS", "REQUEST_FAILURE"):
            yield attack(
                f"unsolicited_{role}_{name.lower()}",
                65,
                role,
                done,
                send(name, times=10_000),
                expect("DISCONNECT", by=1),
                check("memory-growth", bytes=1 << 20),
                source="row 65",
            )
        for name in ("CHANNEL_SUCCESS", "CHANNEL_FAILURE"):
            yield attack(
                f"unsolicited_{role}_{name.lower()}_on_an_open_channel",
                65,
                role,
                done,
                do("open-session"),
                send(name, channel=0, times=10_000),
                expect("DISCONNECT", by=1),
                source="row 65",
            )
        for name in ("CHANNEL_OPEN_CONFIRMATION", "CHANNEL_OPEN_FAILURE"):
            low = name.lower()
            yield attack(
                f"{low}_{role}_for_unknown_channel",
                65,
                role,
                done,
                send(name, channel=7),
                GONE,
                source="row 65",
            )
            yield attack(
                f"{low}_{role}_for_an_open_channel",
                65,
                role,
                done,
                do("open-session"),
                send(name, channel=0),
                GONE,
                source="RFC 4254 5.1: answers an OPEN, once",
            )
            yield attack(
                f"{low}_{role}_twice",
                65,
                role,
                done,
                do("half-open"),
                send(name, channel=0),
                send(name, channel=0),
                GONE,
                source="RFC 4254 5.1: answers an OPEN, once",
            )
        yield attack(
            f"window_{role}_adjust_overflow",
            67,
            role,
            done,
            do("open-session"),
            send("CHANNEL_WINDOW_ADJUST", channel=0, adjust=2**32 - 1),
            GONE,
            source="RFC 4254 5.2: MUST NOT be increased above 2^32 - 1; row 67",
        )
        yield attack(
            f"window_{role}_adjust_overflow_in_steps",
            67,
            role,
            done,
            do("open-session"),
            send("CHANNEL_WINDOW_ADJUST", channel=0, adjust=2**31 - 1),
            ALIVE,
            send("CHANNEL_WINDOW_ADJUST", channel=0, adjust=2**31),
            GONE,
            source="row 67",
        )
        yield attack(
            f"window_{role}_adjust_by_zero",
            67,
            role,
            done,
            do("open-session"),
            send("CHANNEL_WINDOW_ADJUST", channel=0, adjust=0),
            ALIVE,
            source="RFC 4254 5.2",
        )
        for name in ("CHANNEL_DATA", "CHANNEL_EXTENDED_DATA"):
            yield attack(
                f"window_{role}_{name.lower()}_beyond",
                67,
                role,
                done,
                do("open-session"),
                do("configure", setting="application-reads", value=False),
                send(name, channel=0, size=32768, times=65),
                GONE,
                check("delivered-at-most", bytes=2 << 20),
                source="row 67: data beyond window = disconnect (window 2 MiB and not a byte consumed)",
            )
        for name in ("CHANNEL_DATA", "CHANNEL_EXTENDED_DATA"):
            yield attack(
                f"max_packet_{role}_{name.lower()}_beyond",
                68,
                role,
                done,
                do("open-session"),
                send(name, channel=0, size=32768),
                ALIVE,
                send(name, channel=0, size=32769),
                GONE,
                source="RFC 4254 5.2: the maximum amount of data allowed is determined by the maximum packet size",
            )
        yield attack(
            f"max_packet_{role}_zero_in_confirmation",
            68,
            role,
            done,
            do("half-open"),
            send("CHANNEL_OPEN_CONFIRMATION", channel=0, max_packet=0),
            GONE,
            never("CHANNEL_DATA"),
            source="row 68: max packet 0 refused",
        )
        yield attack(
            f"write_{role}_of_4_gib",
            69,
            role,
            done,
            do("open-session"),
            send("CHANNEL_WINDOW_ADJUST", channel=0, adjust=1 << 20),
            do("write", bytes=2**32),
            expect("CHANNEL_DATA"),
            check("queued", bytes=8 << 20, packets=4096),
            ALIVE,
            source="row 69: window arithmetic with write lengths 2^32 (simulated buffer)",
        )
        after = (
            "CHANNEL_DATA",
            "CHANNEL_EXTENDED_DATA",
            "CHANNEL_EOF",
            "CHANNEL_REQUEST",
            "CHANNEL_WINDOW_ADJUST",
            "CHANNEL_CLOSE",
        )
        for name in after:
            low = name.lower()
            # or_lives: row 70 leaves "disconnect or ignore per table"; the callback count is what counts.
            yield attack(
                f"{low}_{role}_after_both_closed",
                70,
                role,
                done,
                do("open-session"),
                send("CHANNEL_CLOSE", channel=0),
                expect("CHANNEL_CLOSE"),
                send(name, channel=0),
                expect("DISCONNECT", or_lives=True),
                never("app:data"),
                never("app:request"),
                source="row 70: after CLOSE: callback count 0; RFC 4254 5.3",
            )
            yield attack(
                f"{low}_{role}_in_flight_when_we_close",
                70,
                role,
                done,
                do("open-session"),
                do("close-sent"),
                send(name, channel=0),
                ALIVE,
                never("app:data"),
                never("app:request"),
                source="RFC 4254 5.3: closed when both sent and received CLOSE; the peer has not seen ours",
            )
            yield attack(
                f"{low}_{role}_on_a_half_open_channel",
                70,
                role,
                done,
                do("half-open"),
                send(name, channel=0),
                GONE,
                never("app:data"),
                never("app:request"),
                source="row 70: for half-open id; RFC 4254 5.1: no not open before the confirmation",
            )
            yield attack(
                f"{low}_{role}_on_an_unknown_channel",
                70,
                role,
                done,
                do("open-session"),
                send(name, channel=99),
                GONE,
                never("app:data"),
                never("app:request"),
                source="row 70: for unknown id",
            )
        for name in ("CHANNEL_DATA", "CHANNEL_EXTENDED_DATA", "CHANNEL_EOF"):
            yield attack(
                f"{name.lower()}_{role}_after_eof",
                70,
                role,
                done,
                do("open-session"),
                send("CHANNEL_EOF", channel=0),
                send(name, channel=0),
                expect("DISCONNECT", or_lives=True),
                never("app:data"),
                source="row 70: after EOF; RFC 4254 5.3: will no longer send more data",
            )
        yield attack(
            f"channel_close_{role}_answered_once",
            70,
            role,
            done,
            do("open-session"),
            do("close-sent"),
            send("CHANNEL_CLOSE", channel=0),
            expect("NOTHING"),
            check("channels", value=0),
            source="RFC 4254 5.3: send back CLOSE unless it has already sent this message",
        )
        for datatype in (0, 1, 2, 2**32 - 1):
            yield attack(
                f"extended_data_{role}_type_{datatype}",
                71,
                role,
                done,
                do("open-session"),
                send("CHANNEL_EXTENDED_DATA", channel=0, datatype=datatype, size=32768, times=1000),
                expect("DISCONNECT", or_lives=True),
                check("memory-growth", bytes=8 << 20),
                source="row 71: window credit returned or disconnect; never stalls, never loops",
            )
    yield from _opens(done)


def _opens(done: Phase) -> Iterator[AttackSequence]:
    """Rows 66, 68 and 72: CHANNEL_OPEN as a flood and with odd sizes."""
    server = Role.SERVER
    yield attack(
        "refused_opens_leave_nothing",
        66,
        server,
        done,
        send("CHANNEL_OPEN", kind="x@example.com", times=100_000),
        expect("CHANNEL_OPEN_FAILURE", open_failure="UNKNOWN_CHANNEL_TYPE"),
        check("channels", value=0),
        check("memory-growth", bytes=1 << 20),
        ALIVE,
        source="row 66: channel table empty, RSS flat; RFC 4254 5.1",
    )
    yield attack(
        "client_refuses_session_opens",
        (36, 66),
        Role.CLIENT,
        done,
        send("CHANNEL_OPEN", kind="session", times=1000),
        expect("CHANNEL_OPEN_FAILURE"),
        check("channels", value=0),
        never("app:open"),
        ALIVE,
        source="RFC 4254 6.1: Client implementations SHOULD reject any session channel open requests",
    )
    # or_ends: refused by OPEN_FAILURE or by ending the connection; row 68 says refused, not how.
    yield attack(
        "max_packet_zero_in_open",
        68,
        server,
        done,
        send("CHANNEL_OPEN", max_packet=0),
        expect("CHANNEL_OPEN_FAILURE", or_ends=True),
        check("channels", value=0),
        never("CHANNEL_DATA"),
        source="row 68: max packet 0 refused",
    )
    for size in (1, 2**32 - 1):
        yield attack(
            f"max_packet_{size}_in_open",
            68,
            server,
            done,
            send("CHANNEL_OPEN", max_packet=size),
            expect("CHANNEL_OPEN_CONFIRMATION"),
            do("write", bytes=64),
            expect("CHANNEL_DATA", size=min(size, 64)),
            ALIVE,
            source="row 68: 1 works; 2^32-1 clamped; 1e: at most min(maximum packet, 32 KiB)",
        )
    yield attack(
        "sessions_run_out",
        72,
        server,
        done,
        do("configure", setting="max-sessions", value=10),
        send("CHANNEL_OPEN", kind="session", times=11),
        expect("CHANNEL_OPEN_FAILURE", open_failure="RESOURCE_SHORTAGE"),
        check("channels", value=10),
        ALIVE,
        source="row 72: open flood answered RESOURCE_SHORTAGE",
    )
    yield attack(
        "undecided_opens_run_out",
        72,
        server,
        done,
        do("configure", setting="max-channels", value=64),
        answer("later", question="open"),
        send("CHANNEL_OPEN", kind="session", times=10_000),
        expect("CHANNEL_OPEN_FAILURE", open_failure="RESOURCE_SHORTAGE"),
        check("memory-growth", bytes=8 << 20),
        source="row 72; 1e: a pending decision is bounded by count and window",
    )
