"""known_hosts: whose keys are believed."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import NotSupportedYet
from nacre.keys import generate_private_key
from nacre.keys.x509_subjects import X509Subject
from nacre.trust import (
    SSHKnownHosts,
    import_known_hosts,
    known_hosts_line,
    match_known_hosts,
    read_known_hosts,
)
from nacre.trust.known_hosts import match_in_files
from tests.support.x509 import ROOT as X509_ROOT
from tests.support.x509 import USER as X509_KEY
from tests.support.x509 import authority

A, B, C = (generate_private_key("ssh-ed25519").convert_to_public() for _ in range(3))


def text(key) -> str:
    return key.export_public_key().decode().strip()


def hashed(host: str) -> str:
    salt = bytes(range(20))
    digest = hmac.digest(salt, host.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def match(lines: str, host: str, addr: str = "", port: int | None = None):
    """Trusted, CA and revoked keys; the X.509 lists are empty."""
    result = SSHKnownHosts(lines).match(host, addr, port)
    assert len(result) == 7
    assert result[3:] == ([], [], [], [])
    return result[:3]


def trusted(lines: str, host: str, addr: str = "", port: int | None = None):
    return match(lines, host, addr, port)[0]


def test_plain_lines():
    lines = f"one {text(A)} a comment with words\ntwo,three {text(B)}\n"
    assert trusted(lines, "one") == [A]
    assert trusted(lines, "three") == [B]
    assert trusted(lines, "ONE") == [A]
    assert trusted(lines, "four") == []
    assert match("", "one") == ([], [], [])


def test_several_keys_of_a_host():
    assert trusted(f"one {text(A)}\none {text(B)}\n", "one") == [A, B]


def test_hashed_lines():
    lines = f"{hashed('one')} {text(A)}\n{hashed('[two]:2222')} {text(B)}\n"
    assert trusted(lines, "One") == [A]
    assert trusted(lines, "two") == []
    assert trusted(lines, "two", port=2222) == [B]
    assert trusted(lines, "three") == []
    assert trusted(lines, "\udcff") == []


def test_names_that_are_hashed_in_another_way_are_of_no_use():
    # ssh knows none but |1|; what another number stands for, nobody knows.
    assert not SSHKnownHosts(f"|2|{hashed('host')[3:]} {text(A)}").match("host")[0]


@pytest.mark.parametrize("host", ["|1|", "|1|AAAA|AAAA", "|1|!!|!!", "|2|AAAA|AAAA", "|1|a", "|1|a|b|c"])
def test_damaged_hashes_are_refused(host):
    known = SSHKnownHosts(f"{host} {text(A)}\n")
    assert known.problems[0].line == 1
    assert known.match("one", "", None)[0] == []


def test_patterns_and_negation():
    lines = f"*.example.com,!bad.example.com {text(A)}\n"
    assert trusted(lines, "good.example.com") == [A]
    assert trusted(lines, "bad.example.com") == []
    assert trusted(lines, "example.com") == []


def test_a_negated_address_excludes_the_host():
    lines = f"*.example.com,!10.0.0.0/8 {text(A)}\n"
    assert trusted(lines, "www.example.com", "192.0.2.1") == [A]
    assert trusted(lines, "www.example.com", "10.0.0.1") == []


def test_ports():
    lines = f"[one]:2222 {text(A)}\none {text(B)}\ntwo {text(C)}\n"
    assert trusted(lines, "one", port=2222) == [A]
    assert trusted(lines, "one", port=22) == [B]
    assert trusted(lines, "one", port=None) == [B]
    # As OpenSSH: without a line for the port, the line of the host counts.
    assert trusted(lines, "two", port=2222) == [C]
    assert trusted(f"[one]:2222 {text(A)}\n", "one") == []
    assert trusted(f"[one]:* {text(A)}\n", "one", port=2222) == [A]


def test_addresses():
    lines = f"192.0.2.1 {text(A)}\n198.51.100.0/24 {text(B)}\n2001:db8::1 {text(C)}\n"
    assert trusted(lines, "", "192.0.2.1") == [A]
    assert trusted(lines, "192.0.2.1") == [A]
    assert trusted(lines, "name", "198.51.100.7") == [B]
    assert trusted(lines, "198.51.100.7") == [B]
    assert trusted(lines, "name", "2001:0db8:0::1") == [C]
    assert trusted(lines, "name", "::ffff:192.0.2.1") == [A]


def test_an_address_adds_nothing_to_a_host_that_has_a_line():
    lines = f"bank {text(A)}\n192.0.2.1 {text(B)}\n"
    assert trusted(lines, "bank", "192.0.2.1") == [A]
    assert trusted(lines, "shop", "192.0.2.1") == [B]


def test_an_address_adds_nothing_to_a_host_that_has_an_authority():
    lines = f"@cert-authority one {text(A)}\n192.0.2.1 {text(B)}\n"
    assert match(lines, "one", "192.0.2.1") == ([], [A], [])
    assert match(lines, "two", "192.0.2.1") == ([B], [], [])


def test_what_is_revoked_under_each_form_of_the_host_is_revoked():
    """All of it, not what the first form has."""
    lines = (
        f"@revoked one {text(A)}\n@revoked [one]:2222 {text(B)}\n@revoked 192.0.2.1 {text(C)}\n"
        f"one {text(A)}\none {text(B)}\none {text(C)}\n"
    )
    found, _, revoked = match(lines, "one", "192.0.2.1", 2222)
    assert found == []
    assert set(revoked) == {A, B, C}


def test_certificate_authorities():
    lines = f"@cert-authority *.example.com {text(A)}\n"
    assert match(lines, "www.example.com") == ([], [A], [])


def test_revoked_keys():
    lines = f"one {text(A)}\none {text(B)}\n@revoked * {text(A)}\n"
    assert match(lines, "one") == ([B], [], [A])
    assert match(lines, "other") == ([], [], [A])


def test_cve_2026_42508_a_revoked_authority_is_none():
    lines = f"@cert-authority * {text(A)}\n@revoked * {text(A)}\n"
    assert match(lines, "one") == ([], [], [A])


@pytest.mark.parametrize(
    "content", [b"xxx\n", b"@cert-authority xxx\n", b"@xxx yyy zzz\n", b"|1|aaaa ssh-ed25519 AAAA\n"]
)
def test_a_program_that_gives_what_is_not_understood_is_told(content, tmp_path):
    path = tmp_path / "hosts"
    path.write_bytes(content)
    for load in (
        lambda: import_known_hosts(content),
        lambda: read_known_hosts(path),
        lambda: match_known_hosts(content, "one"),
        lambda: match_known_hosts(path, "one"),
    ):
        with pytest.raises(ValueError, match="line 1 of known_hosts"):
            load()
    assert match_in_files(path, "one", "", 22)[1][0].line == 1
    assert import_known_hosts("host unheard-of AAAA\n").match("host")[0] == []


@pytest.mark.parametrize(
    "revoked", ["one", "[one]:2222", "192.0.2.1", "192.0.2.0/24", "[192.0.2.1]:2222", hashed("one"), "*"]
)
def test_revocation_counts_in_each_form_of_the_host(revoked):
    lines = f"[one]:2222 {text(A)}\n@revoked {revoked} {text(A)}\n"
    assert match(lines, "one", "192.0.2.1", 2222) == ([], [], [A])


@pytest.mark.parametrize(
    "marker",
    ["@unknown", "@", "@REVOKED", "@revoked @cert-authority", "@cert-authority @revoked", "@revoked @"],
)
def test_unknown_and_doubled_markers_refuse_the_line(marker):
    known = SSHKnownHosts(f"{marker} one {text(A)}\none {text(B)}\n")
    assert known.match("one", "", None)[:3] == ([B], [], [])
    assert [problem.line for problem in known.problems] == [1]
    assert "marker" in known.problems[0].reason


@pytest.mark.parametrize("line", ["one", "one ssh-ed25519", "@revoked", "@revoked one ssh-ed25519"])
def test_lines_without_a_key_are_refused(line):
    known = SSHKnownHosts(f"{line}\n")
    assert len(known.problems) == 1
    assert known.match("one", "", None)[:3] == ([], [], [])


def test_keys_that_nacre_does_not_take_are_left_alone():
    encoded = text(A).split()[1]
    lines = "\n".join(
        [
            "one ssh-dss AAAAB3NzaC1kc3M=",
            "one 1024 35 1234567890",
            "one ssh-ed25519 AAAA",
            "one ssh-ed25519 not-base64!",
            f"one ssh-rsa {encoded}",
            f"one {text(A)}",
        ]
    )
    assert trusted(lines, "one") == [A]


def test_an_overlong_line_is_refused_whole():
    lines = "one," + "x" * 17000 + f" {text(A)}\none {text(B)}\n"
    known = SSHKnownHosts(lines)
    assert known.match("one", "", None)[0] == [B]
    assert len(known.problems) == 1


def test_too_much_is_refused():
    with pytest.raises(ValueError, match="the most"):
        import_known_hosts("x" * (1 << 21))
    with pytest.raises(ValueError, match="lines"):
        import_known_hosts("x y z\n" * 10_001)


def test_bytes_and_loading_more():
    known = SSHKnownHosts(f"one {text(A)}\n".encode())
    known.load(f"one {text(B)}\n")
    assert known.match("one", "", None)[0] == [A, B]


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=80) | st.binary(max_size=80), st.text(max_size=20), st.integers(0, 70000))
def test_no_content_and_no_host_make_it_raise(content, host, port):
    assert len(SSHKnownHosts(content).match(host, host, port)) == 7


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="@|1*?!,[]: /\t#aA.0", max_size=40))
def test_odd_host_fields_do_not_raise(hosts):
    known = SSHKnownHosts(f"{hosts} {text(A)}\n")
    known.match("a", "10.0.0.1", 22)


# ---------------------------------------------------------------- match_known_hosts


@pytest.fixture
def files(tmp_path: Path):
    (tmp_path / "one").write_text(f"one {text(A)}\n")
    (tmp_path / "two").write_text(f"two {text(B)}\n@revoked two {text(C)}\n")
    return tmp_path / "one", tmp_path / "two"


def test_files(files):
    one, two = files
    assert read_known_hosts([one, str(two)]).match("two", "", None)[0] == [B]
    assert match_known_hosts(one, "one")[0] == [A]
    assert match_known_hosts(str(one), "one")[0] == [A]
    assert match_known_hosts([one, str(two)], "two")[:3] == ([B], [], [C])
    assert match_known_hosts((one,), "one")[0] == [A]


def test_a_file_that_changes_is_believed_as_it_is_now(files):
    one, _ = files
    found = match_known_hosts(one, "one")[0]
    found.append(B)  # the caller's own list
    assert match_known_hosts(one, "one")[0] == [A]
    one.write_bytes(one.read_bytes().replace(b"one", b"new"))
    assert match_known_hosts(one, "one")[0] == []
    assert match_known_hosts(one, "new")[0] == [A]


def test_bytes_object_function_and_lists(files):
    content = files[0].read_bytes()
    assert match_known_hosts(content, "one")[0] == [A]
    assert match_known_hosts(SSHKnownHosts(content), "one")[0] == [A]
    asked = []

    def function(host, addr, port):
        asked.append((host, addr, port))
        return [A], [B], [C]

    assert match_known_hosts(function, "one", "192.0.2.1", 22)[:3] == ([A], [B], [C])
    assert asked == [("one", "192.0.2.1", 22)]
    assert match_known_hosts(([A], [text(B).encode()], []), "any")[:3] == ([A], [B], [])
    assert match_known_hosts(([A], [], [], [], [], [], []), "any")[0] == [A]
    assert match_known_hosts(([A, B], [], [A]), "any")[:3] == ([B], [], [A])


def test_an_empty_list_trusts_nobody():
    assert match_known_hosts([], "one")[:3] == ([], [], [])


def test_wrong_arguments():
    with pytest.raises(TypeError, match="NoneType"):
        match_known_hosts(None, "one")
    with pytest.raises(ValueError, match="3, 5 or 7"):
        match_known_hosts([[A]], "one")
    with pytest.raises(TypeError, match="object"):
        match_known_hosts(([A], [], [], [object()], []), "one")
    with pytest.raises(FileNotFoundError):
        match_known_hosts("/nonexistent/known_hosts", "one")


# ---------------------------------------------------------------- known_hosts_line


@pytest.mark.parametrize(
    ("host", "port", "written"),
    [
        ("one", None, "one"),
        ("One", 22, "one"),
        ("one", 2222, "[one]:2222"),
        ("192.0.2.1", 0, "192.0.2.1"),
        ("::1", 22, "::1"),
        ("::1", 8022, "[::1]:8022"),
    ],
)
def test_the_line_that_trusts_a_key(host, port, written):
    private = generate_private_key("ssh-ed25519", comment="two\nlines")
    line = known_hosts_line(host, port, private)
    assert line == f"{written} ssh-ed25519 {base64.b64encode(private.public_data).decode()}"
    assert trusted(line, host, port=port) == [private.convert_to_public()]


@pytest.mark.parametrize(
    "host",
    ["", "a b", "a,b", "*", "a?", "!a", "|1|", "@revoked", "#", "[a]", "a\nb", "a\0", "a/b", "192.0.2.0/24"],
)
def test_a_host_that_would_mean_something_else_is_refused(host):
    with pytest.raises(ValueError, match="cannot stand"):
        known_hosts_line(host, 22, A)


X509_HOST = X509_ROOT.generate_x509_host_certificate(X509_KEY, "O=Org,CN=one", "CN=root")
X509_CA = authority("CN=root")


def x509_line(certificate):
    return certificate.export_certificate("openssh").decode().strip()


def test_x509_lines():
    line, ca = x509_line(X509_HOST), x509_line(X509_CA)
    subject = "x509v3-sign-rsa subject=O=Org, CN=one"
    lines = f"one {line} comment\n@cert-authority one {ca}\none {subject}\none {text(A)}\n"
    wanted = ([A], [], [], [X509_HOST, X509_CA], [], [X509Subject("O=Org,CN=one")], [])
    assert SSHKnownHosts(lines).match("one") == wanted
    assert match_known_hosts(wanted, "one") == wanted
    assert match_known_hosts(lambda *_: wanted, "one") == wanted
    assert match(lines, "other") == ([], [], [])
    # An address adds nothing to a host that has a line of its own.
    assert SSHKnownHosts(f"one {line}\n::1 {ca}\n::1 {text(A)}\n").match("one", "::1")[:4] == (
        [], [], [], [X509_HOST],
    )  # fmt: skip


def test_x509_is_revoked():
    line, key = x509_line(X509_HOST), X509_KEY.convert_to_public()
    revoked = ([], [], [key], [], [X509_HOST], [], [])
    lines = f"@revoked * {line}\none {text(key)}\none {line}\n"
    assert SSHKnownHosts(lines).match("one") == revoked
    other = line.replace("x509v3-ecdsa-sha2-nistp256", "x509v3-other")  # what it is called revokes no less
    assert SSHKnownHosts(f"@revoked * {other}\n").match("one") == revoked
    assert match_known_hosts(([key], [], [], [X509_HOST], [X509_HOST]), "one") == revoked
    for how in ("subject=O=Org,CN=one", "Subject: O=Org, CN=one"):
        found = SSHKnownHosts(f"@revoked one x509v3-ssh-rsa {how}\none {line}\n").match("one")
        assert found == ([], [], [], [], [], [], [X509Subject("O=Org,CN=one")])


@pytest.mark.parametrize(
    "line",
    [
        "one x509v3-ssh-rsa AAAA",
        "one x509v3-ssh-rsa subject=one",
        f"one x509v3-ssh-rsa {x509_line(X509_CA).split()[1]}",
        f"@cert-authority one {x509_line(X509_HOST)}",
        "@cert-authority one x509v3-ssh-rsa subject=CN=one",
        "one x509v3-ssh-rsa",
    ],
    ids=["damaged", "name", "type", "no-authority", "subject", "nothing"],
)
def test_x509_lines_that_are_refused(line):
    known = SSHKnownHosts(f"{line}\none {text(A)}\n")
    assert [problem.line for problem in known.problems] == [1]
    assert known.match("one") == ([A], [], [], [], [], [], [])


@pytest.mark.parametrize("what", ["subject=one", "Subject: one", "MAA="], ids=["name", "word", "damaged"])
def test_what_cannot_be_revoked_is_said(what):
    lines = f"@revoked one x509v3-ssh-rsa {what}\nother {text(A)}\n"
    assert match(lines, "other") == ([A], [], [])
    with pytest.raises(NotSupportedYet, match="revoked"):
        match(lines, "one")
