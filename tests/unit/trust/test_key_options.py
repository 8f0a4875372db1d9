"""The options of a key: their syntax, their values, and what a line permits. sshd's own verdict: tests/interop."""

from __future__ import annotations

import pytest

from nacre.trust.key_options import (
    OPTION_NAMES,
    expiry_of,
    parse_key_options,
    parse_options,
    permits,
    permits_place,
    shown_options,
)


def parsed(text):
    options, rest = parse_key_options(f"{text} rest of it")
    assert rest == "rest of it"
    return options


@pytest.mark.parametrize(
    ("text", "pty", "forwarding"),
    [
        ("user-rc", True, True),
        ("no-pty", False, True),
        ("restrict", False, False),
        ("restrict,pty", True, False),
        ("pty,restrict", False, False),
        ("no-pty,pty", True, True),
        ("pty,no-pty", False, True),
        ("no-pty,pty,no-pty", False, True),
        ("RESTRICT,Pty", True, False),
        ("restrict,pty,port-forwarding,restrict", False, False),
        ("restrict,restrict,pty", True, False),
        ("no-port-forwarding,restrict,port-forwarding", False, True),
    ],
)
def test_the_last_word_counts(text, pty, forwarding):
    options = parsed(text)
    assert (permits(options, "pty"), permits(options, "PORT-forwarding")) == (pty, forwarding)


def test_restrict_covers_what_has_no_name_here_too():
    assert not permits(parsed("restrict"), "something-new")
    assert permits({}, "something-new")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no-touch-required", ["no-touch-required"]),
        ("touch-required", []),
        ("no-touch-required,touch-required", []),
        ("touch-required,no-touch-required", ["no-touch-required"]),
        ("verify-required,no-verify-required", []),
        ("no-verify-required,verify-required", ["verify-required"]),
        ("verify-required,no-touch-required", ["verify-required", "no-touch-required"]),
    ],
)
def test_what_is_asked_of_a_security_key(text, left):
    assert list(parsed(text)) == left


@pytest.mark.parametrize(
    ("text", "expiry"),
    [
        ("no-pty", None),
        ('expiry-time="20300101Z"', 1893456000),
        ('expiry-time="20300101000001Z"', 1893456001),
        ('expiry-time="20300101000001Z",expiry-time="203001010000Z"', 1893456000),
    ],
)
def test_the_earliest_expiry_counts(text, expiry):
    assert expiry_of(parsed(text)) == expiry


PLACES = [
    ("", "h", 80, True),
    ('permitopen="h:80"', "h", 80, True),
    ('permitopen="h:80"', "h", 81, False),
    ('permitopen="h:80"', "H", 80, False),
    ('permitopen="h:80"', "h.", 80, False),
    ('permitopen="h:*"', "h", 65535, True),
    ('permitopen="*:80"', "x", 80, True),
    ('permitopen="*.example:80"', "a.example", 80, False),
    ('permitopen="[::1]:80"', "::1", 80, True),
    ('permitopen="a:1",permitopen="b:2"', "b", 2, True),
    ('permitopen="a:1",permitopen="b:2"', "b", 1, False),
    ('no-port-forwarding,permitopen="h:80"', "h", 80, False),
    ('restrict,permitopen="h:80"', "h", 80, False),
    ('restrict,port-forwarding,permitopen="h:80"', "h", 80, True),
    ('permitlisten="80"', "h", 80, True),
]


@pytest.mark.parametrize(("text", "host", "port", "permitted"), PLACES)
def test_where_connections_may_go(text, host, port, permitted):
    options = parsed(text) if text else {}
    assert permits_place(options, "permitopen", host, port) is permitted


@pytest.mark.parametrize(
    ("text", "host", "port", "permitted"),
    [
        ('permitlisten="8080"', "", 8080, True),
        ('permitlisten="8080"', "localhost", 8080, True),
        ('permitlisten="8080"', "localhost", 8081, False),
        ('permitlisten="localhost:8080"', "localhost", 8080, True),
        ('permitlisten="localhost:8080"', "", 8080, False),
        ('permitlisten="*"', "x", 1, True),
        ('permitopen="h:1"', "x", 1, True),
    ],
)
def test_where_listeners_may_be(text, host, port, permitted):
    assert permits_place(parsed(text), "permitlisten", host, port) is permitted


@pytest.mark.parametrize("option", ["permitopen", "permitlisten"])
@pytest.mark.parametrize(
    "port", ["0", "65536", "-1", "4294967295", "99999999999999999999", "", "http", "8 0", "８０", "+1"]
)
def test_ports_that_are_none(option, port):
    """Security history, row 76: a wrong port is no wildcard."""
    with pytest.raises(ValueError, match="host:port"):
        parsed(f'{option}="h:{port}"')


@pytest.mark.parametrize("value", ["0", "7", "any", "2147483645"])
def test_tunnels(value):
    assert parsed(f'tunnel="{value}"') == {"tunnel": (value,)}


@pytest.mark.parametrize("value", ["", "x", "-1", "1:2", "2147483646", "99999999999999999999", "ANY", "٣"])
def test_tunnels_that_are_none(value):
    with pytest.raises(ValueError, match="tunnel"):
        parsed(f'tunnel="{value}"')


@pytest.mark.parametrize("value", ["A", "=b", "A-B=c", "é=c", "A B=c", ""])
def test_variables_that_are_none(value):
    with pytest.raises(ValueError, match="NAME=value"):
        parsed(f'environment="{value}"')


@pytest.mark.parametrize("value", ["", "2099", "20991301", "209901012460", "always", "+1h"])
def test_times_that_are_none(value):
    with pytest.raises(ValueError, match="not a time"):
        parsed(f'expiry-time="{value}"')


def test_principals_are_an_authoritys():
    assert parsed('cert-authority,principals="a,b"')["principals"] == "a,b"
    with pytest.raises(ValueError, match="cert-authority"):
        parsed('principals="a"')


def test_every_option_of_the_manual():
    manual = """agent-forwarding cert-authority command environment expiry-time from no-agent-forwarding
        no-port-forwarding no-pty no-user-rc no-x11-forwarding permitlisten permitopen port-forwarding principals
        pty no-touch-required verify-required restrict tunnel user-rc x11-forwarding""".split()
    assert set(manual) <= OPTION_NAMES
    undocumented = {"touch-required", "no-verify-required"}
    assert undocumented == OPTION_NAMES - set(manual)


def test_other_files_have_other_rules():
    options, rest = parse_options("flag x", with_value=frozenset(), repeatable=frozenset())
    assert (options, rest) == ({"flag": True}, "x")
    with pytest.raises(ValueError, match="twice"):
        parse_options("flag,flag x", with_value=frozenset(), repeatable=frozenset())


def test_the_shapes_that_programs_see():
    options = parsed('tunnel="1",permitlisten="80",permitopen="[::1]:*",command="x",from="*",no-pty')
    assert shown_options(options) == {
        "tunnel": ["1"],
        "permitlisten": ["80"],
        "permitopen": {("::1", None)},
        "command": "x",
        "from": ["*"],
        "no-pty": True,
    }
