"""Attacks on the re-exchange of keys (rows 15 to 19).

Owns: these sequences, as data. Written from the RFCs, OpenSSH's PROTOCOL and the rules of order ("1e").
Must not know: nacre.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.security.expectations import Phase, Role
from tests.security.steps import ALIVE, BOTH, GONE, AttackSequence, attack, check, do, expect, never, send

__all__ = ["rekey"]


def rekey() -> Iterator[AttackSequence]:
    """Rows 15 to 19: guesses, cycling, floods, and an exchange that is never answered."""
    ours, theirs, wait = (
        Phase.REKEY_OUR_KEXINIT_SENT, Phase.REKEY_AFTER_PEER_KEXINIT, Phase.REKEY_WAIT_NEWKEYS
    )  # fmt: skip
    done, before = Phase.AUTHENTICATED, Phase.INITIAL_BEFORE_KEXINIT
    dropped = "RFC 4253 7.1: the next packet MUST be silently ignored; row 15: dropped exactly once"
    wrong, right = {"follows": True, "guess": "wrong"}, {"follows": True, "guess": "right"}
    for strict in (True, False):
        tag = "strict" if strict else "lenient"
        guess = send("KEXINIT", strict=strict, **wrong)
        yield attack(
            f"wrong_guess_{tag}_dropped_once",
            15,
            Role.SERVER,
            before,
            guess,
            send("KEX_GUESS"),
            expect("NOTHING"),
            send("KEX_INIT"),
            expect("KEX_REPLY"),
            strict=strict,
            source=dropped,
        )
        yield attack(
            f"wrong_guess_{tag}_not_dropped_twice",
            15,
            Role.SERVER,
            before,
            guess,
            send("KEX_GUESS", times=2),
            GONE,
            strict=strict,
            source=dropped,
        )
        yield attack(
            f"right_guess_{tag}_is_used",
            15,
            Role.SERVER,
            before,
            send("KEXINIT", strict=strict, **right),
            send("KEX_INIT"),
            expect("KEX_REPLY"),
            send("KEX_INIT"),
            GONE,
            strict=strict,
            source="RFC 4253 7: the optimistically sent packet MUST be handled as the first packet",
        )
        # or_lives: dropped unread (RFC 4253 7.1: "the next packet"), or refused because a guess is a packet
        # of 30 to 49; either way it must not take keys into use.
        yield attack(
            f"wrong_guess_{tag}_followed_by_newkeys",
            (2, 15),
            Role.SERVER,
            before,
            guess,
            send("NEWKEYS"),
            expect("DISCONNECT", or_lives=True),
            check("not-authenticated"),
            strict=strict,
            source=dropped,
        )
    yield attack(
        "guess_announced_and_not_sent",
        15,
        Role.SERVER,
        before,
        send("KEXINIT", **wrong),
        send("KEX_INIT"),
        expect("NOTHING"),
        send("NEWKEYS"),
        GONE,
        source=dropped,
    )
    yield attack(
        "wrong_guess_in_1000_rekeys",
        15,
        Role.SERVER,
        done,
        do("complete-rekey", **wrong, times=1000, bytes=65536),
        check("memory-growth", bytes=256 * 1024),
        ALIVE,
        source="row 15: 1000 rekeys: RSS flat",
    )
    for role in BOTH:
        for guess_is in ("wrong", "right"):
            yield attack(
                f"rekey_{role}_through_all_methods_{guess_is}_guess",
                16,
                role,
                done,
                do("complete-rekey", method="each", follows=True, guess=guess_is),
                check("session-id-unchanged"),
                ALIVE,
                source="row 16: rekey cycling through all kex methods; RFC 4253 7.2: session identifier",
            )
        yield attack(
            f"rekey_{role}_never_answered",
            17,
            role,
            done,
            do("open-session"),
            do("rekey"),
            expect("KEXINIT"),
            do("write", bytes=64 << 20),
            check("queued", bytes=2 << 20, packets=64),
            check("write-refused"),
            never("CHANNEL_DATA"),
            do("clock", seconds=59),
            ALIVE,
            do("clock", seconds=2),
            GONE,
            source="row 17; 1e: a rekey unanswered for 60 s = disconnect",
        )
        yield attack(
            f"rekey_{role}_half_answered",
            17,
            role,
            theirs,
            do("clock", seconds=61),
            GONE,
            source="1e: a rekey unanswered for 60 s = disconnect",
        )
        yield attack(
            f"rekey_{role}_ignores_do_not_extend_the_time",
            (17, 18),
            role,
            theirs,
            send("IGNORE", times=1000),
            do("clock", seconds=61),
            GONE,
            source="row 18: non-KEX messages during rekey without end",
        )
        for phase in (theirs, wait):
            for name in (
                "GLOBAL_REQUEST",
                "CHANNEL_OPEN",
                "CHANNEL_DATA",
                "USERAUTH_REQUEST",
                "SERVICE_REQUEST",
                "EXT_INFO",
                "CHANNEL_WINDOW_ADJUST",
                "CHANNEL_CLOSE",
            ):
                yield attack(
                    f"{phase}_{role}_{name.lower()}",
                    18,
                    role,
                    phase,
                    send(name),
                    GONE,
                    source="row 18; 1e: KEX messages and 1-4, 192, 193 only",
                )
        yield attack(
            f"rekey_{role}_data_on_an_open_channel_after_kexinit",
            18,
            role,
            done,
            do("open-session"),
            send("KEXINIT"),
            send("CHANNEL_DATA", channel=0, size=1),
            GONE,
            never("app:data"),
            source="row 18: the fast path is judged too",
        )
        yield attack(
            f"rekey_{role}_data_after_our_kexinit_is_legal",
            18,
            role,
            done,
            do("open-session"),
            do("rekey"),
            send("CHANNEL_DATA", channel=0, size=4, times=10),
            check("delivered", bytes=40),
            ALIVE,
            source="1e: between our KEXINIT and the peer's, its data stays legal; RFC 4253 7.1",
        )
        yield attack(
            f"rekey_{role}_data_after_the_peers_newkeys_is_legal",
            18,
            role,
            done,
            do("open-session"),
            send("KEXINIT"),
            send("KEX_INIT" if role is Role.SERVER else "KEX_REPLY"),
            send("NEWKEYS"),
            send("CHANNEL_DATA", channel=0, size=4),
            check("delivered", bytes=4),
            ALIVE,
            source="1e: data after the peer's NEWKEYS and before ours is legal; RFC 4253 9",
        )
        yield attack(
            f"rekey_{role}_window_credit_waits",
            18,
            role,
            done,
            do("open-session"),
            do("rekey"),
            send("CHANNEL_DATA", channel=0, size=32768, times=60),
            never("CHANNEL_WINDOW_ADJUST"),
            ALIVE,
            source="1e: window credit waits too",
        )
        yield attack(
            f"rekey_{role}_flood",
            18,
            role,
            done,
            do("complete-rekey", bytes=0, times=9),
            ALIVE,
            do("complete-rekey", bytes=0, times=3),
            GONE,
            source="1e: more than 10 with next to nothing moved between them = disconnect",
        )
        yield attack(
            f"rekey_{role}_second_kexinit",
            (2, 18),
            role,
            theirs,
            send("KEXINIT"),
            GONE,
            source="RFC 4253 7.1: further SSH_MSG_KEXINIT messages MUST NOT be sent",
        )
        yield attack(
            f"rekey_{role}_newkeys_before_kex", (2, 18), role, theirs, send("NEWKEYS"), GONE, source="row 2"
        )
        yield attack(
            f"rekey_{role}_newkeys_before_kexinit", (2, 18), role, ours, send("NEWKEYS"), GONE, source="row 2"
        )
        yield attack(
            f"ping_{role}_before_authentication",
            19,
            role,
            Phase.WAIT_AUTH,
            send("PING"),
            GONE,
            never("PONG"),
            source="1e: no PONG before authentication; row 37",
        )
        yield attack(
            f"ping_{role}_flood_in_rekey",
            19,
            role,
            theirs,
            send("PING", size=1024, times=100_000),
            expect("DISCONNECT", or_lives=True),
            check("memory-growth", bytes=8 << 20),
            check("pongs", value=1024),
            source="row 19: a bounded number answered or none, then disconnect; memory flat",
        )
    yield attack(
        "ping_flood_before_authentication",
        19,
        Role.SERVER,
        Phase.AFTER_FIRST_NEWKEYS,
        send("PING"),
        GONE,
        never("PONG"),
        source="row 19: before authentication no PONG at all",
    )
