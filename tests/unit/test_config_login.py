"""What a server's configuration asks of a login; tests/unit/test_server_config.py has live ones."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.config_login import LoginPolicy, login_policy
from nacre.protocol import events
from nacre.trust.config_server import Arrival, read_server_files
from tests.support.face import user_key

GROUPS = {"alice": ("staff", "wheel"), "bob": ("staff",), "root": ("root",)}


def policy(
    folder: Path, text: str, user: str = "alice", host: str = "pc.example", address: str = "10.0.0.1"
) -> LoginPolicy:
    path = folder / "config"
    path.write_text(text + "\n")
    arrival = Arrival(
        user, host, address, "127.0.0.1", 22, lambda name: name in GROUPS, lambda name: GROUPS.get(name, ())
    )
    return login_policy(read_server_files([path]).for_arrival(arrival), arrival)


@pytest.mark.parametrize(
    ("text", "user", "barred"),
    [
        ("", "alice", False),
        ("AllowUsers alice", "alice", False),
        ("AllowUsers alice", "bob", True),
        ("AllowUsers x\nAllowUsers b*", "bob", False),
        ("AllowUsers *@10.0.0.0/8", "bob", False),
        ("AllowUsers bob@192.0.2.0/24", "bob", True),
        ("AllowUsers *@pc.*", "bob", False),
        ("DenyUsers bob\nAllowUsers bob", "bob", True),
        ("AllowUsers !bob,*", "bob", True),
        ("AllowGroups wheel", "alice", False),
        ("AllowGroups wheel", "bob", True),
        ("AllowGroups wheel", "nobody", True),
        ("DenyGroups wheel", "alice", True),
        ("DenyGroups whe*\nAllowGroups staff", "alice", True),
        # An exclamation mark excludes hosts, and stands for itself in the name of a user or group: so sshd has it.
        ("AllowGroups !wheel *", "alice", False),
        ("DenyGroups !wheel *", "alice", True),
        ("AllowUsers bob@!10.0.0.0/8,*", "bob", True),
        ("AllowUsers bob@!10.9.0.0/16,*", "bob", False),
        ("DenyUsers bob@!pc.*,*", "bob", False),
        ("PermitRootLogin no", "root", True),
        ("PermitRootLogin no", "alice", False),
        ("PermitRootLogin without-password", "root", False),
    ],
)
def test_who_may_come(tmp_path: Path, text: str, user: str, barred: bool) -> None:
    found = policy(tmp_path, text, user)
    assert found.barred is barred
    policy_of_program = events.AuthPolicy(required=False)
    assert found.offered(policy_of_program).required is (barred or "without" in text)


def judged(
    found: LoginPolicy,
    kind: str,
    value: Any = True,
    shown: Any = None,
    verified: bool = True,
    forced: str | None = None,
    secret: str = "p",
    for_password: bool = False,
) -> Any:
    async def answer() -> Any:
        return value

    token: Any = None
    event: Any
    match kind:
        case "publickey":
            shown = shown or user_key()
            event = events.PublicKeyQuestion(token, "u", "alg", shown.public_data, shown, verified)
        case "password":
            event = events.PasswordQuestion(token, "u", secret, None)
        case _:
            event = events.KbdintResponses(token, "u", (secret,))
    assert found.judges(event)
    return asyncio.run(found.judged(event, answer(), lambda: forced, for_password=for_password))


def test_who_is_barred_is_refused_at_the_end(tmp_path: Path) -> None:
    found = policy(tmp_path, "DenyUsers alice")
    challenge = events.Challenge(prompts=(("?", False),))
    assert judged(found, "keyboard-interactive", challenge) is challenge
    for value in (True, False, events.Partial(("password",)), events.PasswordExpired("?")):
        for method in ("publickey", "password", "keyboard-interactive"):
            assert judged(found, method, value) is False
    assert not found.judges(events.AuthBegin(None, "u"))  # type: ignore[arg-type]  # no token is looked at


def test_empty_passwords(tmp_path: Path) -> None:
    for text, secret, verdict in (("no", "", False), ("no", "x", True), ("yes", "", True)):
        assert judged(policy(tmp_path, f"PermitEmptyPasswords {text}"), "password", secret=secret) is verdict
    assert judged(policy(tmp_path, ""), "password", secret="") is True
    # A dialogue that asks for the password is another way to the same; what others ask may have no answer.
    none = policy(tmp_path, "PermitEmptyPasswords no")
    for secret, for_password, verdict in (("", True, False), ("x", True, True), ("", False, True)):
        asked = judged(none, "keyboard-interactive", secret=secret, for_password=for_password)
        assert asked is verdict


def test_root(tmp_path: Path) -> None:
    found = policy(tmp_path, "PermitRootLogin without-password", "root")
    assert judged(found, "password") is judged(found, "keyboard-interactive") is False
    assert judged(found, "publickey") is True
    found = policy(tmp_path, "PermitRootLogin forced-commands-only", "root")
    assert judged(found, "publickey") is judged(found, "password") is False
    assert judged(found, "publickey", forced="backup") is True
    assert judged(found, "publickey", verified=False) is True
    assert judged(policy(tmp_path, "PermitRootLogin forced-commands-only"), "password") is True


def test_methods_in_order(tmp_path: Path) -> None:
    text = "AuthenticationMethods publickey,password publickey,keyboard-interactive:pam,password"
    found = policy(tmp_path, text)
    offered = found.offered(events.AuthPolicy(True, ("publickey", "password")))
    assert offered.methods == ("publickey",)
    assert judged(found, "password") is False
    assert judged(found, "publickey", verified=False) is True
    assert judged(found, "publickey") == events.Partial(("password", "keyboard-interactive"))
    assert judged(found, "password", False) is False
    assert judged(found, "keyboard-interactive") == events.Partial(("password",))
    assert judged(found, "password") is True


def test_two_keys_are_two(tmp_path: Path) -> None:
    found = policy(tmp_path, "AuthenticationMethods publickey,publickey")
    assert judged(found, "publickey") == events.Partial(("publickey",))
    assert judged(found, "publickey", verified=False) is judged(found, "publickey") is False
    # A certificate of the same key is no other key.
    other = nacre.generate_private_key("ssh-ed25519")
    assert judged(found, "publickey", shown=other.generate_user_certificate(user_key(), "id")) is False
    assert judged(found, "publickey", shown=user_key().generate_user_certificate(other, "id")) is True


def test_what_the_program_asks_for_besides(tmp_path: Path) -> None:
    found = policy(tmp_path, "AuthenticationMethods publickey,password publickey,hostbased")
    assert judged(found, "publickey", events.Partial(("password",))) == events.Partial(("password",))
    assert judged(policy(tmp_path, "AuthenticationMethods any"), "password") is True


def test_what_sessions_are_given(tmp_path: Path) -> None:
    (tmp_path / "banner").write_text("hello")
    found = policy(
        tmp_path, f"ForceCommand  a  'b' # c\nSetEnv A=1 B='x y'\nAcceptEnv L* X\nBanner {tmp_path}/banner"
    )
    assert (found.forced_command, found.environment()) == ("a  'b' # c", {"A": "1", "B": "x y"})
    assert [found.takes_variable(name) for name in ("LANG", "X", "PATH")] == [True, True, False]
    assert found.banner() == "hello"
    assert found.takes_variable_of_key("PATH")  # of the program's own list of keys
    assert not policy(tmp_path, "AuthorizedKeysFile .ssh/authorized_keys").takes_variable_of_key("PATH")
    for text, taken in (("yes", [True, True]), ("no", [False, False]), ("LC_*,!LC_X", [True, False])):
        found = policy(tmp_path, f"PermitUserEnvironment {text}")
        assert [found.takes_variable_of_key(name) for name in ("LC_A", "LC_X")] == taken
    found = policy(tmp_path, "ForceCommand none\nBanner none")
    assert (found.forced_command, found.environment(), found.banner()) == (None, {}, "")
    assert found.takes_variable("PATH")
    assert not found.refuses
    assert policy(tmp_path, "RefuseConnection yes").refuses


def test_files_of_keys(tmp_path: Path) -> None:
    one, two, authority = (nacre.generate_private_key("ssh-ed25519") for _ in range(3))
    one.write_public_key(tmp_path / "alice")
    two.write_public_key(tmp_path / "all")
    (tmp_path / "cas").write_text(f"# ours\n\n{authority.export_public_key().decode()}")
    text = f"StrictModes no\nAuthorizedKeysFile {tmp_path}/%u {tmp_path}/all {tmp_path}/%h /%U .ssh/x none\nTrustedUserCAKeys {tmp_path}/cas"
    found = policy(tmp_path, text)
    assert found.names_keys
    keys = found.authorized_keys("alice")
    assert all(keys.judge(key, None, None).options is not None for key in (one, two))
    assert keys.judge(authority, None, None).options is None
    for user, names in (("alice", ["alice"]), ("bob", ["alice"]), ("alice", ["al", "alice,root"])):
        certificate = authority.generate_user_certificate(one, "id", principals=names)
        verdict = found.authorized_keys(user).judge_certificate(certificate, user, None, None)
        assert (verdict.options is not None) is (user in names)
    for name in ("../alice", "/etc/passwd", "", ".", "a/b", "x\0", "a" * 300):
        assert found.authorized_keys(name).judge(two, None, None).options is None
    (tmp_path / "all").unlink()
    (tmp_path / "alice").write_text("x" * (2 << 20))  # too large: none of it
    assert found.authorized_keys("alice").judge(one, None, None).options is None
    assert not policy(tmp_path, "PermitTTY no").names_keys


def test_principals_of_certificates(tmp_path: Path) -> None:
    authority, own = (nacre.generate_private_key("ssh-ed25519") for _ in range(2))
    authority.write_public_key(tmp_path / "cas")
    (tmp_path / "alice").write_text(
        '# who may be alice\n\nadmin\nno-pty,command="x y" guest\na,root\n'
        "boss # not bob\nno-pty\tpilot\n  #thief\ncrew #thief\n"
    )
    text = f"StrictModes no\nTrustedUserCAKeys {tmp_path}/cas\nAuthorizedPrincipalsFile {tmp_path}/%u\nAuthorizedKeysFile none"
    found = policy(tmp_path, text)

    def admitted(user: str, *names: str) -> Any:
        certificate = authority.generate_user_certificate(own, "id", principals=list(names))
        judged = found.authorized_keys(user).judge_certificate(
            certificate, user, None, None, ("command", "no-pty", "pty", "restrict")
        )
        return judged.options

    assert admitted("alice", "admin") is not None
    assert admitted("alice", "guest")["command"] == "x y"
    assert all(admitted("alice", name) is not None for name in ("boss", "crew", "pilot"))
    assert "no-pty" in admitted("alice", "pilot")
    for names in (("alice",), ("root",), ("a,root",), ("a",), ("adm*",), ("bob",), ("thief",), ("#thief",)):
        assert admitted("alice", *names) is None, names
    assert admitted("bob", "bob") is None  # who has no file has no principals
    assert admitted("../alice", "admin") is None


@pytest.mark.parametrize(
    "text", ["ssh-ed25519 AAAA\n".encode("utf-16"), b"\n" * 20_000], ids=["utf-16", "lines"]
)
def test_a_file_that_is_none_of_keys_keeps_nobody_out(tmp_path: Path, text: bytes) -> None:
    """It is the user's own to write, who may have other keys, or a password."""
    (tmp_path / "alice").write_bytes(text)
    user_key().write_public_key(tmp_path / "all")
    found = policy(tmp_path, f"StrictModes no\nAuthorizedKeysFile {tmp_path}/%u {tmp_path}/all")
    assert found.authorized_keys("alice").judge(user_key(), None, None).options is not None


def test_files_below_the_home_of_whoever_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    key = nacre.generate_private_key("ssh-ed25519")
    key.write_public_key(tmp_path / "alice")
    found = policy(tmp_path, "StrictModes no\nAuthorizedKeysFile ~/%u")
    assert found.authorized_keys("alice").judge(key, None, None).options is not None


def test_files_that_others_can_change(tmp_path: Path) -> None:
    user_key().write_public_key(tmp_path / "all")
    found = policy(tmp_path, f"AuthorizedKeysFile {tmp_path}/all")
    (tmp_path / "all").chmod(0o666)
    assert found.authorized_keys("alice").judge(user_key(), None, None).options is None
