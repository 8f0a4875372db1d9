"""Key revocation lists (OpenSSH PROTOCOL.krl): what is revoked, what is not, and what is no list."""

from __future__ import annotations

import hashlib

import pytest

from nacre.errors import KeyImportError
from nacre.keys import generate_private_key
from nacre.trust.revocation import MAX_KRL, KeyRevocationList, import_krl, read_krl
from nacre.wire.fields import encode_mpint, encode_string, encode_uint32, encode_uint64

CA, OTHER_CA, USER, OTHER = (generate_private_key("ssh-ed25519") for _ in range(4))


def certificate(serial=0, key_id="id", ca=CA, key=USER):
    return ca.generate_user_certificate(key, key_id, serial=serial, principals=["user"])


def section(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + encode_string(body)


def krl(*sections: bytes, version: int = 1) -> bytes:
    """A list with the header that PROTOCOL.krl has."""
    head = b"SSHKRL\n\0" + encode_uint32(version) + encode_uint64(7) + encode_uint64(1000) + encode_uint64(0)
    return head + encode_string(b"") + encode_string(b"a comment") + b"".join(sections)


def certificates(*sections: bytes, ca: bytes = CA.public_data) -> bytes:
    return section(1, encode_string(ca) + encode_string(b"") + b"".join(sections))


def test_the_header():
    revoked = import_krl(krl())
    assert (revoked.version, revoked.generated, revoked.comment) == (7, 1000, "a comment")
    assert not revoked.revokes(USER)
    assert not revoked.revokes(certificate(1))


@pytest.mark.parametrize(
    "body",
    [
        section(2, encode_string(OTHER.public_data) + encode_string(USER.public_data)),
        section(3, encode_string(hashlib.sha1(USER.public_data).digest())),
        section(5, encode_string(hashlib.sha256(USER.public_data).digest())),
    ],
    ids=["explicit", "sha1", "sha256"],
)
def test_keys(body):
    revoked = import_krl(krl(body))
    assert revoked.revokes(USER)
    assert revoked.revokes(USER.convert_to_public())
    assert not revoked.revokes(CA)
    # A certificate for a key that is revoked, and one that such a key signed, are revoked with it.
    assert revoked.revokes(certificate(1))
    assert revoked.revokes(certificate(1, ca=USER, key=CA))
    assert not revoked.revokes(certificate(1, key=CA))


@pytest.mark.parametrize(
    ("body", "serials"),
    [
        (section(0x20, encode_uint64(3) + encode_uint64(2**64 - 1)), {3, 2**64 - 1}),
        (section(0x21, encode_uint64(3) + encode_uint64(5)), {3, 4, 5}),
        (section(0x22, encode_uint64(2) + encode_mpint(0b1001)), {2, 5}),
        (section(0x22, encode_uint64(0) + encode_mpint(0b1001)), {3}),
        (section(0x21, encode_uint64(0) + encode_uint64(2**64 - 1)), {1, 2, 3, 4, 5, 6, 100, 2**64 - 1}),
    ],
    ids=["list", "range", "bitmap", "bitmap-of-0", "all"],
)
@pytest.mark.parametrize("rewritten", [False, True])
def test_serial_numbers(body, serials, rewritten):
    revoked = import_krl(krl(certificates(body)))
    if rewritten:
        revoked = import_krl(revoked.encode())
    for serial in (0, 1, 2, 3, 4, 5, 6, 100, 2**64 - 1):
        # OpenSSH: zero is no serial number.
        assert revoked.revokes(certificate(serial)) is (serial in serials and serial != 0), serial
        assert not revoked.revokes(certificate(serial, ca=OTHER_CA))


def test_a_bitmap_stays_one():
    """Written as ranges, it took a thousand times its size, and the square of it in time."""
    content = encode_uint64(1) + encode_mpint(int.from_bytes(b"\xaa" * 2000, "big"))
    data = krl(certificates(section(0x22, content)))
    assert len(import_krl(data).encode()) <= len(data)


def test_key_ids_and_sections_without_an_authority():
    ids = section(0x23, encode_string(b"stolen") + encode_string(b"\xff"))
    revoked = import_krl(krl(certificates(ids)))
    assert revoked.revokes(certificate(key_id="stolen"))
    assert not revoked.revokes(certificate(key_id="stole"))
    assert not revoked.revokes(certificate(key_id="stolen", ca=OTHER_CA))
    revoked = import_krl(krl(certificates(ids, ca=b"")))
    assert revoked.revokes(certificate(key_id="stolen", ca=OTHER_CA))


def test_extensions_are_passed_over_unless_they_are_critical():
    def extension(critical: bytes) -> bytes:
        return encode_string(b"later@example.com") + critical + encode_string(b"data")

    serials = section(0x20, encode_uint64(3))
    revoked = import_krl(
        krl(section(255, extension(b"\0")), certificates(section(0x39, extension(b"\0")), serials))
    )
    assert revoked.revokes(certificate(3))
    for wrong in (section(255, extension(b"\1")), certificates(section(0x39, extension(b"\1")), serials)):
        with pytest.raises(KeyImportError, match="critical"):
            import_krl(krl(wrong))


@pytest.mark.parametrize(
    "data",
    [
        krl(version=2),
        krl(section(6, b"")),
        krl(section(4, b"")),
        krl(certificates(section(0x24, b""))),
        krl(certificates(section(0x20, bytes(7)))),
        krl(certificates(section(0x21, encode_uint64(5) + encode_uint64(3)))),
        krl(certificates(section(0x21, encode_uint64(3) + encode_uint64(5) + b"x"))),
        krl(certificates(section(0x22, encode_uint64(3) + encode_string(b"\xff")))),
        krl(certificates(ca=b"garbage")),
        krl(section(3, encode_string(bytes(19)))),
        krl(section(5, encode_string(bytes(33)))),
        krl(section(255, b"")),
        b"garbage",
        b"ssh-ed25519 AAAA",
        b"#" * (MAX_KRL + 1),
    ],
    ids=range(15),
)
def test_what_is_not_understood_is_an_error_never_an_empty_list(data):
    with pytest.raises(KeyImportError):
        import_krl(data)


def test_a_list_that_is_cut_off_is_an_error():
    whole = krl(section(2, encode_string(USER.public_data)), certificates(section(0x20, encode_uint64(3))))
    boundaries = {len(krl()), len(krl(section(2, encode_string(USER.public_data))))}
    for size in range(8, len(whole)):
        if size not in boundaries:
            with pytest.raises(KeyImportError):
                import_krl(whole[:size])


def test_plain_keys_and_files(tmp_path):
    text = b"# stolen\n\n" + USER.export_public_key() + OTHER.export_public_key()
    (tmp_path / "revoked").write_bytes(text)
    revoked = read_krl(tmp_path / "revoked")
    assert revoked.revokes(USER)
    assert revoked.revokes(OTHER)
    assert not revoked.revokes(CA)
    with pytest.raises(KeyImportError, match="line 5"):
        import_krl(text + b"garbage\n")
    with pytest.raises(FileNotFoundError):
        read_krl(tmp_path / "nothing")
    with pytest.raises(KeyImportError, match="regular"):
        read_krl(tmp_path)


def test_a_certificate_among_plain_keys_stands_for_its_key():
    """As for sshd: that one, every other certificate of the key, and the key alone; not its authority."""
    line = CA.generate_user_certificate(USER, "id").export_certificate()
    for text in (line, b"\xef\xbb\xbf" + line, OTHER.export_public_key() + line):
        revoked = import_krl(text)
        assert revoked.revokes(USER)
        assert revoked.revokes(OTHER.generate_user_certificate(USER, "another"))
        assert not revoked.revokes(CA)
    for wrong in (line[:-20] + b"\n", line.decode().encode("utf-16")):
        with pytest.raises(KeyImportError):
            import_krl(wrong)


def test_what_is_added_is_read_back(tmp_path):
    made = KeyRevocationList(3, "mine", 1000)
    made.add_key(OTHER)
    made.add_key_hash(OTHER_CA)
    made.add_serials(CA, 5)
    made.add_serials(CA, 7, 9)
    made.add_key_id(None, "lost")
    made.add_certificate(certificate(11))
    made.add_certificate(certificate(0, "unnumbered"))
    made.write(tmp_path / "krl")
    back = read_krl(tmp_path / "krl")
    assert (back.version, back.comment, back.generated) == (3, "mine", 1000)
    for shown in (OTHER, OTHER_CA, *map(certificate, (5, 7, 8, 9, 11)), certificate(1, "lost"),
                  certificate(1, "unnumbered"), certificate(1, "lost", ca=USER)):  # fmt: skip
        assert back.revokes(shown)
    for shown in (USER, CA, *map(certificate, (1, 4, 6, 10, 12))):
        assert not back.revokes(shown)
    for low, high in ((0, None), (5, 4), (1, 2**64)):
        with pytest.raises(ValueError, match="serial"):
            made.add_serials(CA, low, high)
