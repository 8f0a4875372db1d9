"""What the fuzzer was given, and what it once found, run again without it: each target, each input.

An input that showed a fault is in the corpus of its target (`fuzz/corpus`) and has a line in `FOUND` besides,
which says what it showed.
"""

from __future__ import annotations

import base64

import pytest

from fuzz import __main__ as runner
from fuzz import corpus, machines, parsers
from fuzz.feed import Feed
from fuzz.targets import MACHINES, PARSERS, TARGETS
from nacre.protocol.settings import Role
from tests.support.cases import each_case

#: What showed a fault that is mended: target, what was wrong, and the input as base64.
FOUND: tuple[tuple[str, str, str], ...] = (
    (
        "certificate",
        "a private key was called an X.509 certificate",
        "eAotLS0tLUJFR0lOIE9QRU5TU0ggUFJJVkFURSBLRVktLS0tLQo=",
    ),
    (
        "certificate",
        "networks that are none were told of only by who asked for the options",
        (
            "AAAAHHNzaC1yc2EtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgGG4kICABe7Wk/oG5Uklo8S6rZ6oJHc9rM47IRZQX7jUA"
            "AAADAQABAAABAQCgCFYNIJO5s6/RMaZWjfgpwbiWhn7aKtD+iqrrelmGeDsvozStXYHT26wMG3gVTJdKvEvA0c5OzN4p"
            "jHfTn6pcKgnth1MdF8bTFhSEkBqO82aztuKWO8dwL3az9GqGzXhDiR9GVNJO01lS78a8Bwvq0FAv6sb3iiDVj3rSfqCa"
            "K3MSyDcrGPeU3sNX5u6yfDOSNZgUK9tEU+SiC65nfzra7UAklMgk7Fcy5cfa9T9x/x3GqEQOxdlik7BkV+OZUjbhYts9"
            "u2oxnxu2/ICPAu1TYea3a6g3FTbDsqns19HWIYjp81DHKL87Ub9/Uo19OjvXpiS1LlO9Q1S065ea0MqtAAAAAAAAAAAA"
            "AAABAAAAAmlkAAAACgAAAAFhAAAAASoAAAAAAAAAAP//////////AAAARgAAAA1mb3JjZS1jb21tYW5kAAAABQAAAAF4"
            "AAAADnNvdXJjZS1hZGRyZXNzAAAAFgAAABIwNS4wLjAuMC84LDo6MS8xMjgAAACbAAAAEW5vLXRvdWNoLXJlcXVpcmVk"
            "AAAAAAAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZw"
            "ZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAA"
            "AAAAMwAAAAtzc2gtZWQyNTUxOQAAACDALepASzjP8PCxtx/NL3gtFZQ1KNMQzTIs7cUpuiT/KQAAAFMAAAALc3NoLWVk"
            "MjU1MTkAAABAuIJ58LPYuna579r4hehh5Wp+iJAQ8bRh1mlMB3WTnz3iMlXGRrbXuqEbwI0RQ71otaC9/wAa4Y4y8bw/"
            "0gaMAw=="
        ),
    ),
)


def test_there_are_as_many_targets_as_were_promised() -> None:
    assert (len(PARSERS), len(MACHINES)) == (18, 4)
    assert {target.__name__ for target in MACHINES} == set(runner.MACHINES)
    assert runner.PARSER * len(PARSERS) + runner.MACHINE * len(MACHINES) == pytest.approx(len(TARGETS))
    assert set(TARGETS) == {path.stem for path in corpus.FOLDER.iterdir()}
    assert sum(path.stat().st_size for path in corpus.FOLDER.iterdir()) < 500_000


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus(target: str) -> None:
    inputs = corpus.read(target)
    assert inputs
    for data in inputs:
        TARGETS[target](data)


def test_what_the_fuzzer_found() -> None:
    for target, wrong, data in FOUND:
        print(target, wrong)  # shown where the next line fails
        TARGETS[target](base64.b64decode(data))


def test_every_method_of_key_exchange_and_every_message_of_one_is_a_target() -> None:
    for first in range(len(parsers.METHODS)):
        for second in range(max(2, len(parsers.FINITE_FIELDS))):
            for rest in (b"", bytes(16), b"\0\0\x08\0" * 3, b"\0\0\0\1\2" * 3):
                parsers.key_exchange(bytes((first, second)) + rest)


@each_case("target", TARGETS)
def test_the_ends_of_what_can_be_given(target: str) -> None:
    for data in (b"", b"\0", b"\xff" * 300, bytes(300)):
        TARGETS[target](data)


@pytest.mark.parametrize("role", Role)
def test_a_play_gets_as_far_as_it_says(role: Role) -> None:
    """The dummies do not stand in the way: a target that never gets anywhere finds nothing."""
    with machines._dummies():
        play = machines.Play(role, Feed(b""))
        play.to(6, strict=True)
        assert play.end.authenticated
        play = machines.Play(role, Feed(b""))
        play.to(7, strict=False)
        assert play.channels
        # One that sends after the end of authentication what belongs before it is lost.
        play.hear(machines.frame(b"\x34"))
        assert play.ended == 1


def test_a_play_notices_what_is_delivered_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        machines.Play, "logged_in", property(lambda play: False, lambda play, value: None), raising=False
    )
    with pytest.raises(AssertionError):
        machines.server_after(b"\1\1\0" + b"\0\x0d" + b"\x5e\0\0\0\0\0\0\0\4data")
