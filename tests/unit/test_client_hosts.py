"""Which host a client comes from, and whether its key is believed."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import client_hosts
from nacre.client_hosts import ClientHosts, warn_of_client_hosts
from nacre.protocol import events
from nacre.trust import known_hosts_line
from tests.support.face import HOST, asynctest, client_options, connected, host_key, reported, serving

KEY = nacre.generate_private_key("ssh-ed25519")
OTHER = nacre.generate_private_key("ssh-ed25519")
CA = nacre.generate_private_key("ssh-ed25519")
ADDR = "192.0.2.7"
NAME = "client.example"


async def yes(value: Any) -> bool:
    return value is True


def question(shown: Any = KEY, host: str = f"{NAME}.") -> events.HostbasedQuestion:
    return events.HostbasedQuestion(events.Token(None), "user", shown.algorithm, shown.public_data, host, "u")


def hosts(server: nacre.SSHServer | None = None, addr: str | None = ADDR, **options: Any) -> ClientHosts:
    given = nacre.SSHServerConnectionOptions(**options)
    return ClientHosts(given, server or nacre.SSHServer(), addr, 4711, yes, logging.getLogger("nacre"))


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What addresses are called."""
    known: dict[str, str | None] = {ADDR: NAME}

    async def confirmed_name(addr: str) -> str | None:
        return known.get(addr)

    monkeypatch.setattr(client_hosts, "confirmed_name", confirmed_name)
    return known


def line(host: str, key: nacre.SSHKey = KEY, marker: str = "") -> bytes:
    return f"{marker}{known_hosts_line(host, None, key)}\n".encode()


def certificate(name: str = NAME, **how: Any) -> nacre.SSHCertificate:
    return CA.generate_host_certificate(KEY, "id", principals=[name], **how)


class Asked(nacre.SSHServer):
    """Says yes to one key, and notes what it is asked."""

    def __init__(self, answer: Any = True) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, ...]] = []

    def host_based_auth_supported(self) -> Any:
        return self.answer

    def validate_host_public_key(self, *what: Any) -> Any:
        self.calls.append(("key", *what))
        return self.answer

    def validate_host_ca_key(self, *what: Any) -> Any:
        self.calls.append(("ca", *what))
        return self.answer


@asynctest
async def test_when_it_is_offered() -> None:
    assert not await hosts().supported()
    for nobody in ([], b"", "", ()):
        assert not await hosts(known_client_hosts=nobody).supported()
    for some in (line(NAME), "known_hosts", ([KEY], [], []), nacre.SSHKnownHosts()):
        assert await hosts(known_client_hosts=some).supported()
        assert not await hosts(known_client_hosts=some, host_based_auth=False).supported()
    assert await hosts(Asked()).supported()
    assert not await hosts(Asked(NotImplemented)).supported()
    assert not await hosts(Asked(), host_based_auth=False).supported()


@asynctest
async def test_the_name_of_the_address_is_what_counts() -> None:
    known = line(NAME) + line("other.example", OTHER)
    assert await hosts(known_client_hosts=known).believed(question(), None) == NAME
    # What the client calls itself changes nothing.
    assert await hosts(known_client_hosts=known).believed(question(OTHER, "other.example"), None) is None


@asynctest
async def test_a_claim_is_passed_over() -> None:
    for claim in ("other.example", "", "*", NAME.upper(), f"{NAME}.", "x" * 255, "\x1b[2J"):
        assert await hosts(known_client_hosts=line(NAME)).believed(question(host=claim), None) == NAME


@asynctest
async def test_an_address_without_a_name_stands_for_itself(names: dict[str, str | None]) -> None:
    names.clear()
    assert await hosts(known_client_hosts=line(ADDR)).believed(question(), None) == ADDR
    assert await hosts(known_client_hosts=line(NAME)).believed(question(), None) is None
    assert await hosts(known_client_hosts=line(ADDR), addr=None).believed(question(), None) is None


@asynctest
async def test_an_address_is_looked_up_once(names: dict[str, str | None]) -> None:
    believing = hosts(known_client_hosts=line(NAME))
    for _ in range(2):
        assert await believing.believed(question(), None) == NAME
        names.clear()


@pytest.mark.parametrize(
    ("claim", "host"),
    [
        (NAME, NAME), (f"{NAME}.", NAME), (NAME.upper(), NAME), (f"{NAME}..", None), (f".{NAME}", None),
        ("other.example", None), (f"x.{NAME}", None), (f"{NAME}\0", None), (f"{NAME},x", None), ("*", None),
        ("client?example", None), ("", None), (".", None), (f"[{NAME}]", None), (f"{NAME}:22", None),
        ("192.0.2.9", None), (" " + NAME, None), (NAME + "\n", None),
    ],
)  # fmt: skip
@asynctest
async def test_names_that_are_trusted_are_compared_as_they_are(claim: str, host: str | None) -> None:
    known = line(NAME) + line("192.0.2.9")
    believing = hosts(known_client_hosts=known, trust_client_host=True)
    assert await believing.believed(question(host=claim), None) == host


@asynctest
async def test_a_key_of_the_address_does_not_vouch_for_a_name() -> None:
    known = line(ADDR) + line("other.example", OTHER)
    trusting = hosts(known_client_hosts=known, trust_client_host=True)
    assert await trusting.believed(question(host="other.example"), None) is None
    assert await trusting.believed(question(host=ADDR), None) == ADDR


@asynctest
async def test_keys_that_are_not_believed() -> None:
    for known in (line("x.example"), line(NAME, OTHER), line(NAME) + line(NAME, KEY, "@revoked ")):
        assert await hosts(known_client_hosts=known).believed(question(), None) is None
    assert await hosts().believed(question(), None) is None
    broken = events.HostbasedQuestion(events.Token(None), "user", "ssh-ed25519", b"junk", NAME, "u")
    assert await hosts(known_client_hosts=line(NAME)).believed(broken, None) is None


@asynctest
async def test_revoked_keys() -> None:
    from nacre.trust.revocation import revocation_list

    revoked = revocation_list(KEY.export_public_key())
    assert await hosts(known_client_hosts=line(NAME)).believed(question(), revoked) is None
    asked = Asked()
    assert await hosts(asked).believed(question(), revoked) is None
    assert not asked.calls


@asynctest
async def test_a_profile_holds_for_the_keys_of_hosts_too() -> None:
    short = nacre.generate_private_key("ssh-rsa", key_size=2048)
    by_short = short.generate_host_certificate(KEY, "id", principals=[NAME])
    known = line(NAME, short) + line(NAME, short, "@cert-authority ")
    for shown in (short, by_short):
        assert await hosts(known_client_hosts=known).believed(question(shown), None) == NAME
        assert await hosts(known_client_hosts=known, profile="pq").believed(question(shown), None) is None
    assert await hosts(known_client_hosts=line(NAME), profile="pq").believed(question(), None) == NAME


@asynctest
async def test_the_program_is_asked_about_what_is_not_known() -> None:
    asked = Asked()
    assert await hosts(asked).believed(question(), None) == NAME
    assert await hosts(asked, known_client_hosts=line(NAME)).believed(question(), None) == NAME
    assert asked.calls == [("key", NAME, ADDR, 4711, KEY.convert_to_public())]
    for answer in (False, None, NotImplemented, ValueError("x")):
        assert await hosts(Asked(answer)).believed(question(), None) is None


@asynctest
async def test_certificates() -> None:
    known = line("*.example".replace("*", "any"), CA, "@cert-authority ").replace(
        b"any.example", b"*.example"
    )

    async def judged(shown: nacre.SSHCertificate) -> str | None:
        return await hosts(known_client_hosts=known).believed(question(shown), None)

    now = int(time.time())
    assert await judged(certificate()) == NAME
    assert await judged(certificate("*.example")) is None
    assert await judged(certificate("other.example")) is None
    assert await judged(certificate(f"{NAME},x")) is None
    assert await judged(certificate(valid_before=now - 60)) is None
    assert await judged(certificate(valid_after=now + 3600)) is None
    assert await judged(CA.generate_host_certificate(KEY, "id", principals=[])) is None
    assert await judged(CA.generate_user_certificate(KEY, "id", principals=[NAME])) is None
    assert await judged(OTHER.generate_host_certificate(KEY, "id", principals=[NAME])) is None


@asynctest
async def test_a_known_key_makes_no_certificate_good() -> None:
    """As for sshd: whoever shows a certificate has one of a trusted authority."""
    expired = certificate(valid_before=int(time.time()) - 60)
    assert await hosts(known_client_hosts=line(NAME)).believed(question(expired), None) is None


@asynctest
async def test_the_program_is_asked_about_authorities() -> None:
    asked = Asked()
    assert await hosts(asked).believed(question(certificate()), None) == NAME
    assert asked.calls == [("ca", NAME, ADDR, 4711, CA.convert_to_public())]
    assert await hosts(asked).believed(question(certificate("other.example")), None) is None
    assert await hosts(Asked(False)).believed(question(certificate()), None) is None


@asynctest
async def test_refusals_are_explained(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await hosts(known_client_hosts=line("x")).believed(question(host="\x1b[2Jx"), None)
    assert "\x1b" not in caplog.text
    assert "its key is not known" in caplog.text
    assert f"by its address it is {NAME}" in caplog.text


def test_a_file_that_is_not_there_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "known"
    warn_of_client_hosts(nacre.SSHServerConnectionOptions(known_client_hosts=path))
    assert str(path) in caplog.text
    caplog.clear()
    path.write_bytes(line(NAME))
    for fine in (path, None, [], line(NAME)):
        warn_of_client_hosts(nacre.SSHServerConnectionOptions(known_client_hosts=fine))
    assert not caplog.text


@asynctest
async def test_a_file_that_cannot_be_read_admits_nobody(tmp_path: Path) -> None:
    async with serving(server_factory=nacre.SSHServer, known_client_hosts=tmp_path / "lost") as listener:
        with pytest.raises(nacre.PermissionDenied):
            await nacre.connect(
                HOST, listener.get_port(), **client_options(client_host_keys=[KEY], client_username="user")
            )
    assert len(reported()) == 1


@asynctest
async def test_from_one_end_to_the_other(names: dict[str, str | None]) -> None:
    seen: list[tuple[str, str, str]] = []

    class Server(nacre.SSHServer):
        def validate_host_based_user(self, username: str, client_host: str, client_username: str) -> bool:
            seen.append((username, client_host, client_username))
            return super().validate_host_based_user(username, client_host, client_username) is True

    names.clear()
    async with serving(server_factory=Server, known_client_hosts=line(HOST)) as listener:
        async with connected(listener, client_host_keys=[OTHER, KEY], client_username="user") as connection:
            assert connection.get_extra_info("username") == "user"
        with pytest.raises(nacre.PermissionDenied):
            await nacre.connect(
                HOST, listener.get_port(), **client_options(client_host_keys=[KEY], client_username="carol")
            )
        for wrong in ({"client_host_keys": [OTHER]}, {"client_host_keys": [KEY], "host_based_auth": False}):
            with pytest.raises(nacre.PermissionDenied):
                await nacre.connect(
                    HOST, listener.get_port(), **client_options(**wrong, client_username="user")
                )
    assert seen == [("user", HOST, "user"), ("user", HOST, "carol")]
    assert host_key().public_data not in (KEY.public_data, OTHER.public_data)


@asynctest
async def test_a_host_and_a_key(names: dict[str, str | None]) -> None:
    """Two factors in order; what the line of the key says holds."""

    class Server(nacre.SSHServer):
        def validate_host_based_user(self, *who: str) -> Any:
            return nacre.PartialSuccess(("publickey",))

    names.clear()
    options: dict[str, Any] = {
        "server_factory": Server,
        "known_client_hosts": line(HOST),
        "authorized_client_keys": nacre.import_authorized_keys(
            f'command="forced" {OTHER.export_public_key().decode()}'
        ),
        "process_factory": lambda process: (process.stdout.write(process.command), process.exit(0)),
    }
    async with serving(**options) as listener:
        asks = {"client_host_keys": [KEY], "client_keys": [OTHER], "client_username": "user"}
        async with connected(listener, **asks) as connection:
            assert (await connection.run("x")).stdout == "forced"
        # The key alone would do, in this server; the host alone does not.
        with pytest.raises(nacre.PermissionDenied):
            await nacre.connect(HOST, listener.get_port(), **client_options(**{**asks, "client_keys": None}))


@asynctest
async def test_names_in_authorized_keys(names: dict[str, str | None]) -> None:
    keys = nacre.import_authorized_keys(f'from="*.example" {OTHER.export_public_key().decode()}')
    names[HOST] = "client.example"
    for looks_up in (True, False):
        options = {"server_factory": nacre.SSHServer, "authorized_client_keys": keys}
        async with serving(**options, rdns_lookup=looks_up) as listener:
            if looks_up:
                async with connected(listener, client_keys=[OTHER]):
                    pass
            names[HOST] = "client.example.org"
            with pytest.raises(nacre.PermissionDenied):
                await nacre.connect(HOST, listener.get_port(), **client_options(client_keys=[OTHER]))


@asynctest
async def test_a_name_that_does_not_come_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(addr: str) -> str | None:
        raise TimeoutError

    monkeypatch.setattr(client_hosts, "confirmed_name", never)
    assert await hosts(known_client_hosts=line(NAME)).believed(question(), None) is None
    assert await hosts(known_client_hosts=line(ADDR)).believed(question(), None) == ADDR
