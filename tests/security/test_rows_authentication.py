"""Rows 35 to 64 of the history: authentication.

One test a row, without arguments: `test_faults.py` runs them again with a fault put back.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

import nacre
from nacre.errors import DisconnectReason, HostKeyNotVerifiable, KeyImportError
from nacre.host_certificates import Authority, find_authority
from nacre.host_policy import HostKeyJudge
from nacre.host_trust import look_up
from nacre.hub import holder
from nacre.hub.isolation import Isolation, Mode
from nacre.hub.login import LoginBook
from nacre.hub.paths import prepare
from nacre.hub.problem import HubProblem
from nacre.hub.users import check_user_name, is_user_name
from nacre.keys import (
    decode_certificate,
    decode_public_key,
    default_signature_algorithms,
    generate_private_key,
)
from nacre.login_restrictions import LoginRestrictions
from nacre.options import SSHClientConnectionOptions, SSHServerConnectionOptions
from nacre.protocol import events, limits
from nacre.protocol.settings import Role, Settings
from nacre.server_auth import ServerAuthenticator
from nacre.trust import (
    SSHAuthorizedKeys,
    SSHKnownHosts,
    import_authorized_keys,
    import_known_hosts,
    read_authorized_keys,
)
from nacre.trust.lines import MAX_LINE
from nacre.trust.policy import HostKeyChecking
from nacre.wire.fields import encode_mpint
from tests.pair.damage import ED25519, string, uint32, userauth
from tests.pair.ends import HOST_KEY, LATER, PASSWORD, Pair
from tests.pair.stage import Stage
from tests.pair.talk import end_of
from tests.security import hostile
from tests.security.certified import AUTHORITY_LINE, CA, KEY, admitted
from tests.security.configured import bars_by_every_method, leads_to_no_other_keys, one_key_is_one_factor
from tests.security.drive import play, play_row
from tests.security.expectations import Phase
from tests.security.foreign_shares import host_signs_as_agreed, refuse_host_keys
from tests.security.registry import covers
from tests.security.restricted import now
from tests.support.certificates import by_hand, option, options, sha1
from tests.support.face import PasswordServer, asynctest, connect, connected, reported, serving
from tests.support.visits import FakeConnection

SERVER, CLIENT = Role.SERVER, Role.CLIENT
_KEYS: dict[str, nacre.SSHKey] = {}


def key_of(algorithm: str, **size: int) -> nacre.SSHKey:
    """One key of each type for all tests."""
    if algorithm not in _KEYS:
        _KEYS[algorithm] = generate_private_key(algorithm, **size)
    return _KEYS[algorithm]


def signed(
    stage: Stage, key: nacre.SSHKey, algorithm: str, *, blob: bytes = b"", user: str = "alice"
) -> bytes:
    """A signed request; `blob` claims another key than the one that signs."""
    claimed = blob or key.public_data
    over = string(stage.raw.session_id) + userauth(
        b"publickey", b"\1" + string(algorithm.encode()) + string(claimed), user.encode()
    )
    return over[4 + len(stage.raw.session_id) :] + string(key.sign(over, algorithm))


@covers(35)
def test_cve_2018_10933_messages_of_servers_to_a_server() -> None:
    play_row(35)


@covers(36)
def test_cve_2018_7750_tables_have_roles() -> None:
    play_row(36)


@covers(37)
def test_cve_2025_32433_nothing_of_channels_before_authentication() -> None:
    play_row(37)


@covers(38)
def test_cve_2024_2873_a_method_that_is_not_configured_is_refused() -> None:
    play_row(38)
    # Neither is one that the policy names, where the server has nothing to carry it out with.
    policy = events.AuthPolicy(required=True, methods=("gssapi-keyex", "gssapi-with-mic", "password"))
    offered = []

    def attempt(event: events.AuthNeeded) -> Any:
        offered.append(event.methods)
        return None

    Pair(client_answers={events.AuthNeeded: attempt}, server_answers={events.AuthBegin: policy}).start()
    assert offered == [("password",)]


@covers(39)
def test_cve_2024_45337_the_key_that_signed_is_the_key_that_counts() -> None:
    play_row(39)


@covers(40)
def test_russh_bca12c7_each_request_is_judged_from_scratch() -> None:
    play_row(40)


@covers(41)
def test_cve_2026_46705_a_change_of_user_or_service_starts_over() -> None:
    play_row(41)


@covers(42)
def test_cve_2026_39828_restrictions_survive_a_second_factor() -> None:
    play_row(42)
    first, second = {"command": "one", "no-pty": True}, {"command": "two"}
    for factors, refused in (((first, first), False), ((first, second), True), ((second, first), True)):
        login = LoginRestrictions()
        login.add(factors[0])
        assert bool(login.refusal(factors[1])) is refused
    for other in ({}, {"pty": True}, {"restrict": True}):
        for order in ((first, other), (other, first)):
            login = LoginRestrictions()
            for factor in order:
                assert not login.refusal(factor)
                login.add(factor)
            assert (login.forced_command(), login.permits("pty")) == ("one", False)
    with tempfile.TemporaryDirectory() as folder:
        one_key_is_one_factor(Path(folder) / "sshd_config")


@covers(43)
def test_cve_2026_46595_the_address_of_a_key_is_enforced() -> None:
    play_row(43)
    # A certificate may name addresses too: whoever vouches for it, and beside what its line says.
    limited = CA.generate_user_certificate(KEY, "id", principals="user", source_address="192.0.2.0/24")
    line = AUTHORITY_LINE.replace("cert-authority", 'cert-authority,from="192.0.2.1"')
    for lines, address, expected in (
        ("", "192.0.2.1", True), ("", "192.0.3.1", False), ("", None, False), (AUTHORITY_LINE, "192.0.3.1", False),
        (line, "192.0.2.1", True), (line, "192.0.2.2", False), (line, "192.0.3.1", False),
    ):  # fmt: skip
        assert (admitted(limited, lines, address=address) is not None) == expected, (lines, address)
    for empty in (b"", string(b""), string(b",")):
        with pytest.raises(KeyImportError):
            decode_certificate(by_hand(KEY, CA, critical=options(option("source-address", empty))))
    with tempfile.TemporaryDirectory() as folder:
        bars_by_every_method(Path(folder) / "sshd_config")


@covers(44)
def test_cve_2015_5600_tries_are_counted_together() -> None:
    play_row(44)


def _answers(user: str, request: bytes) -> list[bytes]:
    """What a server answers: this user alone exists."""
    known = {events.PublicKeyQuestion: lambda event: event.username == "alice"}
    stage = Stage(SERVER, answers=known).to(Phase.WAIT_AUTH)
    sent = stage.send(request.replace(string(b"alice"), string(user.encode()), 1))
    return [*sent, bytes([stage.end.connection.closed])]


@covers(45)
def test_cve_2018_15473_odd_requests_are_answered_alike_for_everybody() -> None:
    rest = (
        b"\0" + string(b"ssh-ed25519") + string(b"not a key"),
        b"\1" + string(b"ssh-ed25519") + string(b"not a key") + string(b""),
        b"\0" + string(b"ssh-dss") + string(ED25519),
        b"\0" + string(b"rsa-sha2-512") + string(ED25519),
        b"\1" + string(b"ssh-ed25519") + string(ED25519) + string(string(b"ssh-ed25519") + string(bytes(64))),
        b"\1" + string(b"ssh-ed25519") + string(ED25519),
        b"\0" + string(b"ssh-ed25519"),
        b"",
    )
    for data in rest:
        request = userauth(b"publickey", data)
        assert _answers("alice", request) == _answers("bobby", request), data


def _vouched(user: str, *, wrong: bool) -> tuple[bool, int]:
    """Whether the program is not asked about a host that vouches for a user, and what is answered."""
    policy = events.AuthPolicy(required=True, methods=("hostbased",))
    stage = Stage(SERVER, answers={events.AuthBegin: policy, events.HostbasedQuestion: False})
    stage.to(Phase.WAIT_AUTH)
    key = hostile.KEYS["A"]
    names = string(b"ssh-ed25519") + string(key.public_data) + string(b"h.") + string(b"root")
    body = userauth(b"hostbased", names, user.encode())
    over = b"!" if wrong else string(stage.raw.session_id) + body
    (answer,) = stage.send(body + string(key.sign(over, "ssh-ed25519")))
    return not stage.end.of(events.HostbasedQuestion), answer[0]


@covers(46)
def test_cve_2016_6210_unknown_users_cost_the_same_work() -> None:
    costs = []
    for user in ("alice", "bobby"):
        stage = Stage(SERVER, answers={events.PublicKeyQuestion: lambda event: event.username == "alice"})
        stage.to(Phase.WAIT_AUTH)
        request = signed(stage, hostile.KEYS["A"], "ssh-ed25519", user=user)
        calls: list[str] = []
        from nacre.keys.ed25519 import Ed25519Key

        real = Ed25519Key._verify
        with mock.patch.object(
            Ed25519Key,
            "_verify",
            lambda key, *rest, real=real, calls=calls: (calls.append("verify"), real(key, *rest))[1],
        ):
            stage.send(request)
        calls += [type(event).__name__ for event in stage.end.events if isinstance(event, events.Question)]
        costs.append(calls)
    assert costs[0] == costs[1] == ["verify", "AuthBegin", "PublicKeyQuestion"]
    for wrong in (False, True):
        seen = [_vouched(user, wrong=wrong) for user in ("alice", "bobby")]
        assert seen[0] == seen[1] == (wrong, 51)
    for size, asked in ((limits.PASSWORD, 1), (limits.PASSWORD + 1, 0)):
        stage = Stage(SERVER, answers={events.PasswordQuestion: False}).to(Phase.WAIT_AUTH)
        sent = stage.send(userauth(b"password", b"\0" + string(b"x" * size)))
        assert [payload[0] for payload in sent] == [51]
        assert len(stage.end.of(events.PasswordQuestion)) == asked


@covers(47)
def test_dropbear_2026_90_queries_are_bounded() -> None:
    play_row(47)


@covers(48)
def test_cve_2021_36367_a_trivial_success_can_be_refused() -> None:
    settings = Settings(username="alice", disable_trivial_auth=True)
    stage = Stage(CLIENT, settings=settings).to(Phase.WAIT_AUTH)
    stage.send(b"\x34")
    assert stage.end.connection.closed
    assert not stage.end.of(events.AuthSucceeded)
    # What a host says of its user is no credential of the user's.
    vouched = events.HostbasedAttempt("ssh-ed25519", b"key", "h", "u")
    answers = {events.AuthNeeded: vouched, events.SignatureNeeded: b"signature"}
    stage = Stage(CLIENT, settings=settings, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(b"\x33" + string(b"hostbased") + b"\0")
    stage.send(b"\x34")
    assert not stage.end.of(events.AuthSucceeded)
    answers = {events.AuthNeeded: events.KbdintAttempt(), events.KbdintChallenge: ()}
    stage = Stage(CLIENT, settings=settings, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(b"\x33" + string(b"keyboard-interactive") + b"\0")
    stage.send(b"\x3c" + string(b"") * 3 + uint32(0))
    stage.send(b"\x34")
    assert not stage.end.of(events.AuthSucceeded)


def _one_algorithm_of_certificates() -> None:
    """What is allowed for keys is allowed for certificates, name for name, and neither passes for the other."""
    key = key_of("ssh-rsa", key_size=2048)
    blob = CA.generate_user_certificate(key, "id", principals="alice").public_data
    names = ("rsa-sha2-512", "rsa-sha2-256")
    for allowed in names:
        settings = Settings(host_keys=(HOST_KEY,), signature_algorithms=(allowed,))
        for name in (
            *names,
            *(f"{name}-cert-v01@openssh.com" for name in names),
            "ssh-rsa-cert-v01@openssh.com",
        ):
            for made_with in names:
                for shown in (blob, key.public_data):
                    stage = Stage(SERVER, settings=settings).to(Phase.WAIT_AUTH)
                    data = b"\1" + string(name.encode()) + string(shown)
                    over = string(stage.raw.session_id) + userauth(b"publickey", data)
                    request = over[4 + len(stage.raw.session_id) :] + string(key.sign(over, made_with))
                    certified = "-cert-" in name
                    right = name.removesuffix("-cert-v01@openssh.com") == allowed == made_with
                    right = right and certified == (shown == blob)
                    assert (stage.send(request)[-1][0] == 52) == right, (allowed, name, made_with, certified)


@covers(50)
def test_cve_2026_35387_one_algorithm_is_not_all_of_its_kind() -> None:
    kinds = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
    for allowed in kinds:
        settings = Settings(host_keys=(HOST_KEY,), signature_algorithms=(allowed,))
        for kind in kinds:
            stage = Stage(SERVER, settings=settings).to(Phase.WAIT_AUTH)
            sent = stage.send(signed(stage, key_of(kind), kind))
            assert (sent[-1][0] == 52) == (kind == allowed), (allowed, kind)
    p256, p384 = key_of("ecdsa-sha2-nistp256"), key_of("ecdsa-sha2-nistp384")
    signature = p256.sign(b"x", "ecdsa-sha2-nistp256")
    assert not p256.verify(b"x", signature, "ecdsa-sha2-nistp384")
    assert not p384.verify(b"x", signature, "ecdsa-sha2-nistp384")
    _one_algorithm_of_certificates()
    rsa = key_of("ssh-rsa", key_size=2048)
    host_signs_as_agreed(
        rsa,
        {name: partial(rsa.sign, sig_algorithm=name) for name in rsa.sig_algorithms}
        | {"ssh-rsa": partial(sha1, rsa)},
    )
    with pytest.raises(ValueError):  # the curve in the key is that of its name
        decode_public_key(p256.public_data.replace(b"ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp384", 1))


class Credulous(nacre.SSHClient):
    """Trusts any key."""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
        return True


@covers(51)
def test_cve_2026_42508_revoked_is_revoked() -> None:
    line = hostile.KEYS["A"].export_public_key().decode().strip()
    for marked in (f"@revoked * {line}", f"@revoked host {line}"):
        trusted, authorities, revoked, *_ = import_known_hosts(
            f"host {line}\n@cert-authority * {line}\n{marked}\n"
        ).match("host", "", 22)
        assert not trusted
        assert not authorities
        assert revoked == [hostile.KEYS["A"].convert_to_public()]
    # Who is revoked certifies nobody, and who is certified is revoked all the same.
    host = CA.generate_host_certificate(KEY, "id", principals="host")
    authority = f"@cert-authority * {CA.export_public_key().decode()}"
    assert find_authority(look_up(authority.encode(), "host", "", 22, None), host) is Authority.TRUSTED
    for key in (CA, KEY):
        for hosts in ("*", "host"):
            lines = f"{authority}@revoked {hosts} {key.export_public_key().decode()}"
            assert find_authority(look_up(lines.encode(), "host", "", 22, None), host) is Authority.REVOKED
    # No policy of the user's goes before it.
    revoked_everywhere = look_up(f"@revoked * {line}\n".encode(), "host", "", 22, None)
    for policy in HostKeyChecking:
        options = SSHClientConnectionOptions(strict_host_key_checking=policy)
        judge = HostKeyJudge(options, Credulous(), revoked_everywhere, ("host", "", 22), lambda verdict: None)
        with pytest.raises(HostKeyNotVerifiable, match="revoked"):
            asyncio.run(judge.judge(hostile.KEYS["A"]))
    for marker in ("@revoke", "@revoked @revoked", "@cert-authority @revoked", "@"):
        hosts = SSHKnownHosts(f"{marker} host {line}\n")
        assert hosts.match("host", "", 22)[0] == []
        assert hosts.problems


@covers(55)
def test_cve_2026_39829_numbers_of_rsa_keys_are_bounded() -> None:
    def blob(e: int, n: int) -> bytes:
        return string(b"ssh-rsa") + encode_mpint(e) + encode_mpint(n)

    size = 2048
    good = (1 << size - 1) + 1
    for e, n in (
        (65537, (1 << 511) + 1),
        (65537, (1 << 1023) + 1),
        (65537, (1 << size - 2) + 1),
        (65537, (1 << 16384) + 1),
        (65537, good + 1),
        (1, good),
        (4, good),
        ((1 << 33) + 1, good),
        (good - 2, good),
    ):
        with pytest.raises(KeyImportError):
            decode_public_key(blob(e, n))
    with pytest.raises(KeyImportError):
        decode_public_key(string(b"ssh-dss") + encode_mpint(good) * 4)


@covers(56)
def test_cve_2020_9283_lengths_of_ed25519() -> None:
    for size in (0, 31, 33, 63, 64, 65):
        with pytest.raises(KeyImportError):
            decode_public_key(string(b"ssh-ed25519") + string(bytes(size)))
        refuse_host_keys("ssh-ed25519", [string(b"ssh-ed25519") + string(bytes(size))])
    key = hostile.KEYS["A"]
    right = key.sign(b"x", "ssh-ed25519")[-64:]
    for wrong in (b"", right[:31], right[:33], right[:63], right + b"\0"):
        assert not key.verify(b"x", string(b"ssh-ed25519") + string(wrong), "ssh-ed25519")


@covers(57)
def test_cve_2026_44405_no_sha_1() -> None:
    key = key_of("ssh-rsa", key_size=2048)
    with pytest.raises(ValueError, match="rsa-sha2-512"):
        key.sign(b"x", "ssh-rsa")
    inner = key.library_private_key.sign(b"x", padding.PKCS1v15(), hashes.SHA1())
    assert not key.verify(b"x", string(b"ssh-rsa") + string(inner))
    assert not key.verify(b"x", string(b"ssh-rsa") + string(inner), "ssh-rsa")
    assert "ssh-rsa" not in default_signature_algorithms()
    stage = Stage(SERVER).to(Phase.WAIT_AUTH)
    query = userauth(b"publickey", b"\0" + string(b"ssh-rsa") + string(key.public_data))
    assert stage.send(query)[-1][0] == 51
    # An authority does not sign with it either.
    blob = by_hand(hostile.KEYS["A"], key, sign=lambda data: sha1(key, data))
    with pytest.raises(KeyImportError, match="ssh-rsa"):
        decode_certificate(blob)


@covers(58)
def test_dropbear_2026_92_the_tail_of_a_long_line_is_no_line() -> None:
    line = hostile.KEYS["A"].export_public_key().decode().strip()
    keys = SSHAuthorizedKeys(f'command="{"x" * MAX_LINE}" {line}')
    assert keys.judge(hostile.KEYS["A"], None, None).options is None
    crafted = "#" + "x" * (MAX_LINE - 1) + line
    assert SSHAuthorizedKeys(crafted).judge(hostile.KEYS["A"], None, None).options is None
    assert import_authorized_keys(f"{crafted}\n{line}").judge(hostile.KEYS["A"], None, None).options == {}
    with pytest.raises(ValueError):
        import_authorized_keys("\n" * 10_001)
    with tempfile.TemporaryDirectory() as folder:
        fifo = Path(folder) / "fifo"
        os.mkfifo(fifo)
        with pytest.raises(ValueError, match="regular"):
            read_authorized_keys(fifo)


class _Forced(nacre.SSHServer):
    """Wants a key and then a password."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> Any:
        return password == PASSWORD


@covers(59)
def test_dropbear_2026_90_a_forced_command_is_forced_in_every_way() -> None:
    play("restrictions_survive_*")
    key = hostile.KEYS["restricted"]
    line = key.export_public_key().decode().strip()

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        term = process.term_type
        process.stdout.write(f"{process.command} {process.subsystem} {term}")
        process.exit(0)

    @asynctest
    async def session() -> None:
        authorized = import_authorized_keys(f'command="forced",no-pty {line}')
        async with (
            serving(
                server_factory=_Forced, authorized_client_keys=authorized, process_factory=handler
            ) as listener,
            connected(listener, client_keys=[key]) as connection,
        ):
            for asked in (
                {"command": "other"},
                {"subsystem": "sftp"},
                {},
                {"env": {"A": "b"}, "command": "x"},
            ):
                done = await connection.run(**asked)
                assert done.stdout == "forced None None", asked
            with pytest.raises(nacre.ChannelOpenError):
                await connection.run("x", term_type="xterm", request_pty="force")

    session()


@covers(60)
def test_asyncssh_2_23_a_user_name_leads_nowhere() -> None:
    names = (*"../../x a/b . .. -x ａｄｍｉｎ A root /etc".split(), "a\0b", "", "a" * 300, "a\u202e")
    for name in names:
        assert not is_user_name(name), name
        with pytest.raises(HubProblem):
            check_user_name(name)
    with tempfile.TemporaryDirectory() as folder:
        paths = prepare(Path(folder) / "state")
        for name in ("../../x", "a/b", "a\0b", "", ".", ".."):
            with pytest.raises(ValueError, match="directory"):
                paths.home(name)
        assert paths.home("alice") == paths.homes / "alice"
        leads_to_no_other_keys(Path(folder))


@covers(61)
def test_cve_2021_41617_under_whom_a_users_programs_run() -> None:
    for uid in (0, -1):
        with pytest.raises(HubProblem, match="root"):
            Isolation(Mode.UID, by_admin=False).credentials(uid)
    assert Isolation(Mode.UID, by_admin=False).credentials(70_000).uid == 70_000
    calls: list[Any] = []
    with (
        mock.patch("os.setgroups", lambda *given: calls.append(given)),
        mock.patch("os.setresgid", lambda *given: calls.append(given)),
        mock.patch("os.setresuid", lambda *given: calls.append(given)),
    ):
        holder._become(70_000)
        assert calls == [([],), (70_000,) * 3, (70_000,) * 3]  # the groups first, while it may still
        with pytest.raises(ValueError, match="root"):
            holder._become(0)


@covers(62)
def test_wolfsshd_a_verifier_that_fails_is_a_no() -> None:
    def raising(error: BaseException) -> Any:
        def validate(self: Any, username: str, password: str) -> Any:
            raise error

        return validate

    def returning(value: Any) -> Any:
        return lambda self, username, password: value

    verifiers = [returning(value) for value in (None, "", 0, NotImplemented, ValueError("no"))]
    verifiers += [raising(error) for error in (ValueError("x"), KeyError("x"), MemoryError())]

    @asynctest
    async def attempts() -> None:
        for verifier in verifiers:
            factory = type("Server", (PasswordServer,), {"validate_password": verifier})
            async with serving(server_factory=factory) as listener:
                with pytest.raises(nacre.DisconnectError):
                    await connect(listener, password="secret")
        reported()

    attempts()


@covers(63)
def test_cve_2024_6387_the_login_timer_fires_anywhere_and_once() -> None:
    for phase in (
        Phase.INITIAL_AFTER_KEXINIT,
        Phase.INITIAL_WAIT_NEWKEYS,
        Phase.AFTER_FIRST_NEWKEYS,
        Phase.WAIT_AUTH,
    ):
        for role in Role:
            stage = Stage(role).to(phase)
            assert stage.end.connection.next_deadline() == limits.LOGIN_TIMEOUT
            stage.end.connection.tick(limits.LOGIN_TIMEOUT)
            stage.end.connection.tick(limits.LOGIN_TIMEOUT + 1)
            stage.exchange()
            assert end_of(stage).error.code == DisconnectReason.CONNECTION_LOST, phase
    stage = Stage(SERVER, answers={events.PasswordQuestion: LATER}).to(Phase.WAIT_AUTH)
    stage.send(userauth(b"password", b"\0" + string(b"x")))
    stage.end.connection.tick(limits.LOGIN_TIMEOUT)
    stage.end.connection.answer(stage.end.of(events.PasswordQuestion)[0].token, True)
    stage.end.pump()
    assert not stage.end.of(events.AuthSucceeded)

    @asynctest
    async def hashing() -> None:
        began = asyncio.Event()

        class Slow(PasswordServer):
            async def validate_password(self, username: str, password: str) -> bool:
                began.set()
                link, loop = self.conn.link, asyncio.get_running_loop()
                # The time passes while this waits.
                loop.call_soon(link.protocol.tick, loop.time() + limits.LOGIN_TIMEOUT)
                loop.call_soon(link.touch)
                await asyncio.Event().wait()
                return True

        async with serving(server_factory=Slow, login_timeout=limits.LOGIN_TIMEOUT) as listener:
            with pytest.raises(nacre.DisconnectError):
                await connect(listener, password="secret")
            assert began.is_set()

    hashing()


@covers(64)
def test_cve_2023_43809_nobody_comes_in_without_a_key() -> None:
    state = mock.Mock(user_has_key=mock.Mock(return_value=None))
    for user in ("alice", "guest", "anonymous", ""):
        server = LoginBook(state, lambda *_: None).server()
        connection = FakeConnection(user, None)
        server.connection_made(connection)
        options = SSHServerConnectionOptions(server_host_keys=[HOST_KEY])
        logger = logging.LoggerAdapter(logging.getLogger("nacre.test"), {})
        authenticator = ServerAuthenticator(options, server, "203.0.113.9", logger)
        policy = now(authenticator.begin(events.AuthBegin(events.Token(None), user)))
        assert policy == events.AuthPolicy(required=True, methods=("publickey",))
        assert not server.validate_public_key(user, hostile.KEYS["A"])
        with mock.patch.object(connection, "disconnect") as disconnect:
            server.auth_completed()
        assert disconnect.called
