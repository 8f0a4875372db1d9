"""What a client's machine says of itself, and by which keys."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import host_identity
from nacre.host_identity import HostIdentity
from nacre.identities import load_client_host_keys
from nacre.keysign import KeysignKeyPair
from tests.support.face import asynctest

KEY = nacre.generate_private_key("ssh-ed25519")


def options(**given: Any) -> nacre.SSHClientConnectionOptions:
    return nacre.SSHClientConnectionOptions(**given)


@asynctest
async def test_no_keys_unless_they_are_named() -> None:
    for given in ({}, {"client_host_keys": None}, {"client_host_keys": []}, {"client_host_keys": ""}):
        assert await load_client_host_keys(options(**given)) == []
    assert await load_client_host_keys(options(client_host_keys=[KEY], host_based_auth=False)) == []


@asynctest
async def test_keys_with_and_without_certificates(tmp_path: Path) -> None:
    ca = nacre.generate_private_key("ssh-ed25519")
    certificate = ca.generate_host_certificate(KEY, "id", principals=["h"])
    path = tmp_path / "host"
    KEY.write_private_key(path)
    plain = [("ssh-ed25519", KEY.public_data)]
    both = [(certificate.algorithm, certificate.public_data), *plain]

    async def loaded(**given: Any) -> list[tuple[str, bytes]]:
        return [(pair.algorithm, pair.public_data) for pair in await load_client_host_keys(options(**given))]

    assert await loaded(client_host_keys=path) == plain
    assert await loaded(client_host_keys=[KEY], client_host_certs=[certificate]) == both
    assert await loaded(client_host_keys=[(str(path), certificate)]) == both
    certificate.write_certificate(f"{path}-cert.pub")
    assert await loaded(client_host_keys=[path]) == both
    assert await loaded(client_host_keys=[path], client_host_certs=None) == plain
    with pytest.raises(OSError, match="lost"):
        await loaded(client_host_keys=[tmp_path / "lost"])
    with pytest.raises(OSError, match="lost"):
        await loaded(client_host_keys=[(path, tmp_path / "lost")])


def identity(
    sockname: Any = ("192.0.2.1", 5), keys: Any = (), sock: Any = None, **given: Any
) -> HostIdentity:
    return HostIdentity(options(**given), keys, {"sockname": sockname, "socket": sock}.get)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    async def name_of(address: tuple[Any, ...]) -> str | None:
        return "me.example" if address[0] == "192.0.2.1" else None

    monkeypatch.setattr(host_identity, "name_of", name_of)
    monkeypatch.setattr(socket, "gethostname", lambda: "Machine")
    monkeypatch.setattr(host_identity, "local_user", lambda: "carol")


@asynctest
async def test_what_the_machine_is_called(names: None) -> None:
    assert await identity().claim() == ("me.example.", "carol")
    assert await identity(("192.0.2.2", 5)).claim() == ("machine.", "carol")
    assert await identity("/a/socket").claim() == ("machine.", "carol")
    assert await identity(client_host="h", client_username="").claim() == ("h", "")


@asynctest
async def test_ssh_keysign_signs_the_whole_name(names: None) -> None:
    import os
    import pwd

    own = pwd.getpwuid(os.getuid()).pw_name
    assert await identity(client_host_keysign=True).claim() == ("me.example.", own)
    for host in ("h", "h."):
        assert (await identity(client_host_keysign=True, client_host=host).claim())[0] == "h."


def test_each_key_once_and_each_connection_its_own() -> None:
    class Program:
        async def sign(self, data: bytes, sock: Any) -> bytes:
            return b""

    shared = KeysignKeyPair(KEY.convert_to_public(), Program())  # type: ignore[arg-type]  # it signs
    ends = [identity(keys=[shared], sock=name) for name in ("one", "two")]
    taken = [end.next_key() for end in ends]
    assert [pair.sock for pair in taken] == ["one", "two"]  # type: ignore[union-attr]  # pairs of ssh-keysign
    assert [end.next_key() for end in ends] == [None, None]
