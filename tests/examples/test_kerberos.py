"""The examples of docs/kerberos.md, with a real KDC."""

from __future__ import annotations

import pytest

from tests.support.examples import run, running
from tests.support.face import HOST as ADDRESS
from tests.support.face import asynctest
from tests.support.kerberos import HOST, REALM, Realm


@pytest.mark.requires("krb5", "gssapi")
@asynctest
async def test_who_has_a_ticket_comes_in(in_realm: Realm) -> None:
    keytab = str(in_realm.keytab(f"host/{HOST}"))
    async with running("serve_kerberos.py", "-k", keytab, "-n", HOST) as port:

        async def come(principal: str, username: str) -> tuple[int | None, str, str]:
            where = f"{username}@{ADDRESS}:{port}"
            return await run("run_with_ticket.py", "-n", HOST, where, "who", **in_realm.as_user(principal))

        assert await come("user", "user") == (0, f"You are user@{REALM}, here as user.\n", "")
        status, _, errors = await come("user", "root")
        assert status == 255
        assert "permission denied" in errors
        assert (await come("user/admin", "root"))[1] == f"You are user/admin@{REALM}, here as root.\n"
