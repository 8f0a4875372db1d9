"""Attacks on the first key exchange (rows 1 to 7).

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

__all__ = ["key_exchange"]


def key_exchange() -> Iterator[AttackSequence]:
    """Rows 1 to 7: strictness, order, and what a client may say before it knows the host."""
    before, after, wait = (
        Phase.INITIAL_BEFORE_KEXINIT,
        Phase.INITIAL_AFTER_KEXINIT,
        Phase.INITIAL_WAIT_NEWKEYS,
    )
    fresh, done = Phase.AFTER_FIRST_NEWKEYS, Phase.AUTHENTICATED
    row1 = "1e: initial key exchange, strict; row 1"
    for role in BOTH:
        kex = "KEX_INIT" if role is Role.SERVER else "KEX_REPLY"
        for name in ("IGNORE", "DEBUG", "UNIMPLEMENTED"):
            early = f"terrapin_{role}_{name.lower()}"
            yield attack(
                f"{early}_before_strict_kexinit",
                1,
                role,
                before,
                send(name),
                send("KEXINIT", strict=True),
                GONE,
                source="row 1: KEXINIT must have sequence number 0",
            )
            yield attack(
                f"{early}_before_lenient_kexinit_lives",
                1,
                role,
                before,
                send(name),
                send("KEXINIT", strict=False),
                ALIVE,
                strict=False,
                source="1e: not strict; RFC 4253 11.2",
            )
        for name in ("IGNORE", "DEBUG", "UNIMPLEMENTED", "EXT_INFO", "PING"):
            low = name.lower()
            yield attack(
                f"terrapin_{role}_{low}_after_kexinit", 1, role, after, send(name), GONE, source=row1
            )
            yield attack(
                f"terrapin_{role}_{low}_before_newkeys", (1, 2), role, wait, send(name), GONE, source=row1
            )
        yield attack(
            f"terrapin_{role}_sequence_numbers_reset_at_newkeys",
            1,
            role,
            wait,
            send("NEWKEYS"),
            check("sequence-number", direction="in", value=0),
            send("IGNORE", sequence=0),
            ALIVE,
            source="row 1: the counter resets after every NEWKEYS, each direction on its own",
        )
        yield attack(
            f"terrapin_{role}_continued_sequence_number_fails",
            1,
            role,
            wait,
            send("NEWKEYS"),
            send("IGNORE", sequence="continued"),
            expect("DISCONNECT", reason="MAC_ERROR"),
            source="row 1: the counter resets after every NEWKEYS",
        )
        yield attack(
            f"terrapin_{role}_lenient_sequence_number_continues",
            1,
            role,
            wait,
            send("NEWKEYS"),
            send("IGNORE", sequence="continued"),
            ALIVE,
            strict=False,
            source="RFC 4253 6.4: never reset, even if keys are renegotiated later",
        )
        yield attack(
            f"terrapin_{role}_inserted_ignore_and_dropped_ext_info",
            1,
            role,
            before,
            send("KEXINIT", strict=True),
            send("IGNORE"),
            send("NOTHING_OF", message="EXT_INFO"),
            GONE,
            never("app:authenticated"),
            source="row 1: insert IGNORE + drop EXT_INFO must fail",
        )
        yield attack(
            f"strict_{role}_rekey_resets_again",
            1,
            role,
            done,
            do("complete-rekey"),
            check("sequence-number", direction="in", value=0),
            check("sequence-number", direction="out", value=0),
            ALIVE,
            source="row 1: after every NEWKEYS, for the whole connection",
        )
        yield attack(
            f"strict_{role}_indicator_in_rekey_only_changes_nothing",
            1,
            role,
            done,
            send("KEXINIT", strict=True),
            send(kex),
            send("NEWKEYS"),
            send("IGNORE", sequence="continued"),
            ALIVE,
            strict=False,
            source="OpenSSH PROTOCOL 1.10: the indicators are only valid in the initial KEXINIT",
        )
        yield attack(
            f"sequence_{role}_wraps_in_first_key_exchange",
            1,
            role,
            before,
            send("KEXINIT", strict=False),
            do("preset-sequence", direction="in", value=2**32 - 1),
            send("IGNORE", times=2),
            GONE,
            strict=False,
            source="row 1: a wrap in the first key exchange = disconnect",
        )
        yield attack(
            f"kexinit_{role}_twice",
            2,
            role,
            after,
            send("KEXINIT"),
            GONE,
            source="RFC 4253 7.1: further SSH_MSG_KEXINIT messages MUST NOT be sent",
        )
        yield attack(
            f"kexinit_{role}_twice_lenient",
            2,
            role,
            after,
            send("KEXINIT"),
            GONE,
            strict=False,
            source="RFC 4253 7.1: further SSH_MSG_KEXINIT messages MUST NOT be sent",
        )
        yield attack(
            f"newkeys_{role}_before_kexinit",
            (2, 6),
            role,
            before,
            send("NEWKEYS"),
            GONE,
            strict=False,
            source="1e: not strict: nothing else",
        )
        for strict in (True, False):
            tag = f"{role}_{'strict' if strict else 'lenient'}"
            yield attack(
                f"newkeys_{tag}_before_kex_message",
                (2, 6),
                role,
                after,
                send("NEWKEYS"),
                GONE,
                never("any-userauth"),
                strict=strict,
                source="row 6: NEWKEYS before KEX reply = disconnect",
            )
            yield attack(
                f"kex_message_{tag}_twice",
                (2, 6),
                role,
                wait,
                send(kex),
                GONE,
                strict=strict,
                source="row 6: second KEX reply = disconnect; row 2",
            )
            yield attack(
                f"newkeys_{tag}_twice",
                2,
                role,
                fresh,
                send("NEWKEYS"),
                GONE,
                strict=strict,
                source="row 2: only the linear path may proceed",
            )
            yield attack(
                f"kex_message_{tag}_after_newkeys",
                (2, 6),
                role,
                fresh,
                send(kex),
                GONE,
                strict=strict,
                source="row 2, row 6",
            )
            yield attack(
                f"ext_info_{tag}_before_newkeys",
                3,
                role,
                wait,
                send("EXT_INFO"),
                GONE,
                strict=strict,
                source="row 3: EXT_INFO before first NEWKEYS = disconnect",
            )
            yield attack(
                f"ext_info_{tag}_after_kexinit",
                3,
                role,
                after,
                send("EXT_INFO"),
                GONE,
                strict=strict,
                source="row 3",
            )
        yield attack(
            f"ext_info_{role}_twice_after_newkeys",
            3,
            role,
            fresh,
            send("EXT_INFO"),
            send("EXT_INFO"),
            GONE,
            source="1e: EXT_INFO: one, directly after the first NEWKEYS",
        )
        yield attack(
            f"ext_info_{role}_after_authentication",
            3,
            role,
            done,
            send("EXT_INFO"),
            GONE,
            source="1e: EXT_INFO",
        )
        yield attack(
            f"ext_info_{role}_after_rekey",
            3,
            role,
            done,
            do("complete-rekey"),
            send("EXT_INFO"),
            GONE,
            source="1e: EXT_INFO: after the *first* NEWKEYS",
        )
        yield attack(
            f"gex_group_{role}_when_not_negotiated",
            2,
            role,
            after,
            send("GEX_GROUP"),
            GONE,
            source="row 2: messages let through after GEX_GROUP",
        )
        yield attack(
            f"rekey_{role}_before_authentication",
            2,
            role,
            fresh,
            send("KEXINIT"),
            GONE,
            source="1e: No re-key before authentication",
        )
    yield attack(
        "ext_info_client_once_more_during_authentication",
        3,
        Role.CLIENT,
        Phase.WAIT_AUTH,
        send("EXT_INFO"),
        ALIVE,
        send("EXT_INFO"),
        GONE,
        never("app:authenticated"),
        source="1e: EXT_INFO: one more between the first USERAUTH_REQUEST and SUCCESS; RFC 8308 2.4",
    )
    yield from _client_before_host_key()
    yield from _server_before_keys()


def _server_before_keys() -> Iterator[AttackSequence]:
    """Row 4: authentication in plain text never counts."""
    server = Role.SERVER
    for strict in (True, False):
        tag = "strict" if strict else "lenient"
        for phase in (Phase.INITIAL_BEFORE_KEXINIT, Phase.INITIAL_AFTER_KEXINIT, Phase.INITIAL_WAIT_NEWKEYS):
            yield attack(
                f"rogue_userauth_{tag}_{phase}",
                4,
                server,
                phase,
                send("USERAUTH_REQUEST"),
                GONE,
                never("app:anything"),
                check("not-authenticated"),
                strict=strict,
                source="row 4: injected plaintext auth never counted",
            )
            yield attack(
                f"rogue_service_request_{tag}_{phase}",
                4,
                server,
                phase,
                send("SERVICE_REQUEST"),
                GONE,
                never("SERVICE_ACCEPT"),
                strict=strict,
                source="row 4; RFC 4253 7.1, 10",
            )
    yield attack(
        "userauth_without_service_request",
        4,
        server,
        Phase.AFTER_FIRST_NEWKEYS,
        send("USERAUTH_REQUEST"),
        GONE,
        never("app:anything"),
        source="row 4: only after NEWKEYS + accepted SERVICE_REQUEST",
    )
    yield attack(
        "service_request_for_connection_before_authentication",
        (4, 36),
        server,
        Phase.AFTER_FIRST_NEWKEYS,
        send("SERVICE_REQUEST", service="ssh-connection"),
        GONE,
        never("SERVICE_ACCEPT"),
        source="1e: 5/6 for ssh-userauth; RFC 4253 10: MUST disconnect",
    )


def _client_before_host_key() -> Iterator[AttackSequence]:
    """Rows 5 to 7: nothing of the user leaves before encryption and a verified host key."""
    client, after, wait = Role.CLIENT, Phase.INITIAL_AFTER_KEXINIT, Phase.INITIAL_WAIT_NEWKEYS
    early = (
        "SERVICE_ACCEPT",
        "USERAUTH_SUCCESS",
        "USERAUTH_FAILURE",
        "USERAUTH_BANNER",
        "INFO_REQUEST",
        "PK_OK",
    )
    for name in early:
        for phase in (Phase.INITIAL_BEFORE_KEXINIT, after, wait):
            yield attack(
                f"client_{name.lower()}_{phase}",
                5,
                client,
                phase,
                send(name),
                GONE,
                never("any-userauth"),
                never("app:authenticated"),
                strict=False,
                source="row 5: no userauth byte leaves before encrypting and host key verified",
            )
    yield attack(
        "client_success_before_service_accept",
        5,
        client,
        Phase.AFTER_FIRST_NEWKEYS,
        send("USERAUTH_SUCCESS"),
        GONE,
        never("app:authenticated"),
        source="1e: before authentication; RFC 4252 5.1",
    )
    yield attack(
        "client_host_key_undecided",
        (5, 6),
        client,
        after,
        send("KEX_REPLY"),
        answer("later", question="host-key"),
        send("NEWKEYS"),
        send("SERVICE_ACCEPT"),
        expect("DISCONNECT", or_lives=True),
        never("any-userauth"),
        never("SERVICE_REQUEST"),
        source="row 5: assert in the send path; 1e: a pending decision",
    )
    yield attack(
        "client_host_key_refused",
        (6, 7),
        client,
        after,
        send("KEX_REPLY"),
        answer("refuse", question="host-key"),
        expect("DISCONNECT", reason="HOST_KEY_NOT_VERIFIABLE"),
        never("NEWKEYS"),
        never("any-userauth"),
        source="RFC 4253 8: verifies that K_S really is the host key",
    )
    faults = {
        "bad_signature": {"signature": "bit-flipped"},
        "empty_signature": {"signature": "empty"},
        "signature_of_another_algorithm": {"algorithm": "other"},
        "signature_of_another_key": {"signature": "other-key"},
        "host_key_of_another_algorithm": {"host_key": "other-algorithm"},
        "all_zero_share": {"share": "zero"},
    }
    for name, options in faults.items():
        yield attack(
            f"kex_reply_{name}",
            6,
            client,
            after,
            send("KEX_REPLY", **options),
            GONE,
            never("app:host-key-accepted"),
            never("NEWKEYS"),
            never("any-userauth"),
            source="row 6: reply with wrong sig, other alg than negotiated = disconnect; RFC 8731 3",
        )
    for exception in (
        "ValueError",
        "KeyError",
        "OSError",
        "MemoryError",
        "RecursionError",
        "Exception",
        "asyncio.CancelledError",
        "asyncio.TimeoutError",
    ):
        for target in ("host-key-verify", "host-key-validate"):
            yield attack(
                f"{target}_raises_{exception}".replace("-", "_").replace(".", "_"),
                7,
                client,
                after,
                do("fault", callable=target, exception=exception),
                send("KEX_REPLY"),
                GONE,
                check("host-key-not-verified"),
                never("any-userauth"),
                source="row 7: verify raises each exception type: connection refused",
            )
    for value in (None, 0, ""):
        yield attack(
            f"host_key_verify_returns_{value!r}",
            7,
            client,
            after,
            do("fault", callable="host-key-verify", value=value),
            send("KEX_REPLY"),
            GONE,
            check("host-key-not-verified"),
            never("any-userauth"),
            source="row 7: verified is a positive token, default false",
        )
