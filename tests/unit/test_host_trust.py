"""Whether a host's key is its own, and what the user is told when it is not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.host_trust import Standing, look_up, require_files
from nacre.trust.policy import HostKeyChecking
from tests.support.face import (
    HOST,
    OpenServer,
    asynctest,
    client_options,
    connect,
    connected,
    host_key,
    serving,
    user_key,
)

OTHER = nacre.generate_private_key("ssh-ed25519")
ECDSA = nacre.generate_private_key("ecdsa-sha2-nistp256")


def line(key: nacre.SSHKey, host: str = "host", marker: str = "") -> bytes:
    return f"{marker}{host} ".encode() + key.export_public_key().split(b" user@", 1)[0].rstrip() + b"\n"


def test_standings() -> None:
    key = host_key()
    for known, standing in (
        (None, Standing.TRUSTED),
        (b"", Standing.UNKNOWN),
        (line(key), Standing.TRUSTED),
        (line(OTHER), Standing.CHANGED),
        (line(ECDSA), Standing.CHANGED),
        (line(key) + line(OTHER), Standing.TRUSTED),
        (line(key, marker="@revoked "), Standing.REVOKED),
        (line(key) + line(key, host="*", marker="@revoked "), Standing.REVOKED),
        (line(key, host="elsewhere"), Standing.UNKNOWN),
        (line(key, marker="@cert-authority "), Standing.UNKNOWN),
    ):
        assert look_up(known, "host", "127.0.0.1", 22, None).standing(key) is standing


@pytest.mark.parametrize(
    "form", [str, lambda path: path, lambda path: [path], lambda path: path.read_bytes()]
)
def test_a_line_that_is_not_understood_leaves_the_others_alone(
    form: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "known_hosts"
    path.write_bytes(b"xxx\n" + line(host_key()))
    with caplog.at_level(logging.INFO, "nacre"):
        trust = look_up(form(path), "host", "127.0.0.1", 22, None)
    assert trust.standing(host_key()) is Standing.TRUSTED
    assert "line 1 is passed over" in caplog.text


def test_the_port_and_the_alias_count() -> None:
    key = host_key()
    assert look_up(line(key, "[host]:2222"), "host", "", 2222, None).standing(key) is Standing.TRUSTED
    assert look_up(line(key, "[host]:2222"), "host", "", 22, None).standing(key) is Standing.UNKNOWN
    assert look_up(line(key, "alias"), "host", "", 22, "alias").standing(key) is Standing.TRUSTED
    # With an alias the address says nothing.
    assert look_up(line(key, "127.0.0.1"), "host", "127.0.0.1", 22, "alias").standing(key) is Standing.UNKNOWN


def test_known_algorithms_are_asked_for_first() -> None:
    assert look_up(line(ECDSA), "host", "", 22, None).algorithms(())[0] == "ecdsa-sha2-nistp256"
    assert look_up(b"", "host", "", 22, None).algorithms(())[0] == "ssh-ed25519"
    assert look_up(line(ECDSA), "host", "", 22, None).algorithms(("ssh-ed25519",)) == ("ssh-ed25519",)


def test_messages_say_what_to_do() -> None:
    key = host_key()
    unknown = look_up(b"", "host", "", 2222, None).refusal(key)
    assert key.get_fingerprint() in str(unknown)
    trusting = str(unknown).splitlines()[-1]
    assert look_up(trusting.encode(), "host", "", 2222, None).standing(key) is Standing.TRUSTED
    changed = str(look_up(line(OTHER), "host", "", 22, None).refusal(key))
    assert "CHANGED" in changed
    assert key.get_fingerprint() in changed
    assert OTHER.get_fingerprint() in changed
    revoked = str(look_up(line(key, marker="@revoked "), "host", "", 22, None).refusal(key))
    assert "@revoked" in revoked
    assert isinstance(unknown, nacre.HostKeyNotVerifiable)
    odd = str(look_up(b"", "odd host\x1b", "", 22, None).refusal(key))
    assert "trust it with" not in odd


def test_the_users_own_file_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    key = host_key()
    missing = look_up((), "host", "", 22, None)
    assert missing.standing(key) is Standing.UNKNOWN
    assert str(tmp_path) in str(missing.refusal(key))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_bytes(line(key))
    assert look_up((), "host", "", 22, None).standing(key) is Standing.TRUSTED
    with pytest.raises(OSError):
        look_up(str(tmp_path / "missing"), "host", "", 22, None)
    with pytest.raises(OSError):
        look_up(tmp_path / "missing", "host", "", 22, None)


@asynctest
async def test_the_check_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with serving() as listener:
        port = listener.get_port()
        with pytest.raises(nacre.HostKeyNotVerifiable, match="is not known") as info:
            await connect(listener, known_hosts=())
        trusting = str(info.value).splitlines()[-1]
        async with connected(listener, known_hosts=trusting.encode()) as connection:
            shown = connection.get_server_host_key()
            assert shown is not None
            assert shown.public_data == host_key().public_data
        where = f"[{HOST}]:{port}"
        with pytest.raises(nacre.HostKeyNotVerifiable, match="CHANGED"):
            await connect(listener, known_hosts=line(OTHER, where))
        with pytest.raises(nacre.HostKeyNotVerifiable, match="revoked"):
            await connect(listener, known_hosts=line(host_key(), where, "@revoked "))
        with pytest.raises(OSError):
            await connect(listener, known_hosts=str(tmp_path / "missing"))


@asynctest
async def test_the_program_may_trust_what_is_unknown_but_not_what_is_revoked() -> None:
    class Asks(nacre.SSHClient):
        asked: list[Any] = []
        answer: Any = True

        async def validate_host_public_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> Any:
            self.asked.append((host, addr, key.get_fingerprint()))
            if isinstance(self.answer, type):
                raise self.answer
            return self.answer

    async with serving() as listener:
        where = f"[{HOST}]:{listener.get_port()}"
        async with connected(listener, known_hosts=b"", client_factory=Asks):
            assert Asks.asked == [(HOST, HOST, host_key().get_fingerprint())]
        async with connected(listener, known_hosts=line(OTHER, where), client_factory=Asks):
            pass
        Asks.asked.clear()
        with pytest.raises(nacre.HostKeyNotVerifiable):
            await connect(listener, known_hosts=line(host_key(), where, "@revoked "), client_factory=Asks)
        assert not Asks.asked
        for no in (False, None, ZeroDivisionError):
            Asks.answer = no
            with pytest.raises(nacre.DisconnectError):
                await connect(listener, known_hosts=b"", client_factory=Asks)
    from tests.support.face import reported

    reported()


@asynctest
async def test_the_server_is_not_told_what_we_know() -> None:
    lost: list[Any] = []

    class Server(OpenServer):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(exc)

    async with serving(server_factory=Server) as listener:
        where = f"[{HOST}]:{listener.get_port()}"
        with pytest.raises(nacre.HostKeyNotVerifiable):
            await connect(listener, known_hosts=line(user_key(), where))
    assert str(lost[0]) == "the host key is not trusted"
    assert lost[0].code == nacre.DISC_HOST_KEY_NOT_VERIFIABLE
    assert client_options()["known_hosts"] is None


@asynctest
async def test_a_revoked_key_is_not_believed_whatever_else_says_so(tmp_path: Path) -> None:
    """ssh_config(5) RevokedHostKeys; it holds where the check of known_hosts is turned off."""

    class Asks(nacre.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
            raise AssertionError("nobody is asked about a revoked key")

    revoked = nacre.KeyRevocationList()
    revoked.add_key_hash(host_key())
    revoked.write(tmp_path / "krl")
    other = nacre.KeyRevocationList()
    other.add_key(OTHER)
    async with serving() as listener:
        known = line(host_key(), f"[{HOST}]:{listener.get_port()}")
        for given in (
            tmp_path / "krl",
            str(tmp_path / "krl"),
            revoked,
            revoked.encode(),
            host_key().export_public_key(),
        ):
            for known_hosts in (known, None, b""):
                with pytest.raises(nacre.HostKeyNotVerifiable, match="revoked"):
                    await connect(
                        listener, known_hosts=known_hosts, revoked_host_keys=given, client_factory=Asks
                    )
        async with connected(listener, known_hosts=known, revoked_host_keys=other):
            pass
        # What cannot be read revokes nobody knows what.
        (tmp_path / "krl").write_bytes(b"SSHKRL\n\0garbage")
        with pytest.raises(nacre.KeyImportError, match="format"):
            await connect(listener, known_hosts=known, revoked_host_keys=tmp_path / "krl")
        with pytest.raises(FileNotFoundError):
            await connect(listener, known_hosts=known, revoked_host_keys=tmp_path / "nothing")
        with pytest.raises(TypeError, match="revoked_host_keys"):
            await connect(listener, known_hosts=known, revoked_host_keys=1)


@asynctest
async def test_an_empty_name_is_no_file() -> None:
    """What programs have whose setting is not set: it trusts nobody, and is no error of a file's."""
    async with serving() as listener:
        for none in ("", b"", []):
            with pytest.raises(nacre.HostKeyNotVerifiable, match="is not known"):
                await connect(listener, known_hosts=none)
    assert nacre.match_known_hosts("", "host") == ([],) * 7


def test_of_the_keys_that_are_known_the_best_is_asked_for_first_wherever_it_stands() -> None:
    rsa = nacre.read_public_key(Path(__file__).parent / "keys/data/rsa.pub")
    known = line(ECDSA) + line(rsa) + line(OTHER)
    asked = look_up(known, "host", "127.0.0.1", 22, None).algorithms(())
    # As ssh does; what is not offered by default stands last, for it is known for this host.
    assert asked[:4] == ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256")
    # A program that gives keys gives their order.
    asked = look_up(([ECDSA, OTHER], [], []), "host", "127.0.0.1", 22, None).algorithms(())
    assert asked[:2] == ("ecdsa-sha2-nistp256", "ssh-ed25519")


@pytest.mark.parametrize("checking", list(HostKeyChecking))
def test_files_that_cannot_be_used_are_named_before_anybody_is_called(
    checking: HostKeyChecking, tmp_path: Path
) -> None:
    large, long = tmp_path / "large", tmp_path / "long"
    large.write_bytes(b"#" * 1_048_577)
    long.write_bytes(b"#\n" * 10_002)
    for path in (tmp_path, large, long):
        with pytest.raises(ValueError, match=f"^{path}"):
            require_files(path, None, checking)
