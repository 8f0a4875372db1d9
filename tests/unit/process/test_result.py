"""What the end of a process looks like."""

from __future__ import annotations

import asyncio

import nacre

FIELDS = ({}, "cmd", None, 3, None, 3, "out", "err")


def test_a_process_error_says_how_it_ended() -> None:
    error = nacre.ProcessError(*FIELDS)
    assert str(error) == "the process ended with status 3"
    assert (error.command, error.exit_status, error.stdout, error.stderr) == ("cmd", 3, "out", "err")
    assert isinstance(error, nacre.Error)
    signal = nacre.ProcessError({}, None, None, -1, ("SEGV", True, "oops", ""), -11, "", "")
    assert str(signal) == "the process was ended by signal SEGV: oops (core dumped)"
    assert str(nacre.ProcessError(*FIELDS, reason="mine")) == "mine"


def test_a_timeout_is_both() -> None:
    error = nacre.TimeoutError(*FIELDS)
    assert isinstance(error, nacre.ProcessError)
    assert isinstance(error, asyncio.TimeoutError)


def test_a_completed_process_is_plain_data() -> None:
    result = nacre.SSHCompletedProcess(exit_status=0, stdout="x")
    assert (result.exit_status, result.stdout, result.stderr) == (0, "x", None)
