"""SSHSIG blobs (OpenSSH PROTOCOL.sshsig): what ssh-keygen made is read, what is damaged is refused."""

from __future__ import annotations

import hashlib

import pytest

from nacre.errors import KeyImportError
from nacre.keys import generate_private_key, read_public_key
from nacre.keys.armor import armor, blocks, decode_base64
from nacre.keys.sshsig import MAX_SSHSIG, SSHSignature, create_sshsig, hash_data
from nacre.wire.fields import Reader, encode_string, encode_uint32
from tests.support.cases import each_case

KEY = generate_private_key("ssh-ed25519")
DIGEST = hashlib.sha512(b"message").digest()


def blob(**changed: bytes) -> bytes:
    """A blob with the fields of PROTOCOL.sshsig, in its order, of which some are changed."""
    fields = {
        "key": KEY.public_data,
        "namespace": b"file",
        "reserved": b"",
        "hash_name": b"sha512",
        "signature": KEY.sign(b"SSHSIG" + signed(), "ssh-ed25519"),
    }
    version = changed.pop("version", encode_uint32(1))
    fields.update(changed)
    return b"SSHSIG" + version + b"".join(encode_string(part) for part in fields.values())


def signed(namespace: bytes = b"file") -> bytes:
    return b"".join(encode_string(part) for part in (namespace, b"", b"sha512", DIGEST))


def test_signatures_of_ssh_keygen(data, key_name):
    signature = SSHSignature.decode((data / f"{key_name}.sshsig").read_bytes())
    assert signature.namespace == "file"
    assert signature.key == read_public_key(data / f"{key_name}.pub")
    digest = hashlib.new(signature.hash_name, b"nacre").digest()
    assert signature.verify(digest) is True
    assert signature.verify(bytes(len(digest))) is False


def test_the_blob_is_that_of_the_standard():
    made = create_sshsig(KEY, b"message", raw=True)
    reader = Reader(made)
    assert reader.take(6) == b"SSHSIG"
    assert reader.uint32() == 1
    parts = [reader.string() for _ in range(4)]
    assert parts == [KEY.public_data, b"file", b"", b"sha512"]
    assert KEY.verify(b"SSHSIG" + signed(), reader.string())
    reader.end()
    (block,) = blocks(create_sshsig(KEY, b"message"))
    assert (block.label, decode_base64(block.body)) == ("SSH SIGNATURE", made)


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_bytes_files_and_digests_are_one(tmp_path, hash_name):
    path = tmp_path / "message"
    path.write_bytes(b"message" * 100_000)
    digest = hashlib.new(hash_name, path.read_bytes()).digest()
    for data, is_hashed in ((path, False), (str(path), False), (digest, True), (path.read_bytes(), False)):
        made = create_sshsig(KEY, data, is_hashed=is_hashed, hash_name=hash_name, namespace="git", raw=True)
        signature = SSHSignature.decode(made)
        assert (signature.namespace, signature.hash_name) == ("git", hash_name)
        assert signature.verify(digest)


def test_rsa_signs_with_sha2(data):
    made = SSHSignature.decode(create_sshsig(data / "rsa", b"message", hash_name="sha256"))
    assert Reader(made.signature).string() == b"rsa-sha2-512"


@each_case(
    "wrong",
    [
        {"version": encode_uint32(0)},
        {"version": encode_uint32(2)},
        {"hash_name": b"sha1"},
        {"hash_name": b"md5"},
        {"hash_name": b"SHA512"},
        {"hash_name": b"\xff"},
        {"namespace": b""},
        {"namespace": b"\xff"},
        {"namespace": b"n" * 1025},
        {"key": b""},
        {"key": encode_string(b"ssh-dss")},
    ],
)
def test_what_is_no_signature_of_this_version_is_refused(wrong):
    assert SSHSignature.decode(blob()).verify(DIGEST)
    with pytest.raises(KeyImportError):
        SSHSignature.decode(blob(**wrong))


def test_damaged_blobs_are_refused_or_do_not_verify():
    whole = blob()
    for size in range(len(whole)):
        with pytest.raises(KeyImportError):
            SSHSignature.decode(whole[:size])
    with pytest.raises(KeyImportError):
        SSHSignature.decode(whole + b"\0")
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        try:
            accepted = SSHSignature.decode(bytes(changed)).verify(DIGEST)
        except KeyImportError:
            continue
        assert accepted is False


def test_what_is_reserved_is_ignored_but_not_signed_away():
    # PROTOCOL.sshsig: the field is to be ignored; what is signed has its own, empty one.
    assert SSHSignature.decode(blob(reserved=b"later")).verify(DIGEST)


@each_case(
    "text",
    [
        b"",
        b"garbage",
        armor("SSH SIGNATURE", b"x"),
        armor("OPENSSH PRIVATE KEY", blob()),
        armor("SSH SIGNATURE", blob()) * 2,
        b"-----BEGIN SSH SIGNATURE-----\n",
        b"S" * (MAX_SSHSIG + 1),
    ],
)
def test_other_files_are_refused(text):
    with pytest.raises(KeyImportError):
        SSHSignature.decode(text)


def test_misuse_raises():
    for wrong in (
        {"namespace": ""},
        {"namespace": "n" * 1025},
        {"hash_name": "sha1"},
        {"hash_name": "SHA512"},
    ):
        with pytest.raises(ValueError):
            create_sshsig(KEY, b"message", **wrong)
    with pytest.raises(ValueError, match="digest"):
        create_sshsig(KEY, b"message", is_hashed=True)
    with pytest.raises(TypeError):
        hash_data("a-file", "sha512", is_hashed=True)
    with pytest.raises(ValueError, match="no key"):
        create_sshsig([], b"message")
    with pytest.raises(KeyImportError):
        create_sshsig(KEY.convert_to_public(), b"message")


def test_a_key_that_answers_later_is_refused():
    class Later:
        pass

    from nacre.keys import SSHKeyPair

    pair = SSHKeyPair("ssh-ed25519", KEY.public_data, ("ssh-ed25519",), lambda data, name: Later())
    with pytest.raises(TypeError, match="later"):
        create_sshsig(pair, b"message")


def test_no_signature_names_an_x509_certificate():
    key = generate_private_key("ssh-ed25519")
    certificate = key.generate_x509_user_certificate(key, "CN=a")
    with pytest.raises(TypeError, match=r"X\.509"):
        create_sshsig([(key, certificate)], b"data")
