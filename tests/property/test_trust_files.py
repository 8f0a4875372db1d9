"""Files that say whom to believe: lines that are written as the manuals have them are read as what they say."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nacre
from nacre.host_fingerprints import DnsVerdict, SSHFPRecord, record_lines, sshfp_records, verdict_of
from nacre.keys.timestamp import parse_timestamp
from nacre.keys.validity import seconds_since_epoch
from nacre.trust import SSHAuthorizedKeys, SSHKnownHosts
from nacre.trust.allowed_signers import import_allowed_signers
from nacre.trust.key_options import parse_key_options, permits, permits_place, shown_options
from nacre.trust.known_hosts import hash_host_name, host_name, known_hosts_line
from nacre.trust.known_hosts_changes import as_data, entries, find_host, hashed_lines, without_host
from nacre.trust.pattern import HostPatterns, parse_address
from tests.property.makers import KEYS, OTHER, a_comment, a_key

FEW = settings(deadline=None, max_examples=25)


def public(key: nacre.SSHKey) -> str:
    return key.export_public_key().decode().strip()


# ---------------------------------------------------------------- authorized_keys (sshd(8))

a_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\n\r"), max_size=20)
#: sshd(8): a backslash before a quote is for the quote, so that no value can end with one.
a_value = (a_text | st.text('\\" ,=', max_size=8)).filter(lambda text: not text.endswith("\\"))
a_variable = st.from_regex(r"[A-Za-z0-9_]{1,8}", fullmatch=True)
a_port = st.integers(1, 65535).map(str) | st.just("*")
a_place = st.one_of(
    st.tuples(st.sampled_from(["h.example", "192.0.2.1", "*"]), a_port).map(":".join),
    a_port.map("[2001:db8::1]:{}".format),
)
a_time = st.integers(365 * 86400, 2**31 - 1).map(lambda second: datetime.fromtimestamp(second, UTC))
PERMISSIONS = ("agent-forwarding", "port-forwarding", "pty", "user-rc", "X11-forwarding")
a_switch = st.sampled_from(["restrict", *PERMISSIONS, *(f"no-{name}" for name in PERMISSIONS)])

#: Those that may stand there once, and those that may stand there more often.
ONCE = {"command": a_value, "from": st.sampled_from(["192.0.2.0/24", "*.example,!bad.example", "192.0.2.1"])}
OFTEN = {
    "environment": st.tuples(a_variable, a_value).map("=".join),
    "permitopen": a_place,
    "permitlisten": a_place | a_port,
    "tunnel": st.integers(0, 0x7FFFFFFD).map(str) | st.just("any"),
    "expiry-time": a_time.map(lambda when: when.strftime("%Y%m%d%H%M%SZ")),
}
an_option = st.one_of(
    a_switch.map(lambda name: (name, None)),
    *(value.map(lambda value, name=name: (name, value)) for name, value in {**ONCE, **OFTEN}.items()),
)
#: Case does not count; of what may stand there once, one is drawn.
some_options = st.lists(an_option, min_size=1, max_size=6).filter(
    lambda options: all(sum(name == other for other, _ in options) < 2 for name in ONCE)
)


def written(options, upper: bool) -> str:
    parts = []
    for name, value in options:
        quoted = "" if value is None else '="' + value.replace('"', '\\"') + '"'
        parts.append((name.upper() if upper else name) + quoted)
    return ",".join(parts)


@FEW
@given(some_options, st.booleans(), st.sampled_from([" ", "\t", "  \t"]), a_key, a_comment)
def test_options_of_authorized_keys(options, upper, blank, key, comment) -> None:
    line = f"{written(options, upper)}{blank}{public(key)} {comment}\n"
    read, rest = parse_key_options(line)
    assert rest == f"{public(key)} {comment}\n"
    for name in ONCE:
        assert read.get(name) == dict(options).get(name)
    for name in OFTEN:
        assert read.get(name, ()) == tuple(value for other, value in options if other == name)
    for permission in PERMISSIONS:
        permitted = True
        for name, _ in options:  # the later counts
            if name in (permission, "restrict", f"no-{permission}"):
                permitted = name == permission
        assert permits(read, permission) is permitted
    opens = [value for name, value in options if name == "permitopen"]
    for host, port in (("h.example", 80), ("2001:db8::1", 65535), ("other", 1)):
        places = (f"{host}:{port}", f"{host}:*", f"*:{port}", "*:*", f"[{host}]:{port}", f"[{host}]:*")
        assert permits_place(read, "permitopen", host, port) is (
            permits(read, "port-forwarding") and (not opens or any(place in places for place in opens))
        )
    variables = [value.partition("=") for name, value in options if name == "environment"]
    assert shown_options(read).get("environment", {}) == {
        name: value
        for name, _, value in reversed(variables)  # the first counts
    }


@FEW
@given(some_options, st.lists(a_key, min_size=1, max_size=3), st.sampled_from(["\n", "\r\n"]))
def test_authorized_keys(options, keys, end) -> None:
    """The first line with the key, whose times and addresses fit, says what it may do."""
    lines = [
        "# a comment",
        "",
        f"{written(options, upper=False)} {public(keys[0])} c",
        *map(public, keys[1:]),
    ]
    trusted = SSHAuthorizedKeys(end.join(lines) + end)
    assert trusted.problems == []
    names = {name.lower() for name, _ in options}
    expired = any(
        datetime.strptime(value, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC) < datetime.now(UTC)
        for name, value in options if name == "expiry-time"
    )  # fmt: skip
    for address in ("192.0.2.1", "203.0.113.1"):
        outside = "from" in names and (address != "192.0.2.1" or dict(options)["from"].startswith("*"))
        for key in KEYS:
            found = trusted.judge(key, None, address, names)
            if key == keys[0] and not outside and not expired:
                assert found.options is not None
                assert found.options.keys() == names
            else:
                assert found.options == ({} if key in keys[1:] else None)


# ---------------------------------------------------------------- known_hosts (sshd(8))

LABELS = st.sampled_from(["a", "b", "ab", "ba", "a.b"])
a_host = LABELS | st.sampled_from(["192.0.2.1", "2001:db8::1"])
a_pattern = st.one_of(
    a_host,
    st.sampled_from(["*", "a*", "?", "*.b", "192.0.2.*", "[a]:2222", "A"]),
)
#: Which sshd(8) has not in known_hosts; there they are looked at after all names.
a_network = st.sampled_from(["192.0.2.0/24", "192.0.2.1/32", "2001:db8::/32", "0.0.0.0/0", "198.51.100.0/24"])
some_patterns = st.lists(
    st.tuples(st.sampled_from(["", "", "!"]), a_pattern).map("".join), min_size=1, max_size=3
)
a_marker = st.sampled_from(["", "", "@cert-authority", "@revoked"])


def fits(patterns: list[str], host: str) -> bool:
    """By sshd(8): a pattern that is negated excludes, whatever the others say; case does not count."""

    def one(pattern: str) -> bool:
        pattern = pattern.removeprefix("!").lower()
        if "/" in pattern:
            try:
                return ip_address(host) in ip_network(pattern)
            except ValueError:
                return False
        if pattern.startswith("["):  # fnmatch has sets of characters there, and OpenSSH a port
            return pattern == host
        return fnmatchcase(host, pattern)

    return any(map(one, filter(lambda each: each[0] != "!", patterns))) and not any(
        map(one, filter(lambda each: each[0] == "!", patterns))
    )


@FEW
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "", "!"]), a_pattern | a_network).map("".join), min_size=1, max_size=4
    ),
    a_host,
)
def test_lists_of_patterns(patterns, host) -> None:
    read = HostPatterns(",".join(patterns))
    address = parse_address(host)
    assert (read.includes((host,), address) and not read.excludes((host,), address)) is fits(patterns, host)


@FEW
@given(
    st.lists(st.tuples(a_marker, some_patterns, st.booleans(), a_key, a_comment), max_size=4),
    a_host,
    st.binary(min_size=20, max_size=20),
)
def test_known_hosts(lines, host, salt) -> None:
    text, model = "# comment\n\n", []
    for marker, patterns, hashed, key, comment in lines:
        names = ",".join(patterns)
        if hashed:  # the hash of one name, which is then no pattern
            name = patterns[0].removeprefix("!").lower()
            names = hash_host_name(name, salt)
            matched = name == host
        else:
            matched = fits(patterns, host)
        text += f"{marker} {names} {public(key)} {comment}".lstrip() + "\n"
        model += [(marker, key.convert_to_public())] if matched else []
    known = SSHKnownHosts(text).required()
    trusted, authorities, revoked, *_ = known.match(host)
    gone = {key for marker, key in model if marker == "@revoked"}
    assert set(revoked) == gone
    assert set(trusted) == {key for marker, key in model if not marker} - gone
    assert set(authorities) == {key for marker, key in model if marker == "@cert-authority"} - gone


@FEW
@given(
    st.lists(st.tuples(a_marker, st.lists(a_host, min_size=1, max_size=3), a_key), min_size=1, max_size=3),
    st.lists(a_host, min_size=1, max_size=2),
    st.booleans(),
)
def test_hashed_names_say_the_same(lines, hosts, with_patterns) -> None:
    text = "".join(
        f"{marker} {','.join(names)}{',*.z' if with_patterns else ''} {public(key)}".lstrip() + "\n"
        for marker, names, key in lines
    )
    hashed = as_data(line for entry in entries(text) for line in hashed_lines(entry)).decode()
    before, after = SSHKnownHosts(text).required(), SSHKnownHosts(hashed).required()
    for host in (*hosts, "x.z", "nobody"):
        assert [set(keys) for keys in before.match(host)] == [set(keys) for keys in after.match(host)]
        left, gone = without_host(text, host)
        assert gone == [
            entry.number for entry in find_host(text, host) if entry.line and not entry.line.marker.value
        ]
        assert SSHKnownHosts("\n".join(left)).match(host)[0] == []


@FEW
@given(LABELS | st.text("abc.-_é%$", min_size=1, max_size=10), st.integers(0, 65535), a_key,
       st.none() | st.binary(min_size=20, max_size=20))  # fmt: skip
def test_lines_that_are_written_for_a_host(host, port, key, salt) -> None:
    line = known_hosts_line(host, port, key, salt)
    known = SSHKnownHosts(line + "\n").required()
    assert known.match(host, None, port)[0] == [key.convert_to_public()]
    assert known.match(host.upper(), None, port)[0] == [key.convert_to_public()]
    assert known.match(f"x{host}", None, port)[0] == []
    assert (known.match(host, None, 2222)[0] == []) is (port not in (0, 22, 2222))
    assert (line.split()[0] == host_name(host, port)) is (salt is None)


# ---------------------------------------------------------------- allowed_signers (ssh-keygen(1))


def moment(when: datetime) -> str:
    return when.strftime("%Y%m%d%H%M%SZ")


some_names = st.lists(
    st.tuples(st.sampled_from(["", "", "!"]), st.sampled_from(["a@b", "b@b", "*@b", "?@b", "*"])).map("".join),
    min_size=1, max_size=3,
)  # fmt: skip


@FEW
@given(
    some_names, st.booleans(), st.booleans(), st.none() | some_names, st.none() | a_time, st.none() | a_time, a_time,
    a_comment,
)  # fmt: skip
def test_signers(names, quoted, authority, namespaces, after, before, now, comment) -> None:
    options = ["cert-authority"] if authority else []
    options += [f'namespaces="{",".join(namespaces)}"'] if namespaces else []
    options += [f'valid-after="{moment(after)}"'] if after else []
    options += [f'valid-before="{moment(before)}"'] if before else []
    principals = ",".join(names)
    line = f'"{principals}"' if quoted else principals
    line += f" {','.join(options)} {public(OTHER)} {comment}"
    if after and before and before <= after:
        with pytest.raises(ValueError, match="valid-before"):
            import_allowed_signers(line)
        return
    signers = import_allowed_signers(line)
    in_time = not (after and now < after) and not (before and now > before)

    def says(patterns: list[str], subject: str) -> bool:
        matched = [pattern for pattern in patterns if fnmatchcase(subject, pattern.removeprefix("!"))]
        return bool(matched) and not any(pattern.startswith("!") for pattern in matched)

    for principal in ("a@b", "c@c"):
        for purpose in ("b@b", "file"):
            fitting = says(names, principal) and (not namespaces or says(namespaces, purpose)) and in_time
            assert signers.validate(OTHER, principal, purpose, ca=authority, now=now) is fitting
            assert not signers.validate(OTHER, principal, purpose, ca=not authority, now=now)


BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


@FEW
@given(a_time, st.sampled_from(["%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S"]), st.sampled_from(["Z", "UTC", "z"]))
def test_times(when: datetime, form: str, zone: str) -> None:
    cut = {"%Y%m%d": timedelta(days=1), "%Y%m%d%H%M": timedelta(minutes=1)}.get(form, timedelta(seconds=1))
    expected = (when - BEGIN) // cut * cut + BEGIN
    text = when.strftime(form) + zone
    assert parse_timestamp(text) == expected
    assert seconds_since_epoch(text) == expected.timestamp()
    assert parse_timestamp(when.strftime(form)).replace(tzinfo=None) == expected.replace(tzinfo=None)  # local


# ---------------------------------------------------------------- SSHFP (RFC 4255, 6594, 7479)


@FEW
@given(a_key, LABELS, st.booleans(), st.binary(max_size=40))
@example(KEYS[0], "a", True, b"")
def test_records_of_the_dns(key, host, generic, noise) -> None:
    records = []
    for line in record_lines(host, key, generic):
        name, kind, *rest = line.split(" ", 3)
        assert (name, kind) == (host, "IN")
        found = dns.rdata.from_text(dns.rdataclass.IN, rest[0], rest[1])
        again = dns.rdata.from_wire(
            dns.rdataclass.IN, dns.rdatatype.SSHFP, found.to_digestable(), 0, len(found.to_digestable())
        )
        records.append(SSHFPRecord(again.algorithm, again.fp_type, again.fingerprint))
    assert tuple(records) == sshfp_records(key)
    assert records[1].fingerprint == hashlib.sha256(key.public_data).digest()
    assert verdict_of(records, key) is DnsVerdict.HINTED
    others = [SSHFPRecord(one.algorithm, one.digest_type, noise) for one in records]
    assert verdict_of(others, key) is DnsVerdict.DENIED
    assert verdict_of([*others, *records], key) is DnsVerdict.HINTED
    assert verdict_of(records[:1], key) is DnsVerdict.SILENT  # SHA-1 alone says nothing
