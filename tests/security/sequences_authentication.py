"""Attacks on authentication, server side (rows 35 to 44 and 47).

Owns: these sequences, as data. Written from the RFCs, OpenSSH's PROTOCOL and the rules of order ("1e").
Must not know: nacre.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.security.expectations import Phase, Role
from tests.security.steps import ALIVE, GONE, AttackSequence, answer, attack, check, do, expect, never, send

__all__ = ["authentication"]


def authentication() -> Iterator[AttackSequence]:
    """Rows 35 to 44 and 47: the server's side of authentication."""
    server, auth, done = Role.SERVER, Phase.WAIT_AUTH, Phase.AUTHENTICATED
    for number in (51, 52, 53, 60, 61):
        for phase in Phase:
            yield attack(
                f"server_gets_{number}_{phase}",
                35,
                server,
                phase,
                send("MESSAGE", number=number),
                GONE,
                never("app:authenticated"),
                source="row 35: in each phase = disconnect, never authenticated",
            )
    yield attack(
        "success_from_client_then_channel_open",
        (35, 36),
        server,
        auth,
        send("USERAUTH_SUCCESS"),
        GONE,
        never("app:authenticated"),
        never("app:open"),
        check("not-authenticated"),
        source="row 35",
    )
    for name in ("CHANNEL_OPEN", "GLOBAL_REQUEST", "CHANNEL_REQUEST", "CHANNEL_DATA"):
        low = name.lower()
        yield attack(
            f"{low}_before_authentication",
            (36, 37),
            server,
            auth,
            send(name),
            GONE,
            never("app:anything"),
            source="row 36, row 37; RFC 4252 6: MUST respond by disconnecting",
        )
        yield attack(
            f"{low}_behind_an_undecided_login",
            (36, 37),
            server,
            auth,
            send("PASSWORD", right=True),
            answer("later", question="password"),
            send(name),
            GONE,
            never("app:open"),
            source="1e: a CHANNEL_OPEN behind an undecided login is fatal on arrival; 80 and above",
        )
        yield attack(
            f"{low}_after_a_failed_login",
            37,
            server,
            auth,
            send("PASSWORD", right=False),
            expect("USERAUTH_FAILURE"),
            send(name),
            GONE,
            never("app:open"),
            source="row 37",
        )
        yield attack(
            f"{low}_after_a_partial_success",
            (37, 42),
            server,
            auth,
            send("PASSWORD", right=True),
            answer("partial", question="password"),
            expect("USERAUTH_FAILURE"),
            send(name),
            GONE,
            never("app:open"),
            source="RFC 4252 5.1: SUCCESS only when the authentication is complete",
        )
    for numbers in ((80, 127), (192, 255)):
        for number in range(numbers[0], numbers[1] + 1):
            yield attack(
                f"before_authentication_{number}",
                37,
                server,
                auth,
                send("MESSAGE", number=number),
                GONE,
                never("app:anything"),
                source="row 37: each of 80..127 and 192..255 before auth = disconnect",
            )
    for method in (
        "password",
        "publickey",
        "keyboard-interactive",
        "hostbased",
        "gssapi-with-mic",
        "x@example.com",
    ):
        yield attack(
            f"method_{method}_not_configured",
            38,
            server,
            auth,
            do("configure", methods=()),
            send("METHOD", method=method),
            expect("USERAUTH_FAILURE"),
            never("app:authenticated"),
            never("app:validate-password"),
            never("app:begin-kbdint"),
            never("app:validate-kbdint"),
            source="row 38: a method not configured is refused; RFC 4252 5: simply reject",
        )
    yield from _publickey(server, auth)
    yield from _dialogue(server, auth)
    yield from _limits(server, auth)
    yield attack(
        "userauth_after_success_is_ignored",
        (35, 41),
        server,
        done,
        send("PASSWORD", right=False, times=10),
        expect("NOTHING"),
        never("app:validate-password"),
        source="1e: after authentication 50 is ignored",
    )


def _publickey(server: Role, auth: Phase) -> Iterator[AttackSequence]:
    """Rows 39 and 40: the key that signed is the key that counts."""
    yield attack(
        "probe_a_probe_b_sign_a",
        39,
        server,
        auth,
        send("PUBLICKEY_QUERY", key="A"),
        expect("PK_OK", key="A"),
        send("PUBLICKEY_QUERY", key="B"),
        expect("PK_OK", key="B"),
        send("PUBLICKEY_SIGNED", key="A", signed_by="A"),
        expect("USERAUTH_SUCCESS"),
        check("authenticated-as", key="A"),
        source="row 39: session says A",
    )
    yield attack(
        "probe_allowed_a_sign_with_refused_b",
        40,
        server,
        auth,
        send("PUBLICKEY_QUERY", key="A"),
        expect("PK_OK", key="A"),
        send("PUBLICKEY_SIGNED", key="refused", signed_by="refused"),
        expect("USERAUTH_FAILURE"),
        never("app:authenticated"),
        source="row 40: evaluates B from scratch",
    )
    yield attack(
        "claim_a_sign_with_b",
        (39, 40),
        server,
        auth,
        send("PUBLICKEY_QUERY", key="A"),
        expect("PK_OK", key="A"),
        send("PUBLICKEY_SIGNED", key="A", signed_by="B"),
        expect("USERAUTH_FAILURE"),
        never("app:authenticated"),
        source="RFC 4252 7: MUST check whether the signature is correct",
    )
    yield attack(
        "probe_alone_never_logs_in",
        (39, 40),
        server,
        auth,
        send("PUBLICKEY_QUERY", key="A", times=5),
        check("not-authenticated"),
        send("CHANNEL_OPEN"),
        GONE,
        never("app:authenticated"),
        source="RFC 4252 7: a query is not authentication",
    )
    yield attack(
        "signature_over_another_user",
        (39, 41),
        server,
        auth,
        send("PUBLICKEY_SIGNED", key="A", signed_by="A", user="bob", signature="over-alice"),
        expect("USERAUTH_FAILURE"),
        never("app:authenticated"),
        source="RFC 4252 7: the signed data name the user",
    )
    yield attack(
        "signature_over_another_session",
        40,
        server,
        auth,
        send("PUBLICKEY_SIGNED", key="A", signed_by="A", signature="other-session-id"),
        expect("USERAUTH_FAILURE"),
        never("app:authenticated"),
        source="RFC 4252 7: the signed data begin with the session identifier",
    )


def _dialogue(server: Role, auth: Phase) -> Iterator[AttackSequence]:
    """Rows 41 to 43: state that belongs to one user, one service, one attempt."""
    flushed = "1e: user or service changed between requests: start over; RFC 4252 5: MUST flush"
    for what, options in (("user", {"user": "bob"}), ("service", {"service": "x@example.com"})):
        yield attack(
            f"partial_success_then_{what}_changes",
            41,
            server,
            auth,
            send("PASSWORD", right=True),
            answer("partial", question="password"),
            expect("USERAUTH_FAILURE"),
            send("NONE", **options),
            expect("USERAUTH_FAILURE", or_ends=True),
            check("partial-successes", value=0),
            check("not-authenticated"),
            source=flushed,
        )
        # or_ends: the server MAY disconnect when it cannot flush or the service is not there (RFC 4252 5:
        # "If the requested service is not available, the server MAY disconnect immediately")
        yield attack(
            f"kbdint_then_{what}_changes",
            41,
            server,
            auth,
            send("KBDINT"),
            expect("INFO_REQUEST"),
            send("NONE", **options),
            expect("USERAUTH_FAILURE", or_ends=True),
            send("INFO_RESPONSE", answers=1),
            GONE,
            never("app:validate-kbdint"),
            source=flushed,
        )
    yield attack(
        "partial_success_then_the_user_changes_and_returns",
        41,
        server,
        auth,
        send("PASSWORD", right=True),
        answer("partial", question="password"),
        send("NONE", user="bob"),
        send("NONE", user="alice"),
        never("app:authenticated"),
        check("partial-successes", value=0),
        source=flushed,
    )
    yield attack(
        "kbdint_abandoned_by_a_new_request",
        41,
        server,
        auth,
        send("KBDINT"),
        expect("INFO_REQUEST"),
        send("PASSWORD", right=False),
        expect("USERAUTH_FAILURE"),
        send("INFO_RESPONSE", answers=1),
        GONE,
        never("app:validate-kbdint"),
        source="1e: a new USERAUTH_REQUEST abandons the challenge",
    )
    yield attack(
        "kbdint_abandoned_sends_no_failure_of_its_own",
        41,
        server,
        auth,
        send("KBDINT"),
        expect("INFO_REQUEST"),
        send("KBDINT"),
        expect("INFO_REQUEST"),
        never("USERAUTH_FAILURE"),
        source="RFC 4252 5.1: FAILURE MUST NOT be sent for an aborted method",
    )
    yield attack(
        "kbdint_wrong_number_of_answers",
        (41, 44),
        server,
        auth,
        send("KBDINT"),
        expect("INFO_REQUEST"),
        send("INFO_RESPONSE", answers=7),
        expect("USERAUTH_FAILURE"),
        never("app:validate-kbdint"),
        source="RFC 4256 3.4: MUST send a failure message; 1e: the number of answers must equal the prompts",
    )
    yield attack(
        "kbdint_answered_twice",
        (35, 41),
        server,
        auth,
        send("KBDINT"),
        expect("INFO_REQUEST"),
        send("INFO_RESPONSE", answers=1),
        answer("refuse", question="kbdint"),
        expect("USERAUTH_FAILURE"),
        send("INFO_RESPONSE", answers=1),
        GONE,
        source="row 35: 61 without a challenge = disconnect",
    )
    for first, second in (("publickey", "password"), ("password", "publickey")):
        yield attack(
            f"restrictions_survive_{first}_then_{second}",
            42,
            server,
            auth,
            send("METHOD", method=first, key="restricted", right=True),
            answer("partial", question=first),
            expect("USERAUTH_FAILURE"),
            send("METHOD", method=second, key="restricted", right=True),
            answer("accept", question=second),
            expect("USERAUTH_SUCCESS"),
            check("restrictions", key="restricted"),
            source="row 42: restrictions of factor 1 still hold after factor 2",
        )
    # A password and a dialogue have no restrictions here: a callback says yes or no, and what it wants of the
    # address it asks of the connection. The restrictions of a key are those of its line in authorized_keys.
    for value in ("192.0.2.1", ""):
        yield attack(
            f"source_address_{value or 'empty'}_after_publickey",
            43,
            server,
            auth,
            do("configure", setting="source-address", value=value, method="publickey"),
            send("PUBLICKEY_QUERY", key="restricted"),
            expect("USERAUTH_FAILURE"),
            send("METHOD", method="publickey", key="restricted", right=True),
            expect("USERAUTH_FAILURE"),
            never("app:authenticated"),
            source="row 43: enforced in one place; present but empty refuses",
        )


def _limits(server: Role, auth: Phase) -> Iterator[AttackSequence]:
    """Rows 44 and 47: how often one may try. Numbers from 1e and row 44."""
    six = "row 44: failures of all methods together at most 6"
    yield attack(
        "five_failures_live", 44, server, auth, send("PASSWORD", right=False, times=5), ALIVE, source=six
    )
    yield attack(
        "failures_run_out",
        44,
        server,
        auth,
        send("PASSWORD", right=False, times=7),
        expect("DISCONNECT", by=7),
        never("app:authenticated"),
        source=six,
    )
    yield attack(
        "failures_of_all_methods_count_together",
        44,
        server,
        auth,
        send("PASSWORD", right=False, times=3),
        send("PUBLICKEY_SIGNED", key="A", signed_by="B", times=2),
        ALIVE,
        send("METHOD", method="x@example.com", times=2),
        expect("DISCONNECT", by=2),
        source=six,
    )
    yield attack(
        "first_none_is_free",
        44,
        server,
        auth,
        send("NONE"),
        expect("USERAUTH_FAILURE"),
        send("PASSWORD", right=False, times=5),
        ALIVE,
        source="row 44: the first none is free",
    )
    yield attack(
        "further_nones_count", 44, server, auth, send("NONE", times=8), expect("DISCONNECT", by=8), source=six
    )
    yield attack(
        "changing_the_user_does_not_reset_the_count",
        (41, 44),
        server,
        auth,
        send("PASSWORD", right=False, user="alternating", times=7),
        expect("DISCONNECT", by=7),
        source=six,
    )
    yield attack(
        "kbdint_devices_repeated",
        44,
        server,
        auth,
        do("configure", setting="kbdint-refuses", value=True),
        # as many as a packet before authentication has room for
        send("KBDINT", submethods=",".join(["pam"] * 8_000)),
        expect("INFO_REQUEST"),
        send("INFO_RESPONSE", answers=1),
        expect("USERAUTH_FAILURE"),
        source="row 44; RFC 4256 3.4: SHOULD NOT send another request to obtain new authentication data",
    )
    yield attack(
        "kbdint_submethods_count_as_tries",
        44,
        server,
        auth,
        do("configure", setting="kbdint-refuses", value=True),
        send("KBDINT_ROUND", submethods="pam,skey,bsdauth", times=7),
        expect("DISCONNECT", by=7),
        source="row 44: repeated kbdint submethods count",
    )
    yield attack(
        "partial_success_never_counts",
        44,
        server,
        auth,
        send("PASSWORD", right=False, times=5),
        send("PASSWORD", right=True),
        answer("partial", question="password"),
        expect("USERAUTH_FAILURE"),
        ALIVE,
        source="row 44: partial success never counts",
    )
    yield attack(
        "fifteen_queries_live",
        (44, 47),
        server,
        auth,
        send("PUBLICKEY_QUERY", key="many", times=15),
        ALIVE,
        source="row 44: publickey queries have a cap of their own (15); row 47",
    )
    yield attack(
        "queries_run_out",
        (44, 47),
        server,
        auth,
        send("PUBLICKEY_QUERY", key="many", times=16),
        expect("DISCONNECT", by=16, or_lives=True),
        check("replies", value=15),
        source="row 47: at most 15 probes per connection; refused or disconnected, never evaluated",
    )
    yield attack(
        "requests_of_all_kinds_run_out",
        44,
        server,
        auth,
        do("configure", setting="max-failures", value=1000),
        send("PASSWORD", right=False, times=65),
        expect("DISCONNECT", by=65),
        source="row 44: all requests together at most 64",
    )
