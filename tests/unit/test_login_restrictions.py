"""What a login of several factors permits: what one of them forbids is forbidden."""

from __future__ import annotations

from typing import Any

import pytest

import nacre
from nacre.login_restrictions import LoginRestrictions
from tests.support.face import asynctest, connect, connected, serving, user_key

CA = nacre.generate_private_key("ssh-ed25519")


def cert(**values: Any) -> nacre.SSHCertificate:
    return CA.generate_user_certificate(user_key(), "id", principals=["user"], **values)


def login(*factors: Any) -> LoginRestrictions:
    restrictions = LoginRestrictions()
    for factor in factors:
        line, certificate = factor if isinstance(factor, tuple) else (factor, None)
        assert not restrictions.refusal(line, certificate)
        restrictions.add(line, certificate)
    return restrictions


def test_nothing_restricts_nothing() -> None:
    for nothing in (login(), login(None), login({}, {})):
        assert nothing.permits("pty")
        assert nothing.certificates_permit("pty")
        assert nothing.permits_place("permitopen", "h", 1)
        assert nothing.forced_command() is None
        assert nothing.environment() == nothing.key_options == nothing.certificate_options == {}


def test_restrictions_of_every_factor_hold() -> None:
    """Security history, row 42: a second factor lifts nothing of the first."""
    first = {"no-pty": True, "command": "x", "environment": ("A=1",)}
    second = {"pty": True, "environment": ("A=2", "B=2"), "no-x11-forwarding": True}
    for both in (login(first, second), login(second, first)):
        assert not both.permits("pty")
        assert not both.permits("PTY")
        assert not both.permits("X11-forwarding")
        assert both.permits("agent-forwarding")
        assert both.forced_command() == "x"
    assert login(first, second).environment() == {"A": "1", "B": "2"}
    assert login(first, second).key_options["environment"] == ("A=1",)
    assert not login(first, {"restrict": True}).permits("agent-forwarding")


def test_commands_that_differ_do_not_go_together() -> None:
    sleeps = cert(force_command="sleep")
    for have, refused in (
        ([{"command": "a"}], ({"command": "b"}, None)),
        ([{"command": "a"}], (None, sleeps)),
        ([(None, sleeps)], ({"command": "b"}, None)),
        ([(None, sleeps)], ({"command": ""}, None)),
        ([], ({"command": "b"}, sleeps)),
        ([{}, {"command": "a"}, {}], ({"command": "b"}, None)),
    ):
        assert "differ" in login(*have).refusal(*refused)
    for have, fine in (
        ([{"command": "a"}], ({"command": "a"}, None)),
        ([{"command": "sleep"}], ({}, sleeps)),
        ([(None, sleeps)], ({"command": "sleep"}, sleeps)),
        ([(None, sleeps)], (None, cert())),
    ):
        assert not login(*have).refusal(*fine)
    assert login((None, sleeps)).forced_command() == "sleep"


def test_certificates_add_up() -> None:
    without = cert(permit_pty=False)
    both = login((None, cert()), ({}, without))
    assert not both.certificates_permit("pty")
    assert both.certificates_permit("port-forwarding")
    assert both.permits_place("permitopen", "h", 1)
    assert not login((None, cert(permit_port_forwarding=False))).permits_place("permitopen", "h", 1)


def test_places_that_every_line_permits() -> None:
    one, two = {"permitopen": ("a:1", "b:2")}, {"permitopen": ("b:2", "c:3")}
    both = login(one, {}, two)
    assert [both.permits_place("permitopen", *place) for place in (("a", 1), ("b", 2), ("c", 3))] == [
        False,
        True,
        False,
    ]


class Program(nacre.SSHServer):
    """Wants a certificate first, and then a key of the authorized keys."""

    def validate_ca_key(self, username: str, key: nacre.SSHKey) -> Any:
        return key == CA.convert_to_public() and nacre.PartialSuccess(("publickey",))


@pytest.mark.parametrize(
    ("line", "forced", "status"),
    [
        ("no-pty", "1", 1),
        ('command="1"', "1", 1),
        ('command="2"', "1", None),
        ('command="2",no-pty', None, 2),
    ],
)
@asynctest
async def test_from_one_end_to_the_other(line: str, forced: str | None, status: int | None) -> None:
    """A force-command of one factor and what the other says: both hold, and two that differ refuse."""
    second = nacre.generate_private_key("ssh-ed25519")
    keys = nacre.import_authorized_keys(f"{line} {second.export_public_key().decode()}")
    shown = cert(**({} if forced is None else {"force_command": forced}))

    def run(process: nacre.SSHServerProcess[str]) -> None:
        assert process.term_type is None or "no-pty" not in line
        process.exit(int(process.command or 0))

    options: dict[str, Any] = {"client_keys": [(user_key(), shown), second], "request_pty": False}
    async with serving(server_factory=Program, authorized_client_keys=keys, process_factory=run) as listener:
        if status is None:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, **options)
            return
        async with connected(listener, **options) as connection:
            assert (await connection.run("9")).exit_status == status
