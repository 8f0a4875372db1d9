"""Who may come in: every method, plain and as coroutines, and what fails closed."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.keys import Proof
from nacre.protocol import events
from nacre.server_auth import ServerAuthenticator, _verdict
from nacre.server_config import configured_server
from tests.support.authenticator import any_key
from tests.support.face import PasswordServer, asynctest, connect, connected, reported, serving, user_key

OTHER_KEY = nacre.generate_private_key("ecdsa-sha2-nistp256")


@pytest.mark.parametrize("asynchronous", [False, True])
@asynctest
async def test_password(asynchronous: bool) -> None:
    class Plain(PasswordServer):
        pass

    class Coroutine(PasswordServer):
        async def begin_auth(self, username: str) -> bool:  # type: ignore[override]  # it may be a coroutine
            await asyncio.sleep(0)
            return True

        async def password_auth_supported(self) -> bool:  # type: ignore[override]  # it may be a coroutine
            await asyncio.sleep(0)
            return True

        async def validate_password(self, username: str, password: str) -> bool:
            await asyncio.sleep(0)
            return password == "secret"

    async with serving(server_factory=Coroutine if asynchronous else Plain) as listener:
        async with connected(listener, password="secret") as connection:
            assert connection.get_extra_info("username") == "user"
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, password="wrong")
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener)


class KeyServer(nacre.SSHServer):
    """Lets one key in."""

    asked: list[nacre.SSHKey]

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self.conn = conn
        self.asked = []

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: nacre.SSHKey) -> Any:
        self.asked.append(key)
        return key.public_data == user_key().public_data


@asynctest
async def test_public_key() -> None:
    servers: list[KeyServer] = []

    def factory() -> KeyServer:
        servers.append(KeyServer())
        return servers[-1]

    async with serving(server_factory=factory) as listener:
        async with connected(listener, client_keys=[OTHER_KEY, user_key()]):
            server = servers[-1]
            # Of all keys that were offered, the one that has signed.
            assert server.conn.get_extra_info("client_key_blob") == user_key().public_data
            assert OTHER_KEY.public_data in [key.public_data for key in server.asked]
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[OTHER_KEY])


@pytest.mark.parametrize(
    "kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"]
)
@asynctest
async def test_every_kind_of_key(kind: str) -> None:
    key = nacre.generate_private_key(kind, **({"key_size": 2048} if kind == "ssh-rsa" else {}))
    keys = nacre.import_authorized_keys(key.export_public_key())
    options = {"server_factory": nacre.SSHServer, "authorized_client_keys": keys}
    async with serving(**options) as listener, connected(listener, client_keys=[key]):
        pass


@asynctest
async def test_authorized_keys_from_a_file_and_for_a_user(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(user_key().export_public_key())

    class PerUser(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            self.conn = conn

        def begin_auth(self, username: str) -> bool:
            if username == "user":
                self.conn.set_authorized_keys(str(path))
            return True

    for options in ({"authorized_client_keys": str(path)}, {"server_factory": PerUser}):
        options = {"server_factory": nacre.SSHServer, **options}
        async with serving(**options) as listener, connected(listener, client_keys=[user_key()]):
            pass
    async with serving(server_factory=PerUser) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[user_key()], username="other")
    with pytest.raises(OSError):
        async with serving(authorized_client_keys=str(tmp_path / "missing")):
            pass


@asynctest
async def test_options_of_the_key_that_logged_in() -> None:
    public = user_key().export_public_key().decode()
    lines = f'no-pty,environment="A=1" {public}'
    conns: list[nacre.SSHServerConnection] = []

    class Server(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            conns.append(conn)

    async with (
        serving(
            server_factory=Server, authorized_client_keys=nacre.import_authorized_keys(lines)
        ) as listener,
        connected(listener, client_keys=[user_key()]),
    ):
        conn = conns[-1]
        assert conn.get_key_option("environment") == {"A": "1"}
        assert conn.get_key_option("no-pty") is True
        assert conn.get_key_option("missing", 5) == 5
        assert not conn.check_key_permission("pty")
        assert conn.check_key_permission("port-forwarding")
        assert conn.get_certificate_option("x", 1) == 1
        assert conn.check_certificate_permission("pty")
    for refused in (
        f'from="192.0.2.1" {public}',
        f'expiry-time="20200101" {public}',
        f"made-up-option {public}",
    ):
        keys = nacre.import_authorized_keys(refused)
        async with serving(server_factory=nacre.SSHServer, authorized_client_keys=keys) as listener:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, client_keys=[user_key()])


class Dialogue(nacre.SSHClient):
    """Answers a keyboard-interactive dialogue."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers = list(answers)
        self.seen: list[Any] = []

    def kbdint_auth_requested(self) -> Any:
        return "" if self.answers else None

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> Any:
        self.seen.append((name, instructions, lang, tuple(prompts)))
        return self.answers.pop(0)


class DialogueServer(nacre.SSHServer):
    """Asks twice."""

    def kbdint_auth_supported(self) -> bool:
        return True

    async def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        await asyncio.sleep(0)
        return ("Title", "Do this", "en", [("Name:", True), ("Code:", False)])

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        if tuple(responses) == ("me", "1"):
            return ("", "", "", [])  # a page without a question still needs an answer
        return tuple(responses) == ()


@asynctest
async def test_keyboard_interactive() -> None:
    client = Dialogue(("me", "1"), ())
    async with serving(server_factory=DialogueServer) as listener:
        async with connected(listener, client_factory=lambda: client):
            pass
        assert client.seen == [
            ("Title", "Do this", "en", (("Name:", True), ("Code:", False))),
            ("", "", "", ()),
        ]
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_factory=lambda: Dialogue(("me", "2")))


@asynctest
async def test_a_dialogue_asks_for_the_password_where_passwords_are_supported() -> None:
    async with serving(server_factory=PasswordServer) as listener:
        async with connected(listener, password="secret", preferred_auth="keyboard-interactive"):
            pass
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, password="wrong", preferred_auth="keyboard-interactive")
    for switched in ({"kbdint_auth": False}, {"password_auth": False}):
        async with serving(server_factory=PasswordServer, **switched) as listener:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, password="secret", preferred_auth="keyboard-interactive")
    async with serving(server_factory=KeyServer, public_key_auth=False) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[user_key()])


class Expiring(PasswordServer):
    """Wants a new password of at least five characters."""

    password = "old"

    def validate_password(self, username: str, password: str) -> Any:
        if password == "old" == Expiring.password:
            raise nacre.PasswordChangeRequired("choose another", "en")
        return password == Expiring.password

    def change_password(self, username: str, old_password: str, new_password: str) -> Any:
        if old_password != Expiring.password:
            return False
        if len(new_password) < 5:
            raise nacre.PasswordChangeRequired("longer, please")
        Expiring.password = new_password
        return True


class Changing(nacre.SSHClient):
    """Changes its password."""

    def __init__(self, *changes: Any) -> None:
        self.changes = list(changes)
        self.calls: list[str] = []

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        self.calls.append(prompt)
        return self.changes.pop(0) if self.changes else NotImplemented

    def password_changed(self) -> None:
        self.calls.append("changed")

    def password_change_failed(self) -> None:
        self.calls.append("failed")


@asynctest
async def test_a_password_that_has_expired_is_changed() -> None:
    Expiring.password = "old"
    options = {"password": "old", "preferred_auth": "password"}
    async with serving(server_factory=Expiring) as listener:
        client = Changing()
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_factory=lambda: client, **options)
        assert client.calls == ["choose another"]
        client = Changing(("wrong", "longer"))
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_factory=lambda: client, **options)
        assert client.calls == ["choose another", "failed"]
        client = Changing(("old", "abc"), ("old", "abcdef"))
        async with connected(listener, client_factory=lambda: client, **options):
            pass
        assert client.calls == ["choose another", "failed", "longer, please", "changed"]
        async with connected(listener, password="abcdef"):
            pass
        Expiring.password = "old"  # a dialogue cannot change it
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, password="old", preferred_auth="keyboard-interactive")


class TwoFactors(KeyServer):
    """A key, then a password."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: nacre.SSHKey) -> Any:
        return super().validate_public_key(username, key) and nacre.PartialSuccess(("password",))

    def validate_password(self, username: str, password: str) -> Any:
        return password == "secret"


@asynctest
async def test_partial_success() -> None:
    async with serving(server_factory=TwoFactors) as listener:
        async with connected(listener, client_keys=[user_key()], password="secret"):
            pass
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[user_key()])
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[user_key()], password="wrong")


BAD_ANSWERS: list[Any] = [
    None,
    0,
    "",
    ZeroDivisionError,
    asyncio.CancelledError,
    False,
    [],
    NotImplementedError,
]


@pytest.mark.parametrize("bad", BAD_ANSWERS, ids=repr)
@pytest.mark.parametrize("asynchronous", [False, True])
@asynctest
async def test_anything_but_a_yes_is_a_no_and_the_connection_lives(bad: Any, asynchronous: bool) -> None:
    def answer() -> Any:
        if isinstance(bad, type):
            raise bad
        return bad

    class Plain(PasswordServer):
        def validate_password(self, username: str, password: str) -> Any:
            return password == "secret" or answer()

    class Coroutine(PasswordServer):
        async def validate_password(self, username: str, password: str) -> Any:
            return password == "secret" or answer()

    class Tries(nacre.SSHClient):
        passwords = ["wrong", "secret"]

        def __init__(self) -> None:
            self.left = list(self.passwords)

        def kbdint_auth_requested(self) -> Any:
            return None

        def password_auth_requested(self) -> Any:
            return self.left.pop(0) if self.left else None

    factory = Coroutine if asynchronous else Plain
    async with serving(server_factory=factory) as listener, connected(listener, client_factory=Tries):
        pass  # the second try on the same connection
    for report in reported():
        assert isinstance(report["exception"], (bad,) if isinstance(bad, type) else ())


@pytest.mark.parametrize("answer", [None, 0, ZeroDivisionError, True, "yes"], ids=repr)
@asynctest
async def test_only_false_lets_in_without_authentication(answer: Any) -> None:
    class Server(nacre.SSHServer):
        def begin_auth(self, username: str) -> Any:
            if isinstance(answer, type):
                raise answer
            return answer

    async with serving(server_factory=Server) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener)
    reported()


def _authenticator(server: nacre.SSHServer, **options: Any) -> ServerAuthenticator:
    return ServerAuthenticator(nacre.SSHServerConnectionOptions(**options), server, "127.0.0.1", nacre.logger)


@asynctest
async def test_a_query_decides_nothing_and_a_new_user_starts_over() -> None:
    keys = nacre.import_authorized_keys(f"no-pty {user_key().export_public_key().decode()}")
    authenticator = _authenticator(nacre.SSHServer(), authorized_client_keys=keys)
    await authenticator.begin(events.AuthBegin(events.Token(None), "user"))
    question = {
        "username": "user",
        "algorithm": "ssh-ed25519",
        "key_blob": user_key().public_data,
        "shown": user_key(),
    }
    query = events.PublicKeyQuestion(token=events.Token(None), verified=False, **question)  # type: ignore[arg-type]  # what stands in for it is enough
    assert await authenticator.public_key(query) is True
    assert authenticator.restrictions.permits("pty")
    verified = events.PublicKeyQuestion(token=events.Token(None), verified=True, **question)  # type: ignore[arg-type]  # what stands in for it is enough
    assert await authenticator.public_key(verified) is True
    assert not authenticator.restrictions.permits("pty")
    await authenticator.begin(events.AuthBegin(events.Token(None), "other"))
    assert authenticator.restrictions.permits("pty")


@pytest.mark.parametrize("value", [None, False, 0, "", NotImplemented, PermissionError("no")])
def test_what_is_no_clear_yes_is_a_no(value: object) -> None:
    assert _verdict(value) is False


@asynctest
async def test_a_revoked_key_does_not_log_in_whatever_else_says_so(tmp_path: Path, caplog: Any) -> None:
    """sshd_config(5) RevokedKeys."""

    class Anybody(nacre.SSHServer):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: nacre.SSHKey) -> bool:
            return True

        def validate_ca_key(self, username: str, key: nacre.SSHKey) -> bool:
            return True

    authority = nacre.generate_private_key("ssh-ed25519")
    certificate = authority.generate_user_certificate(user_key(), "stolen", serial=7, principals="user")
    shown = nacre.SSHKeyPair.from_key(user_key())
    shown.set_certificate(certificate)
    path = tmp_path / "krl"
    keys = nacre.import_authorized_keys(user_key().export_public_key().decode())
    nacre.KeyRevocationList().write(path)
    async with (
        serving(server_factory=Anybody, revoked_keys=path) as listener,
        serving(server_factory=nacre.SSHServer, authorized_client_keys=keys, revoked_keys=str(path)) as other,
    ):
        for server in (listener, other):
            async with connected(server, client_keys=[user_key()]):
                pass
        async with connected(listener, client_keys=[shown]):
            pass
        # The file is read at each login.
        revoked = nacre.KeyRevocationList()
        revoked.add_certificate(certificate)
        revoked.write(path)
        async with connected(listener, client_keys=[user_key()]):
            pass
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[shown])
        revoked.add_key(user_key())
        revoked.write(path)
        for server in (listener, other):
            with pytest.raises(nacre.PermissionDenied):
                await connect(server, client_keys=[user_key()])
        # What cannot be read revokes nobody knows what: nobody comes in.
        path.write_bytes(b"SSHKRL\n\0garbage")
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_keys=[nacre.generate_private_key("ssh-ed25519")])
        assert [type(report["exception"]) for report in reported()] == [nacre.KeyImportError]
        with pytest.raises(nacre.KeyImportError):
            listener.update(revoked_keys=path)
    with pytest.raises(nacre.KeyImportError):
        async with serving(server_factory=Anybody, revoked_keys=path):
            pass
    with pytest.raises(FileNotFoundError):
        async with serving(server_factory=Anybody, revoked_keys=tmp_path / "nothing"):
            pass


@asynctest
async def test_why_a_security_key_was_refused_stands_in_the_log(caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    key = any_key("sk-ecdsa-sha2-nistp256@openssh.com").convert_to_public()
    lines = f"verify-required {key.export_public_key().decode()}"
    authenticator = _authenticator(
        nacre.SSHServer(), authorized_client_keys=nacre.import_authorized_keys(lines)
    )
    await authenticator.begin(events.AuthBegin(events.Token(None), "user"))  # type: ignore[arg-type]  # what stands in for it is enough
    for proof, said in ((Proof.KEY, "touched"), (Proof.KEY | Proof.PRESENCE, "verified its user")):
        question = events.PublicKeyQuestion(
            events.Token(None),
            "user",
            key.algorithm,
            key.public_data,
            key,
            verified=True,
            proof=proof,  # type: ignore[arg-type]  # what stands in for it is enough
        )
        assert await authenticator.public_key(question) is False
        assert said in caplog.text
    assert not authenticator.restrictions.key_options


@asynctest
async def test_a_configuration_asks_every_security_key_for_more_than_its_line(tmp_path: Path) -> None:
    """PubkeyAuthOptions: what the line of a key waives is asked all the same."""
    key = any_key("sk-ecdsa-sha2-nistp256@openssh.com").convert_to_public()
    lines = nacre.import_authorized_keys(f"no-touch-required {key.export_public_key().decode()}")
    for said, wanted in (
        ("none", Proof.KEY),
        ("touch-required", Proof.KEY | Proof.PRESENCE),
        ("verify-required", Proof.KEY | Proof.VERIFICATION),
    ):
        (tmp_path / "file").write_text(f"PubkeyAuthOptions {said}\n")
        options = configured_server(
            nacre.SSHServerConnectionOptions(config=tmp_path / "file", authorized_client_keys=lines)
        )
        authenticator = ServerAuthenticator(options, nacre.SSHServer(), "127.0.0.1", nacre.logger)
        await authenticator.begin(events.AuthBegin(events.Token(None), "user"))  # type: ignore[arg-type]  # what stands in for it is enough
        for proof in (Proof.KEY, Proof.KEY | Proof.PRESENCE, Proof.KEY | Proof.VERIFICATION):
            question = events.PublicKeyQuestion(
                events.Token(None),  # type: ignore[arg-type]  # likewise
                "user",
                key.algorithm,
                key.public_data,
                key,
                verified=True,
                proof=proof,
            )
            assert await authenticator.public_key(question) is (wanted in proof), (said, proof)


@asynctest
async def test_which_key_was_refused_stands_in_the_log(caplog: Any) -> None:
    caplog.set_level(logging.INFO)
    key = user_key().convert_to_public()
    other = nacre.generate_private_key("ssh-ed25519").export_public_key().decode()
    question = events.PublicKeyQuestion(
        events.Token(None),
        "user\n",
        key.algorithm,
        key.public_data,
        key,
        verified=False,
    )
    for lines, why in (
        (other, "it is not in authorized_keys"),
        (None, "the program does not take it"),
        (f'from="192.0.2.1" {key.export_public_key().decode()}', None),
    ):
        given = {} if lines is None else {"authorized_client_keys": nacre.import_authorized_keys(lines)}
        authenticator = _authenticator(nacre.SSHServer(), **given)
        await authenticator.begin(events.AuthBegin(events.Token(None), "user"))  # type: ignore[arg-type]  # what stands in for it is enough
        caplog.clear()
        assert await authenticator.public_key(question) is False
        said = f"a ssh-ed25519 {key.get_fingerprint()} for user\\n was refused: {why}"
        assert (said in caplog.text) == (why is not None)
        assert ("authorized_keys line 1" in caplog.text) == (why is None)
