"""The table of algorithms, its order, and the syntax of algorithm options."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import nacre.crypto
from nacre.crypto import Algorithm, Family, Status, default_names, lookup, names, select
from nacre.crypto.registry import choose, register
from tests.support.cases import each_case

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")
OPTIONAL_MACS = ("hmac-sha2-256", "hmac-sha2-512", "hmac-sha1-etm@openssh.com", "hmac-sha1")
KEX = ("mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org")
OPTIONAL_KEX = (
    "mlkem768nistp256-sha256",
    "mlkem1024nistp384-sha384",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)


@pytest.mark.parametrize(
    ("family", "default", "optional"),
    [
        (Family.KEX, KEX, OPTIONAL_KEX),
        (Family.CIPHER, CIPHERS, ()),
        (Family.MAC, MACS, OPTIONAL_MACS),
        (Family.COMPRESSION, ("none",), ("zlib@openssh.com",)),
    ],
)
def test_what_there_is_in_order(family: Family, default: tuple[str, ...], optional: tuple[str, ...]) -> None:
    assert default_names(family) == default
    assert names(family) == default + optional
    for name in names(family):
        algorithm = lookup(family, name)
        assert (algorithm.family, algorithm.name) == (family, name)
        legacy = Status.LEGACY if "sha1" in name else Status.OPTIONAL
        assert algorithm.status is (Status.DEFAULT if name in default else legacy)
        assert algorithm.risk or name in default


@each_case("family", Family)
@each_case("spec", ["*", "+*", "^*", "?*", "*1*,*2*,*n*", "-nothing*"])
def test_no_pattern_reaches_what_is_not_offered_by_default(family: Family, spec: str) -> None:
    try:
        chosen = select(family, spec)
    except ValueError:  # the pattern matches nothing
        return
    assert set(chosen) <= set(default_names(family))


def test_when_new_keys_are_due() -> None:
    # RFC 4344 sections 3.1 and 3.2.
    for family in Family:
        for name in names(family):
            assert lookup(family, name).rekey_packets == 2**31
    for name in CIPHERS:
        expected = 2**30 if name.startswith("chacha") else 2**32 * 16
        assert lookup(Family.CIPHER, name).rekey_bytes == expected


def test_what_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        lookup(Family.MAC, "aes128-ctr")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"rank": 15}, "registered twice"), ({"name": "new"}, "has the rank of 'none'")],
)
def test_names_and_ranks_are_unique(change: dict[str, Any], message: str) -> None:
    names(Family.COMPRESSION)
    fields: dict[str, Any] = {"name": "none", "rank": 10} | change
    with pytest.raises(ValueError, match=message):
        register(Algorithm(family=Family.COMPRESSION, status=Status.DEFAULT, factory=None, **fields))
    assert names(Family.COMPRESSION) == ("none", "zlib@openssh.com")


@each_case(
    ("spec", "expected"),
    [
        ((), MACS),
        (["hmac-sha2-512", "hmac-sha2-256-etm@openssh.com"], ("hmac-sha2-512", MACS[0])),
        (("hmac-sha2-512",), ("hmac-sha2-512",)),
        ("hmac-sha2-512", ("hmac-sha2-512",)),
        ("hmac-sha2-512, hmac-sha2-256", ("hmac-sha2-512", "hmac-sha2-256")),
        ("hmac-sha2-512,hmac-sha2-512", ("hmac-sha2-512",)),
        ("*", MACS),
        ("hmac-*", MACS),
        ("hmac-sha2-???-etm@openssh.com", MACS),
        ("*-512*,*", (MACS[1], MACS[0])),
        ("*,hmac-sha2-256", (*MACS, "hmac-sha2-256")),
        ("^hmac-sha2-512", ("hmac-sha2-512", *MACS)),
        ("^*-512*", (MACS[1], MACS[0])),
        ("+hmac-sha2-512", (*MACS, "hmac-sha2-512")),
        ("+*", MACS),
        ("-*-512*", (MACS[0],)),
        ("-hmac-sha2-256-etm@openssh.com", (MACS[1],)),
        ("-hmac-sha2-256", MACS),
        ("-hmac-sha1", MACS),
        ("hmac-sha1,hmac-sha2-512", ("hmac-sha1", "hmac-sha2-512")),
    ],
)
def test_options(spec: Any, expected: tuple[str, ...]) -> None:
    assert select(Family.MAC, spec) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hmac-md5", "unknown MAC 'hmac-md5'; there are hmac-sha2-256-etm@openssh.com, "),
        (["hmac-sha2-256", "hmac-md5"], "unknown MAC 'hmac-md5'"),
        (["hmac-*"], "unknown MAC 'hmac-\\*'"),
        ([b"hmac-sha2-256"], "unknown MAC b'hmac-sha2-256'"),
        ("hmac-sha2-256,", "unknown MAC ''"),
        ("", "unknown MAC ''"),
        ("+", "unknown MAC ''"),
        ("hmac-sha2-256,+hmac-sha2-512", "unknown MAC '\\+hmac-sha2-512'"),
        ("-hmac-md5", "unknown MAC 'hmac-md5'"),
        ("umac-*", "no MAC offered by default matches 'umac-\\*'"),
        ("hmac-sha2-25?", "no MAC offered by default matches"),
        ("+hmac-sha1", "MAC 'hmac-sha1' is legacy, which '\\+' does not reach: give every MAC"),
        ("^hmac-sha2-256,hmac-sha1", "MAC 'hmac-sha1' is legacy"),
        ("+hmac-sha2-51?", "no MAC offered by default matches"),
        ("hmac-sha2-[25]*", "no MAC offered by default matches"),
        ("-*", "'-\\*' leaves no MAC to offer"),
        ([], "\\[\\] leaves no MAC to offer"),
    ],
)
def test_options_that_are_wrong(spec: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        select(Family.MAC, spec)
    assert "\n" not in str(caught.value)


def test_the_families_are_named_in_messages() -> None:
    for family in Family:
        with pytest.raises(ValueError, match=f"unknown {family.value} 'rot13'"):
            select(family, "rot13")


def test_the_syntax_serves_names_registered_elsewhere() -> None:
    known = ("good", "better", "old")
    assert choose("thing", "+old", known[:2], known) == known
    assert choose("thing", "*", known[:2], known) == known[:2]


SOURCE = Path(nacre.crypto.__file__).parent


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_file_knows_of_sockets_or_clocks(path: Path) -> None:
    found = imported(path)
    roots = {name.partition(".")[0] for name in found}
    assert not roots & {"asyncio", "socket", "ssl", "threading", "subprocess", "time", "os", "secrets"}
    within = {name for name in found if name.startswith("nacre")}
    assert all(name.startswith(("nacre.crypto", "nacre.wire", "nacre.errors")) for name in within)


def test_the_library_is_loaded_when_an_algorithm_is_asked_for() -> None:
    # The package above is stood in for, so that it is this package's imports that are looked at.
    program = f"""
import sys, types
package = types.ModuleType("nacre")
package.__path__ = [{str(SOURCE.parent)!r}]
sys.modules["nacre"] = package
import nacre.crypto
loaded = [name for name in sys.modules if name.partition(".")[0] in ("cryptography", "asyncio", "socket")]
assert not loaded, loaded
nacre.crypto.names(nacre.crypto.Family.CIPHER)
assert "cryptography.hazmat.primitives.ciphers.aead" in sys.modules
"""
    subprocess.run([sys.executable, "-I", "-c", program], check=True, timeout=120)


def test_a_list_without_names_is_never_the_defaults_however_often_it_is_given() -> None:
    assert select(Family.MAC, ()) == default_names(Family.MAC)
    for _ in range(2):
        with pytest.raises(ValueError, match="leaves no MAC"):
            select(Family.MAC, [])
    assert (
        select(Family.MAC, ["hmac-sha2-256"]) == select(Family.MAC, ("hmac-sha2-256",)) == ("hmac-sha2-256",)
    )
