"""Where streams can go in this version; everything else is refused by name."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

import nacre
from nacre.process.redirect import check_plain, check_target
from tests.support.face import asynctest, served


@pytest.mark.parametrize("target", ["/tmp/x", 7, io.BytesIO(), asyncio.StreamReader, True, None])
def test_files_and_sockets_are_refused_by_name(target: Any) -> None:
    with pytest.raises(nacre.NotSupportedYet, match="stdout"):
        check_target("stdout", target, allowed=(nacre.PIPE, nacre.DEVNULL))


def test_constants() -> None:
    assert (nacre.PIPE, nacre.STDOUT, nacre.DEVNULL) == (-1, -2, -3)
    assert check_target("stderr", nacre.STDOUT, allowed=(nacre.STDOUT,)) == nacre.STDOUT
    with pytest.raises(nacre.NotSupportedYet, match="stdin redirected to STDOUT"):
        check_target("stdin", nacre.STDOUT, allowed=(nacre.PIPE, nacre.DEVNULL))


def test_what_matters_for_files_alone() -> None:
    check_plain(8192, True, True)
    for arguments in ((8192, False, True), (8192, True, False)):
        with pytest.raises(nacre.NotSupportedYet):
            check_plain(*arguments)
    with pytest.raises(ValueError):
        check_plain(0, True, True)


@asynctest
async def test_a_refused_redirection_opens_no_channel() -> None:
    async with served(lambda process: process.exit(0)) as connection:
        for redirection in ({"stdin": "/dev/null"}, {"stdout": 5}, {"stderr": object()}):
            with pytest.raises(nacre.NotSupportedYet):
                await connection.create_process("x", **redirection)
        with pytest.raises(nacre.NotSupportedYet):
            await connection.run("x", stdout=nacre.STDOUT)
        assert not connection._link.channels
