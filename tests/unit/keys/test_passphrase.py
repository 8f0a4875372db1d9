"""Passphrases are asked for when they are needed, and once."""

from __future__ import annotations

import pytest

from nacre.errors import KeyImportError
from nacre.keys.passphrase import PassphraseNeeded, PassphraseSource


def test_text_and_bytes():
    assert PassphraseSource("schlüssel").get() == "schlüssel".encode()
    assert PassphraseSource(b"\xff").get() == b"\xff"


@pytest.mark.parametrize("nothing", [None, "", b""])
def test_nothing_is_a_key_import_error(nothing):
    with pytest.raises(PassphraseNeeded, match=r"^Passphrase") as raised:
        PassphraseSource(nothing).get()
    assert isinstance(raised.value, KeyImportError)
    with pytest.raises(PassphraseNeeded):
        PassphraseSource(lambda filename: nothing).get()


def test_a_function_is_asked_once_and_with_the_name():
    asked = []
    source = PassphraseSource(lambda filename: asked.append(filename) or "secret", "id_rsa")
    assert asked == []
    assert source.get() == source.get() == b"secret"
    assert asked == ["id_rsa"]


def test_a_coroutine_is_not_taken_for_a_passphrase():
    async def ask(filename):
        return "secret"

    coroutines = []
    source = PassphraseSource(lambda filename: coroutines.append(ask(filename)) or coroutines[0])
    with pytest.raises(TypeError, match="coroutine"):
        source.get()
    coroutines[0].close()
