"""Values of options: what is taken, and one clear line for what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nacre import option_values as values
from nacre.crypto.registry import Family, default_names, names
from nacre.protocol import limits
from tests.support.cases import each_case


@each_case(
    ("value", "expected"),
    [
        (1, 1),
        ("1k", 1024),
        ("2M", 2 << 20),
        ("1g", 1 << 30),
        ("1g512m", (1 << 30) + (512 << 20)),
        (5.0, 5),
        ("1.5k", 1536),
    ],
)
def test_sizes(value: Any, expected: int) -> None:
    assert values.size(value) == expected


@each_case("value", ["", "g", "1x", "1 g", "-1", -1, 0, "0", "1.5.1g", ".5g", "0.5"])
def test_sizes_that_are_none(value: Any) -> None:
    with pytest.raises(ValueError):
        values.size(value)


@each_case(
    ("value", "expected"),
    [
        (0, 0),
        (1.5, 1.5),
        ("90", 90),
        ("1.5", 1.5),
        ("1.5m", 90),
        ("1m", 60),
        ("1h30m", 5400),
        ("1d", 86400),
        ("1w", 604800),
        (None, 0),
    ],
)
def test_seconds(value: Any, expected: float) -> None:
    assert values.seconds(value) == expected


@pytest.mark.parametrize("value", ["1y", "h", -1, "1g"])
def test_seconds_that_are_none(value: Any) -> None:
    with pytest.raises(ValueError):
        values.seconds(value)


def test_no_time_is_no_limit() -> None:
    assert values.optional_seconds(None) is None
    assert values.optional_seconds(0) is None
    assert values.optional_seconds("1m") == 60


@each_case(
    "convert",
    [
        values.text,
        values.integer,
        values.size,
        values.seconds,
        values.optional_callable,
        values.command,
        values.count,
    ],
)
def test_the_wrong_type_is_named(convert: Any) -> None:
    with pytest.raises(TypeError, match="list"):
        convert([])


def test_numbers() -> None:
    assert values.port(0) == 0
    assert values.port("2222") == 2222
    assert values.variables([b"LC_*", "A"]) == values.variables("LC_*,A") == ("LC_*", "A")
    assert values.variables(b"A B") == ("A", "B")
    assert values.variables(None) == ()
    with pytest.raises(TypeError):
        values.variables([1])
    assert values.positive(1) == 1
    assert values.count(0) == 0
    for convert, wrong in (
        (values.port, 65536),
        (values.port, "65536"),
        (values.port, "9" * 5000),
        (values.port, -1),
        (values.positive, 0),
        (values.count, -1),
        (values.packet, 0),
        (values.packet, 1 << 32),
        (values.window, -1),
        (values.window, 1 << 32),
    ):
        with pytest.raises(ValueError):
            convert(wrong)


@pytest.mark.parametrize("value", ["has blank", "with-minus", "ünicode", "x" * 300, "line\n"])
def test_a_version_is_one_ascii_word(value: str) -> None:
    with pytest.raises(ValueError):
        values.version(value)
    assert values.version(b"mine_1.0") == "mine_1.0"
    assert values.version("") == ""


@pytest.mark.parametrize("value", ["a\0b", "a\nb", "a\rb"])
def test_user_names_have_no_control_characters(value: str) -> None:
    with pytest.raises(ValueError):
        values.username(value)


def test_encodings() -> None:
    assert values.encoding(None) is None
    assert values.encoding("latin-1") == "latin-1"
    with pytest.raises(LookupError, match="no-such"):
        values.encoding("no-such")


def test_how_names_are_made_canonical() -> None:
    assert [values.canonicalize(value) for value in (None, False, True, "always")] == [
        False,
        False,
        True,
        "always",
    ]
    assert values.cname_rules([("*.a", ["*.b", "c"])]) == (("*.a", "*.b,c"),)
    assert values.cname_rules(["*.a:*.b,c", ("xy", "z")]) == (("*.a", "*.b,c"), ("xy", "z"))
    assert values.cname_rules(None) == ()
    for wrong in ("yes", 2):
        with pytest.raises(ValueError, match="canonicalize_hostname"):
            values.canonicalize(wrong)
    with pytest.raises(ValueError, match="no pair"):
        values.cname_rules(["ab"])


def test_none_is_the_usual() -> None:
    assert values.window(None) == values.window(0) == limits.WINDOW
    assert values.packet(None) == limits.MAX_PACKET
    assert values.errors(None) == "strict"
    assert values.errors("replace") == "replace"
    assert values.names(None) == ()
    assert values.methods(None) == values.METHODS
    assert values.methods("password,publickey") == ("password", "publickey")
    assert values.macs(None) == ()
    assert values.macs("hmac-sha2-512") == ("hmac-sha2-512",)
    assert values.family(None) == 0
    assert values.request_pty(None) is False


def test_commands_are_bytes() -> None:
    assert values.command("caf\udce9") == b"caf\xe9"
    assert values.command(b"x") == b"x"
    assert values.command(None) is None


def test_names() -> None:
    assert values.names("a, b c") == ("a", "b", "c")
    assert values.names(["a", "b"]) == ("a", "b")
    with pytest.raises(TypeError):
        values.names([1])


def test_environments() -> None:
    assert values.environment({"A": 1, b"B": b"\xff"}) == {"A": "1", "B": "\udcff"}
    assert values.environment(["A=1", b"B=x=y"]) == {"A": "1", "B": "x=y"}
    assert values.environment(None) == {}
    with pytest.raises(ValueError, match="NAME=value"):
        values.environment(["A"])
    with pytest.raises(ValueError, match="int"):
        values.environment(5)


def test_terminals() -> None:
    assert values.term_size((80, 24)) == (80, 24, 0, 0)
    assert values.term_size((80, 24, 1, 2)) == (80, 24, 1, 2)
    assert values.term_size(None) == (0, 0, 0, 0)
    assert values.term_modes({53: 1}) == {53: 1}
    assert values.term_modes(None) == {}
    for wrong in ((1,), (1, 2, 3), (1, -2)):
        with pytest.raises(ValueError):
            values.term_size(wrong)
    for opcode in (0, 160):
        with pytest.raises(ValueError):
            values.term_modes({opcode: 1})


def test_request_pty() -> None:
    for value in (True, False, "force", "auto"):
        assert values.request_pty(value) == value
    with pytest.raises(ValueError):
        values.request_pty("maybe")


def test_algorithms() -> None:
    kex = values.algorithms(Family.KEX)
    assert kex("^curve25519-sha256")[0] == "curve25519-sha256"
    assert kex([b"curve25519-sha256"]) == ("curve25519-sha256",)
    with pytest.raises(ValueError, match="unheard"):
        kex(["unheard-of"])
    assert values.compression(None) == ("none",)
    assert values.compression("none") == ("none",)
    assert values.signature_algorithms(["ssh-ed25519"]) == ("ssh-ed25519",)
    assert values.host_key_algorithms("default")[0] == "ssh-ed25519"
    assert values.host_key_algorithms("ssh-ed25519") == ("ssh-ed25519",)
    assert set(default_names(Family.KEX)) <= set(names(Family.KEX))


def test_text() -> None:
    assert values.optional_text(None) is None
    assert values.optional_text("x") == "x"
    assert values.optional_callable(None) is None
    assert values.optional_callable(len) is len


def test_a_limit_that_a_peer_would_take_for_a_flood() -> None:
    assert values.rekey_bytes("100k") == 102400
    with pytest.raises(ValueError, match="too few"):
        values.rekey_bytes("80k")


def test_what_a_connection_runs_over() -> None:
    assert values.tunnel("") is values.tunnel(None) is None
    assert values.tunnel("a,b") == "a,b"
    with pytest.raises(TypeError, match="connection"):
        values.tunnel(4711)
    assert values.proxy_command([]) is None
    assert values.proxy_command("nc a 22") == "nc a 22"
    assert values.proxy_command(["nc", "a"]) == ("nc", "a")
    assert values.local_addr(["127.0.0.1", 0]) == ("127.0.0.1", 0)
    with pytest.raises(ValueError, match="port"):
        values.local_addr(("127.0.0.1", -1))


def test_how_many_may_be_at_their_login() -> None:
    assert values.startups("10:30:100") == (10, 30, 100)
    assert values.startups((10, 30, 100)) == (10, 30, 100)
    assert values.startups(7) == (7, 100, 7)
    for wrong in ("10:30", "x", 0, "0:30:100", "11:30:10", "1:101:10", (1, 2)):
        with pytest.raises(ValueError, match=r"."):
            values.startups(wrong)


def test_penalties_and_networks() -> None:
    assert values.penalties(None) is values.penalties(False) is None
    policy = values.penalties(True)
    assert values.penalties(policy) is policy
    assert values.penalties({"authfail": 9}).authfail == 9
    with pytest.raises(TypeError, match="a mapping"):
        values.penalties("authfail:9")
    assert values.networks("192.0.2.1, ::1").entries == ("192.0.2.1", "::1")
    assert not values.networks(None)
    assert values.networks(values.networks(["::1"])) == values.networks("::1")


def test_words_are_no_truth_values() -> None:
    assert all(values.switch(value) is True for value in (True, 1, [1]))
    assert all(values.switch(value) is False for value in (False, 0, None, "", ()))
    for word in ("no", "yes", b"false"):
        with pytest.raises(TypeError, match="True or False is expected"):
            values.switch(word)


def test_forms_of_known_hosts() -> None:
    for form in (None, "", "file", Path("file"), b"host ssh-ed25519 AAAA", [], ([], [], []), lambda *_: None):
        assert values.known_hosts(form) is form
    for wrong in (5, True, object(), {"host": "key"}):
        with pytest.raises(TypeError, match="an SSHKnownHosts or a function of host, address and port"):
            values.known_hosts(wrong)


def test_passwords() -> None:
    for value in (None, "", "p\u00e4ss", len):
        assert values.password(value) is value
    for wrong in (b"secret", 5, ["secret"]):
        with pytest.raises(
            TypeError, match="a str, or a function that returns one, is expected, not"
        ) as caught:
            values.password(wrong)
        assert "secret" not in str(caught.value)
    for convert in (values.password, values.username):
        with pytest.raises(ValueError, match="it has surrogates"):
            convert("secret\udcff")
