"""The history: 103 faults that SSH implementations had, and what became of each here.

Owns: the rows, as facts, and which of them wait for a feature. Must not know: how a row is tested.

A row with `waits_for` has no test, since there is nothing to test: whoever builds the feature writes its
test, and the fault that turns it red. A row with `grows_with` has a test that cannot say everything before a
feature is there: whoever builds it adds what is missing, with a fault, and takes `grows_with` away.
`overdue` tells when it is time: `tests.security.features` has the signs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.security.features import sign_of
from tests.security.registry import TESTS

__all__ = ["PARTS", "ROWS", "Row", "overdue", "row_tests"]

#: Headings, by the first row below each.
PARTS: Final[Mapping[int, str]] = {
    1: "Transport and key exchange",
    35: "Authentication",
    65: "Channels, forwarding, agent",
    83: "Files, terminals, the hub",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One fault of the history.

    Attributes:
        number: its number.
        known_as: a CVE, a commit or a release, for who wants to read on.
        ends: which ends had it: "server", "client" or "both".
        fault: what went wrong, in a line.
        waits_for: the feature that it is about, which nacre has not.
        grows_with: a feature that will give its test more to do.
    """

    number: int
    known_as: str
    ends: str
    fault: str
    waits_for: str = ""
    grows_with: str = ""


def row_tests() -> Mapping[int, Callable[[], None]]:
    """Return the test of each row that has one."""
    for part in ("transport", "authentication", "certificates", "security_keys", "channels", "surroundings"):
        importlib.import_module(f"tests.security.test_rows_{part}")
    return TESTS


def overdue(rows: Iterable[Row]) -> list[str]:
    """Return what is to be done about rows whose feature has come, a line for each."""
    lines = []
    for row in rows:
        waits, grows = (feature and sign_of(feature) for feature in (row.waits_for, row.grows_with))
        if waits:
            lines.append(
                f"row {row.number} ({row.known_as}) waits for {row.waits_for}, and there is {waits}: write its "
                "test and its fault, and take `waits_for` away"
            )
        if grows:
            lines.append(
                f"row {row.number} ({row.known_as}) has a test without {row.grows_with}, and there is {grows}: "
                "say in its test what holds for that, with a fault, and take `grows_with` away"
            )
    return lines


_TCP: Final = "TCP forwarding"
_SCP: Final = "SCP"
_SFTP: Final = "SFTP"

# fmt: off
ROWS: Final = (
    Row(1, "CVE-2023-48795 (Terrapin)", "both", "ignorable messages before the first NEWKEYS, and sequence numbers that go on there"),
    Row(2, "CVE-2025-46712, arXiv 2509.10895", "both", "more than one path through a strict key exchange"),
    Row(3, "CVE-2023-46445", "client", "EXT_INFO taken before anything is encrypted"),
    Row(4, "CVE-2023-46446", "server", "a USERAUTH_REQUEST put in before NEWKEYS counts"),
    Row(5, "CVE-2025-14942", "client", "authentication begins before the host is verified"),
    Row(6, "CVE-2025-11625", "client", "the verification of the host is passed by"),
    Row(7, "CVE-2025-26465", "client", "an error in the verification is taken for a success"),
    Row(8, "CVE-2023-2283, CVE-2025-5372, CVE-2025-5987", "both", "the result of a cryptographic call is not looked at"),
    Row(9, "CVE-2024-43410", "both", "memory of the declared packet length is taken before the length is judged"),
    Row(10, "CVE-2026-55200", "client", "the packet length has no upper bound"),
    Row(11, "CVE-2026-46597", "both", "the arithmetic of the padding overflows"),
    Row(12, "CVE-2021-43565", "both", "an empty packet crashes"),
    Row(13, "CVE-2020-1730", "both", "the end of a connection before its keys are there crashes"),
    Row(14, "CVE-2025-30211", "both", "huge name-lists of KEXINIT blow up memory and log"),
    Row(15, "CVE-2025-8277", "both", "each wrong guess leaves its keys behind"),
    Row(16, "CVE-2023-1667, CVE-2021-3634", "both", "a re-key by another method changes what the first one fixed"),
    Row(17, "CVE-2025-22869", "both", "what waits for a re-key that is never answered is not bounded"),
    Row(18, "OpenSSH 10.4 (72b05ecd1)", "both", "anything may be sent during a re-key, for ever"),
    Row(19, "CVE-2025-26466", "both", "answers to PING pile up during a key exchange"),
    Row(20, "CVE-2002-20001 (D(HE)at)", "server", "a cheap request for a dear computation"),
    Row(21, "group exchange (RFC 4419)", "both", "a group of 1024 bits for who asks for it"),
    Row(22, "russh 2026-07, CVE-2026-59842", "both", "points of low order, off the curve or of another form are taken"),
    Row(23, "russh a7fc1eb", "both", "the shared secret is encoded wrongly when its first bits are special"),
    Row(24, "passive RSA lattice", "server", "a faulty signature is sent and gives the key away"),
    Row(25, "CVE-2024-31497", "both", "nonces of P-521 are biased"),
    Row(26, "CVE-2008-5161", "both", "CBC tells a part of the plaintext"),
    Row(27, "CVE-2026-23943", "both", "compression before authentication, and bombs"),
    Row(28, "CVE-2026-55199", "both", "a count of 2^32 - 1 keeps a loop busy"),
    Row(29, "russh 6c3c80a", "server", "the number of answers sizes an allocation"),
    Row(30, "CVE-2026-48108", "both", "lines before the identification, without a bound"),
    Row(31, "CVE-2022-21716", "both", "an identification without an end"),
    Row(32, "russh fc6e3ab", "both", "bytes behind the fields of a message are not noticed"),
    Row(33, "limits of ciphers", "both", "keys are used beyond what their cipher bears"),
    Row(34, "CVE-2016-0777", "client", "a feature that nobody asked for leaks memory"),
    Row(35, "CVE-2018-10933", "server", "USERAUTH_SUCCESS is taken from a client"),
    Row(36, "CVE-2018-7750", "server", "channels before authentication"),
    Row(37, "CVE-2025-32433", "server", "messages of channels are handled before authentication"),
    Row(38, "CVE-2024-2873, CVE-2020-29652", "server", "a method that is not configured is tried"),
    Row(39, "CVE-2024-45337", "server", "the last key offered passes for the key that signed"),
    Row(40, "russh bca12c7", "server", "a signature is not bound to the key that was asked about"),
    Row(41, "CVE-2026-46705", "server", "what was achieved for one user counts for another"),
    Row(42, "CVE-2026-39828", "server", "a second factor lifts the restrictions of the first"),
    Row(43, "CVE-2026-46595, CVE-2026-56854", "server", "the address of a key is looked at in one method only"),
    Row(44, "CVE-2015-5600", "server", "tries without an end, by keyboard-interactive"),
    Row(45, "CVE-2018-15473", "server", "odd requests are answered differently where the user exists"),
    Row(46, "CVE-2016-6210, CVE-2026-48859", "server", "the work done tells whether the user exists"),
    Row(47, "Dropbear 2026.90", "server", "keys can be asked about without a bound"),
    Row(48, "CVE-2021-36367", "client", "a success without a credential, then prompts that are not the program's"),
    Row(49, "CVE-2026-35414", "server", "a principal with a comma is read as two"),
    Row(50, "CVE-2026-35387", "both", "one algorithm of a kind allows all of them"),
    Row(51, "CVE-2026-42508", "client", "@revoked is not heeded"),
    Row(52, "Go 90f76b8, CVE-2025-49825", "both", "a certificate that a certificate signed"),
    Row(53, "critical options", "server", "a critical option that nobody knows is passed over"),
    Row(54, "CVE-2026-39831", "server", "the presence of the user is not asked of a security key"),
    Row(55, "CVE-2026-39829", "server", "numbers of RSA keys are not bounded"),
    Row(56, "CVE-2020-9283, CVE-2026-46598", "both", "a short Ed25519 key crashes"),
    Row(57, "CVE-2026-44405", "both", "SHA-1 in RSA signatures"),
    Row(58, "Dropbear 2026.92", "server", "the rest of an over-long line of authorized_keys is a line"),
    Row(59, "Dropbear 2026.90", "server", "a forced command is escaped from"),
    Row(60, "GHSA-qr67-gv47-xwwh", "server", "a user's name leads out of a directory"),
    Row(61, "CVE-2021-41617", "server", "a helper runs with the groups of somebody else"),
    Row(62, "wolfSSHd, Dropbear", "server", "an error of a verifier is a login"),
    Row(63, "CVE-2024-6387 (regreSSHion)", "server", "the end of the login's time comes at a bad moment"),
    Row(64, "CVE-2023-43809", "server", "a dialogue without a key lets people in"),
    Row(65, "CVE-2026-39830", "both", "answers that nobody asked for fill a queue"),
    Row(66, "Go 6c195c8", "server", "refused channels are never freed"),
    Row(67, "CVE-2025-54804", "both", "a window overflows"),
    Row(68, "CVE-2026-59843", "both", "a maximum packet of 0 makes a loop without an end"),
    Row(69, "CVE-2026-39834", "both", "a write of more than 4 GiB is cut to 0 and spins"),
    Row(70, "CVE-2026-59850", "both", "data is handled after CLOSE"),
    Row(71, "CVE-2026-54886", "server", "extended data of any type loops for ever"),
    Row(72, "Erlang's default", "server", "channels of one connection are not bounded"),
    Row(73, "Go 9beb694, CVE-2019-3862", "client", "a request that is cut short crashes"),
    Row(74, "CVE-2025-32728", "server", "a restriction does not cover every kind of forwarding", grows_with=_TCP),
    Row(75, "CVE-2025-14282", "server", "a UNIX socket is forwarded as root", "forwarding of UNIX sockets"),
    Row(76, "Dropbear", "both", "a port that is none is read as any", grows_with=_TCP),
    Row(77, "CVE-2008-1483, CVE-2016-3115", "server", "X11 is taken over", "X11 forwarding"),
    Row(78, "CVE-2023-38408", "client", "a forwarded agent loads any library"),
    Row(79, "CVE-2023-51384, CVE-2026-39832", "client", "constraints are dropped for some keys"),
    Row(80, "CVE-2025-47914", "client", "lengths and counts of an agent are believed"),
    Row(81, "CVE-2023-51385, CVE-2025-61984", "both", "a shell sees the name of a host or a user"),
    Row(82, "CVE-2024-39930", "server", "an environment variable becomes an argument"),
    Row(83, "CVE-2019-6111, CVE-2026-54591", "both", "the peer chooses the names of files", _SCP),
    Row(84, "CVE-2026-35385", "client", "setuid is kept on what is received", _SCP),
    Row(85, "CVE-2019-14889, CVE-2020-15778", "both", "a path reaches the remote shell", _SCP),
    Row(86, "CVE-2026-23942, CVE-2023-35887", "server", "a path is compared as text, or a link leads out", _SFTP),
    Row(87, "CVE-2026-48855", "server", "an answer tells where the real root is", _SFTP),
    Row(88, "CVE-2025-48038 to 48041", "server", "handles, paths and packets without a bound", _SFTP),
    Row(89, "CVE-2025-5318, CVE-2025-11624", "server", "a forged handle is taken", _SFTP),
    Row(90, "CVE-2026-59848, CVE-2025-15661", "client", "identifiers, lengths and counts of an answer are believed", _SFTP),
    Row(91, "OpenSSH 5a5e47740", "server", "a file is copied into itself without an end", _SFTP),
    Row(92, "CVE-2019-6109, Go 6435c37", "both", "a peer's text moves the cursor of somebody else", grows_with=_SFTP),
    Row(93, "hub", "server", "what one user types does something on another's terminal"),
    Row(94, "CVE-2026-22253, GHSA-vwq2-jx9q-9h9f", "server", "what is not allowed is refused after it was done"),
    Row(95, "CVE-2022-45047", "both", "a key file is deserialised"),
    Row(96, "Dropbear 2026.92", "both", "whoever writes a key follows a link"),
    Row(97, "CVE-2026-0965", "both", "a configuration is a device, or has no end"),
    Row(98, "CVE-2026-0967", "both", "a pattern takes exponential time"),
    Row(99, "Go b315afd, 6f39c52", "both", "a key file asks for any amount of work"),
    Row(100, "russh 0363fde", "both", "a damaged key file crashes"),
    Row(101, "russh 46c927a", "both", "secrets are compared in variable time"),
    Row(102, "wish 14b2efd", "server", "a handler that fails ends the server"),
    Row(103, "OpenSSH 78d549857", "server", "an edge value of the configuration crashes"),
)
# fmt: on
