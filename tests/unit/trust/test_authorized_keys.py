"""authorized_keys: who may come in, and what refuses them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.keys import X509Chain, generate_private_key
from nacre.trust import (
    ENFORCED_OPTIONS,
    SSHAuthorizedKeys,
    authorized_keys,
    import_authorized_keys,
    read_authorized_keys,
    remembered_authorized_keys,
)
from nacre.trust.key_options import OPTION_NAMES
from tests.support.x509 import authority, user_certificate

A, B = (generate_private_key("ssh-ed25519").convert_to_public() for _ in range(2))
P256 = generate_private_key("ecdsa-sha2-nistp256").convert_to_public()


def text(key) -> str:
    return key.export_public_key().decode().strip()


def validate(lines: str, key=A, host=None, addr="192.0.2.1", **kwargs):
    return SSHAuthorizedKeys(lines).validate(key, host, addr, **kwargs)


def test_plain_lines():
    lines = f"# keys\n\n{text(A)} someone@somewhere\n  {text(P256)}\r\n"
    assert validate(lines) == {}
    assert validate(lines, P256) == {}
    assert validate(lines, B) is None
    assert validate("") is None


def test_a_private_key_object_stands_for_its_public_part():
    private = generate_private_key("ssh-ed25519")
    assert validate(text(private.convert_to_public()), private) == {}


@pytest.mark.parametrize(
    ("origin", "host", "addr", "admitted"),
    [
        ("192.0.2.1", None, "192.0.2.1", True),
        ("192.0.2.1", None, "192.0.2.2", False),
        ("192.0.2.0/24", None, "192.0.2.2", True),
        ("192.0.2.0/24", None, "::ffff:192.0.2.2", True),
        ("192.0.2.*", None, "::ffff:192.0.2.2", True),
        ("*.example.com", "www.example.com", "192.0.2.1", True),
        ("*.example.com", "WWW.Example.COM", "192.0.2.1", True),
        ("*.example.com", "www.example.org", "192.0.2.1", False),
        ("*,!192.0.2.1", None, "192.0.2.1", False),
        ("*,!192.0.2.1", None, "::ffff:192.0.2.1", False),
        ("*,!*.example.com", "www.example.com", "192.0.2.1", False),
        ("*", None, None, False),
        ("*", "", "", False),
    ],
)
def test_from(origin, host, addr, admitted):
    options = validate(f'from="{origin}" {text(A)}', A, host, addr)
    assert options == ({"from": [origin]} if admitted else None)


def test_a_name_that_is_the_address_of_another_does_not_count():
    """Whoever controls the reverse lookup of their address chooses the name."""
    assert validate(f'from="192.0.2.1" {text(A)}', A, "192.0.2.1", "203.0.113.5") is None
    assert validate(f'from="192.0.2.1" {text(A)}', A, "192.0.2.1", "192.0.2.1") is not None


def test_the_next_line_counts_when_from_does_not_admit():
    lines = f'from="10.0.0.0/8" {text(A)}\nfrom="192.0.2.0/24" {text(A)}\n'
    assert validate(lines) == {"from": ["192.0.2.0/24"]}


@pytest.mark.parametrize(
    "options",
    [
        'command="ls"',
        "restrict",
        "no-pty",
        "no-port-forwarding",
        'environment="A=b"',
        'permitopen="host:80"',
        'from="*",command="ls"',
        "verify-required",
        'tunnel="0"',
    ],
)
def test_options_that_nobody_enforces_refuse_the_key(options):
    # The plain line behind it does not help: the first line decides.
    lines = f"{options} {text(A)}\n{text(A)}\n"
    known = SSHAuthorizedKeys(lines)
    assert known.problems == []
    assert known.validate(A, None, "192.0.2.1") is None
    verdict = known.judge(A, None, "192.0.2.1")
    assert verdict.options is None
    assert verdict.line == 1
    assert "not enforced" in verdict.reason
    assert known.validate(B, None, "192.0.2.1") is None


def test_a_caller_names_what_it_enforces():
    lines = f'no-pty,command="echo \\"hi, there\\"",environment="A=1",environment="B=2" {text(A)}'
    enforced = {"no-pty", "command", "environment"}
    assert validate(lines, enforced=enforced) == {
        "no-pty": True,
        "command": 'echo "hi, there"',
        "environment": {"A": "1", "B": "2"},
    }
    assert validate(lines, enforced=enforced - {"no-pty"}) is None
    assert frozenset({"from", "expiry-time"}) == ENFORCED_OPTIONS


@pytest.mark.parametrize("unknown", ["something-new", "no-restrict", 'from="*",x', 'subject="CN=x"'])
def test_an_option_that_sshd_has_not_refuses_its_line(unknown):
    lines = f"{unknown} {text(A)}\n"
    verdict = SSHAuthorizedKeys(lines).judge(A, None, "192.0.2.1", enforced=OPTION_NAMES)
    assert (verdict.options, verdict.line, "no option" in verdict.reason) == (None, 1, True)
    behind = SSHAuthorizedKeys(f"{lines}no-pty {text(A)}").judge(A, None, "192.0.2.1", enforced=OPTION_NAMES)
    assert (behind.options, behind.line) == ({"no-pty": True}, 2)
    # One that the caller enforces is its own business.
    assert validate(f"something-new {text(A)}", enforced={"something-new"}) == {"something-new": True}


def test_a_key_that_has_expired(monkeypatch):
    lines = f'expiry-time="20300101000000Z" {text(A)}\n'
    end = 1893456000
    for now, good in ((end - 1, True), (end, True), (end + 1, False)):
        monkeypatch.setattr(authorized_keys, "wall_clock", lambda now=now: now)
        assert (validate(lines) is not None) is good
    verdict = SSHAuthorizedKeys(lines).judge(A, None, "192.0.2.1")
    assert "expired" in verdict.reason
    # As for sshd, another line may admit it.
    assert validate(f"{lines}{text(A)}\n") == {}
    authority = f'cert-authority,expiry-time="20300101000000Z" {text(A)}\n'
    assert SSHAuthorizedKeys(authority).validate(A, None, None, ["me"], ca=True) is None


def test_options_are_named_in_any_case():
    assert validate(f'FROM="10.0.0.0/8" {text(A)}') is None
    assert validate(f"NO-PTY {text(A)}", enforced={"no-pty"}) == {"no-pty": True}


@pytest.mark.parametrize(
    "options",
    [
        'from="192.0.2.1',
        "from=192.0.2.1",
        "from",
        'from=""',
        'from="*,"',
        'from="192.0.2.1/8"',
        'from="*",from="*"',
        'command="a",command="b"',
        "command",
        'no-pty="yes"',
        "no-pty,",
        ",no-pty",
        'from="*"no-pty',
        "no-pty,,restrict",
        '"quoted"',
        "no pty",
        'environment="FOO"',
        'environment="=x"',
        'environment="A-B=x"',
        'expiry-time="soon"',
        'tunnel="x"',
        'permitlisten="0"',
        'principals="x"',
        'permitopen="host"',
        'permitopen="host:port"',
        'permitopen="host:65536"',
    ],
)
def test_options_that_are_wrong_refuse_the_line(options):
    known = SSHAuthorizedKeys(f"{options} {text(A)}\n")
    enforced = OPTION_NAMES
    assert known.validate(A, None, "192.0.2.1", enforced=enforced) is None
    assert [problem.line for problem in known.problems] == [1]


def test_quotes_hide_blanks_and_keys():
    lines = f'command="{text(B)} # \\" ssh-ed25519" {text(A)}'
    assert validate(lines, A, enforced={"command"}) == {"command": f'{text(B)} # " ssh-ed25519'}
    assert validate(lines, B, enforced={"command"}) is None


def test_a_backslash_is_itself_but_before_a_quote():
    assert validate(f'command="a\\b\\\\" {text(A)}', enforced={"command"}) is None
    assert validate(f'command="a\\b" {text(A)}', enforced={"command"}) == {"command": "a\\b"}


def test_dropbear_2026_92_the_tail_of_an_overlong_line_is_no_line():
    for limit in (8191, 8192, 16383, 16384, 16385, 20000):
        padding = "x" * limit
        lines = f'command="{padding}" {text(B)} {text(A)}\n'
        assert validate(lines, A) is None
        assert validate(lines, B) is None
    known = SSHAuthorizedKeys(f'command="{"x" * 17000}" {text(A)}\n{text(B)}\n')
    assert known.problems[0].line == 1
    assert known.validate(B, None, "192.0.2.1") == {}


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x85", "\u2028", "\r"])
def test_a_comment_cannot_begin_a_line(separator):
    lines = f'command="ls" {text(B)} comment{separator}{text(A)}\n'
    assert validate(lines, A) is None


def test_certificate_authorities_are_not_user_keys():
    assert validate(f"cert-authority {text(A)}\n", enforced={"cert-authority"}) is None
    assert validate(f"cert-authority {text(A)}\n{text(A)}\n") == {}
    assert validate(text(A), ca=True) is None
    assert validate(f"cert-authority {text(A)}\n", ca=True) == {"cert-authority": True}
    assert validate(f"cert-authority {text(A)}\n", B, ca=True) is None


def test_principals_of_an_authority():
    lines = f'cert-authority,principals="a,b c" {text(A)}\n'
    options = {"cert-authority": True, "principals": ["a,b c"]}
    for names, expected in (
        (["a"], options), (["x", "b c"], options), (["a,b c"], None), (["b"], None), (["*"], None), ([], None), (None, None),
    ):  # fmt: skip
        assert validate(lines, ca=True, cert_principals=names) == expected
    assert validate(f'principals="a" {text(A)}\n') is None, "on the line of a key it means nothing"


def test_certificates_are_judged_by_the_lines_of_their_authority():
    authority = generate_private_key("ssh-ed25519")

    def judge(lines, principals="me", username="me", addr="192.0.2.1", enforced=()):
        cert = authority.generate_user_certificate(B, "id", principals=principals)
        return import_authorized_keys(lines).judge_certificate(cert, username, None, addr, enforced)

    line = f"cert-authority {text(authority)}\n"
    assert judge(line).options == {"cert-authority": True}
    assert judge(text(authority)).options is None
    assert judge(f"{text(B)}\n").options is None
    assert "other names" in judge(line, "you").reason
    assert judge(line, "you", "you").line == 1
    named = line.replace("authority", 'authority,principals="ops"')
    assert judge(named).options is None
    assert judge(named + line).line == 2
    assert judge(named, "ops").options is not None
    limited = line.replace("authority", 'authority,from="192.0.2.0/24"')
    assert judge(limited).options is not None
    assert "address" in judge(limited, addr="198.51.100.1").reason
    forced = line.replace("authority", 'authority,command="x"')
    assert "not enforced" in judge(forced).reason
    assert judge(forced, enforced={"command"}).options == {"cert-authority": True, "command": "x"}


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 not-base64!",
        "ssh-dss AAAAB3NzaC1kc3M= old",
        "no-pty",
        "no-pty ",
        "hello world",
        "\x00",
    ],
)
def test_lines_without_a_usable_key_are_noted(line):
    known = SSHAuthorizedKeys(f"{line}\n{text(A)}\n")
    assert [problem.line for problem in known.problems] == [1]
    assert known.validate(A, None, "192.0.2.1") == {}


def test_a_line_that_calls_the_key_something_else_is_refused():
    encoded = text(A).split()[1]
    assert validate(f"ssh-rsa {encoded}\n", A) is None


def test_reasons_for_a_log():
    known = SSHAuthorizedKeys(f'from="10.0.0.1" {text(A)}\n')
    assert "this address" in known.judge(A, None, "192.0.2.1").reason
    assert "not in" in known.judge(B, None, "192.0.2.1").reason
    admitted = known.judge(A, None, "10.0.0.1")
    assert (admitted.reason, admitted.line) == ("", 1)


def test_the_shapes_of_options():
    lines = (
        'permitopen="one:22",permitopen="[2001:db8::1]:80",permitopen="two:*",permitlisten="8080",'
        f'environment="A=1",environment="B=x=y",environment="A=2",no-pty,expiry-time="20990101" {text(A)}'
    )
    enforced = {"permitopen", "permitlisten", "environment", "no-pty", "expiry-time"}
    assert validate(lines, enforced=enforced) == {
        "permitopen": {("one", 22), ("2001:db8::1", 80), ("two", None)},
        "permitlisten": ["8080"],
        "environment": {"A": "1", "B": "x=y"},  # sshd(8): the first value of a name
        "no-pty": True,
        "expiry-time": ["20990101"],
    }


@pytest.mark.parametrize(
    "content", ["xxx\n", "ssh-unheard-of AAAA\n", "=x\n", 'environment="FOO"\n', "# mine\nssh-ed25519 AAAA\n"]
)
def test_a_program_that_gives_nothing_usable_is_told(content, tmp_path):
    path = tmp_path / "keys"
    path.write_text(content)
    for load in (lambda: import_authorized_keys(content), lambda: read_authorized_keys(path)):
        with pytest.raises(ValueError, match=rf"line {len(content.splitlines())}: "):
            load()
    assert remembered_authorized_keys(path).problems
    assert import_authorized_keys(f"{content}{text(A)}\n").validate(A, None, None) == {}


@pytest.mark.parametrize("content", ["", "# mine\n", "\n\n"])
def test_no_lines_are_no_mistake(content):
    assert import_authorized_keys(content).validate(A, None, None) is None


def test_files_and_bytes(tmp_path):
    (tmp_path / "one").write_text(text(A))
    (tmp_path / "two").write_bytes(b"\xff\xfe\n" + text(B).encode())
    known = read_authorized_keys([tmp_path / "one", str(tmp_path / "two")])
    assert known.validate(A, None, "192.0.2.1") == known.validate(B, None, "192.0.2.1") == {}
    assert SSHAuthorizedKeys(text(A).encode()).validate(A, None, None) == {}
    with pytest.raises(FileNotFoundError):
        read_authorized_keys(tmp_path / "none")


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=100) | st.binary(max_size=100))
def test_no_content_makes_it_raise(content):
    assert SSHAuthorizedKeys(content).validate(A, "host", "192.0.2.1") is None


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet='ab-=",\\ \tfrom#@', max_size=40))
def test_no_options_admit_but_those_that_are_known(options):
    admitted = validate(f"{options} {text(A)}\n")
    assert admitted is None or set(admitted) <= {"from"}


@pytest.mark.parametrize("options", ["", "cert-authority ", 'subject="CN=a",cert-authority '])
def test_damaged_x509_is_refused_aloud(options):
    line = f"{options}x509v3-ecdsa-sha2-nistp256 AAAA\n"
    assert "damaged" in SSHAuthorizedKeys(line).problems[0].reason
    with pytest.raises(ValueError, match=r"X\.509 certificate is damaged"):
        import_authorized_keys(line)
    assert validate(line + text(A)) == {}


X509_LEAF = user_certificate("O=Org,CN=alice", "CN=root", principals="alice,bob")
X509_LINE = X509_LEAF.export_certificate("openssh").decode()
X509_CA = authority("CN=root").export_certificate("openssh").decode()
X509_TYPE = "x509v3-ecdsa-sha2-nistp256"


def judge_chain(lines, username="alice", why="", enforced=()):
    """The options, and what was asked to vouch."""
    asked = []

    def why_not(certificate):
        asked.append(certificate and certificate.subject)
        return why

    keys = SSHAuthorizedKeys(lines)
    assert keys.has_x509
    return keys.judge_chain(X509Chain([X509_LEAF]), username, None, "127.0.0.1", enforced, why_not), asked


@pytest.mark.parametrize(
    ("line", "username", "asked"),
    [
        (X509_LINE, "anybody", "O=Org,CN=alice"),
        (f"cert-authority {X509_CA}", "bob", "CN=root"),
        (f'cert-authority,principals="bob" {X509_CA}', "root", "CN=root"),
        (f'cert-authority,subject="O=Org,*" {X509_CA}', "root", "CN=root"),
        (f"{X509_TYPE} subject=O=Org, CN=alice", "root", None),
        (f'subject="O=Org,CN=alice" {X509_LINE}', "root", "O=Org,CN=alice"),
    ],
    ids=["leaf", "authority", "principals", "subject-of-authority", "subject", "both"],
)
def test_x509_lines_admit(line, username, asked):
    verdict, whom = judge_chain(line, username)
    assert verdict.options is not None
    assert whom == [asked]
    assert judge_chain(line, username, why="no")[0].options is None
    barred, _ = judge_chain(f"no-pty,{line}" if line[:4] in ("cert", "subj") else f"no-pty {line}", username)
    assert (barred.options, barred.line) == (None, 1), "an option that nobody enforces"
    away = f'from="192.0.2.1",{line}' if line[:4] in ("cert", "subj") else f'from="192.0.2.1" {line}'
    assert judge_chain(away, username)[0].line == 1
    assert judge_chain(away, username)[0].options is None


@pytest.mark.parametrize(
    "line",
    [
        f"cert-authority {X509_CA}",
        f'cert-authority,principals="carol" {X509_CA}',
        f'cert-authority,principals="bob",subject="CN=other" {X509_CA}',
        f"{X509_TYPE} subject=O=Org",
        f'subject="CN=other" {X509_LINE}',
        X509_CA,
    ],
    ids=["user", "principals", "subject-of-authority", "subject", "both", "no-authority"],
)
def test_x509_lines_do_not_admit(line):
    verdict, asked = judge_chain(line, "root")
    assert (verdict.options, asked) == (None, [])


@pytest.mark.parametrize(
    "line",
    [
        f"cert-authority {X509_LINE}",
        f"cert-authority {X509_TYPE} subject=CN=a",
        f"{X509_TYPE} subject=alice",
        f'subject="alice" {X509_LINE}',
        X509_TYPE,
        f"x509v3-other {X509_LINE.split()[1]}",
    ],
    ids=["leaf", "subject", "name", "option", "nothing", "type"],
)
def test_x509_lines_that_are_refused(line):
    keys = SSHAuthorizedKeys(line)
    assert len(keys.problems) == 1
    assert not keys.has_x509


def test_subjects_are_of_certificates():
    """A key has none, so a line that asks for one admits no key."""
    assert validate(f'subject="CN=a" {text(A)}') is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('from="192.0.2.1,x/99" {}', "not a valid pattern"),
        ("pty,, {}", "without a name"),
        ("{} " + "x" * 20000, "longer than"),
    ],
    ids=["pattern", "comma", "length"],
)
def test_whoever_has_the_key_of_a_line_that_is_damaged_is_told_of_that_line(line, reason):
    keys = SSHAuthorizedKeys(f"{text(B)}\n{line.format(text(A))}\n")
    verdict = keys.judge(A, None, "192.0.2.1")
    assert (verdict.options, verdict.line) == (None, 2)
    assert reason in verdict.reason
    assert keys.judge(P256, None, "192.0.2.1").line == 0
    # Another line that is good with the key counts.
    keys.load(text(A))
    assert keys.judge(A, None, "192.0.2.1").options == {}


def test_the_authority_of_a_line_may_be_called_so_twice():
    assert validate(f"cert-authority,cert-authority {text(A)}", ca=True) == {"cert-authority": True}
