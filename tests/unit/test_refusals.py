"""What a client says of a login that came to nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.refusals import why_nothing_is_left
from tests.support.face import asynctest, connect, serving, user_key

METHODS = ("publickey", "keyboard-interactive", "password")


def why(*methods: str, tried: str = "", failed: Any = None, **options: Any) -> str:
    chosen = nacre.SSHClientConnectionOptions(**options)
    return why_nothing_is_left(methods, chosen, Counter(tried.split()), failed or {})


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (why("foo"), "foo: nacre does not have it"),
        (why("publickey", preferred_auth="pubkey"), "publickey: not in preferred_auth"),
        (why("hostbased", host_based_auth=False), "hostbased: host_based_auth is off"),
        (why("hostbased"), "hostbased: no key of this host"),
        (why("gssapi-keyex", gss_auth=False), "gssapi-keyex: gss_auth is off"),
        (why("publickey", client_keys=None), "publickey: client_keys is None"),
        (why("publickey", tried="publickey"), "publickey: refused"),
        (why("publickey", tried="publickey publickey"), "publickey: refused 2 times"),
        (why("password", password="x"), "password: no password given"),
        (why("password", password="x", tried="keyboard-interactive"), "password: refused"),
        (why("password", "publickey"), "password: no password given; publickey: no key to try"),
        (
            why("password", failed={"password": OSError("a secret")}),
            "password: its callback raised OSError",
        ),
        (why("publickey", failed={"publickey": "no"}, tried="publickey"), "publickey: refused, no"),
        (
            why("publickey", failed={"publickey": nacre.KeyImportError("id_x: it is\nbroken")}),
            r"publickey: id_x: it is\nbroken",
        ),
    ],
)
def test_each_reason(told: str, text: str) -> None:
    assert told == text


@asynctest
async def test_what_connect_raises(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "nacre")
    key = user_key()
    key.write_private_key(tmp_path / "locked", passphrase="right", rounds=1, ignore_few_rounds=True)
    with open(tmp_path / "authorized", "wb") as file:
        file.write(key.export_public_key())
    async with serving(
        server_factory=nacre.SSHServer, authorized_client_keys=str(tmp_path / "authorized")
    ) as listener:

        async def refusal(**options: Any) -> str:
            with pytest.raises(nacre.PermissionDenied) as caught:
                await connect(listener, **options)
            return str(caught.value)

        other = nacre.generate_private_key("ssh-ed25519")
        assert "(the server takes publickey). publickey: refused 2 times" in await refusal(
            client_keys=[other, nacre.generate_private_key("ssh-ed25519")]
        )
        text = await refusal(client_keys=[tmp_path / "locked"], passphrase=lambda name: "wrong")
        assert f"publickey: {tmp_path / 'locked'}: the passphrase does not open" in text
        told = [record.getMessage() for record in caplog.records if "ended before" in record.getMessage()]
        assert told  # by the client to the server: nothing of its user's files
        assert all(text.endswith("(the server takes publickey)") for text in told)
        assert "publickey: public_key_auth is off" in await refusal(client_keys=[key], public_key_auth=False)


@asynctest
async def test_a_program_that_does_not_sign_for_the_host(tmp_path: Path) -> None:
    class Server(nacre.SSHServer):
        def host_based_auth_supported(self) -> bool:
            return True

    program = tmp_path / "ssh-keysign"
    program.write_text("#!/bin/sh\necho not enabled >&2\n")
    program.chmod(0o755)
    host = user_key().convert_to_public()
    async with serving(server_factory=Server) as listener:
        with pytest.raises(nacre.PermissionDenied) as caught:
            await connect(listener, client_host_keysign=str(program), client_host_keys=[host])
    assert caught.value.hint == f"hostbased: {program} did not sign: not enabled"


@asynctest
async def test_a_server_that_has_seen_enough_keys() -> None:
    lines = nacre.import_authorized_keys(user_key().export_public_key().decode())
    keys = [nacre.generate_private_key("ssh-ed25519") for _ in range(18)]
    async with serving(server_factory=nacre.SSHServer, authorized_client_keys=lines) as listener:
        with pytest.raises(nacre.PermissionDenied, match="too many keys were tried") as caught:
            await connect(listener, client_keys=keys)
    assert "17 keys were tried: client_keys or agent_identities names those" in str(caught.value)
