"""PKCS#11 tokens in software: SoftHSM with two tokens and a few keys, made once for each process of tests.

Owns: where the tokens lie, and the keys on them. Must not know: nacre. The library reads its configuration when
it is first used, and is then that of the whole process.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.support import system

PROVIDER: Final = "/usr/lib/softhsm/libsofthsm2.so"
PIN: Final = "1234"
#: Label and identifier of each key, by token.
TOKENS: Final = {
    "one": (("rsa", b"\1", "rsa"), ("p256", b"\2", "secp256r1"), ("p521", b"\3", "secp521r1")),
    "two": (("p384", b"\1", "secp384r1"), ("ed", b"\2", "ed25519")),
}


def _keys_of(token: Any, keys: Any) -> None:
    from pkcs11 import Attribute, KeyType
    from pkcs11.util.ec import encode_named_curve_parameters

    with token.open(user_pin=PIN, rw=True) as session:
        for label, identifier, kind in keys:
            how = {"store": True, "label": label, "id": identifier}
            if kind == "rsa":
                session.generate_keypair(KeyType.RSA, 2048, **how)
                continue
            edwards = kind == "ed25519"
            params = b"\x13\x0cedwards25519" if edwards else encode_named_curve_parameters(kind)
            domain = session.create_domain_parameters(
                KeyType.EC_EDWARDS if edwards else KeyType.EC, {Attribute.EC_PARAMS: params}, local=True
            )
            domain.generate_keypair(**how)


@cache
def provider() -> str:
    """Return the file of the library, with both tokens in it."""
    system.need("softhsm")
    directory = Path(tempfile.mkdtemp(prefix="nacre-softhsm-"))
    atexit.register(shutil.rmtree, directory, True)
    (directory / "tokens").mkdir()
    config = directory / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {directory / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(config)
    for name in TOKENS:
        command = ["softhsm2-util", "--init-token", "--free", "--label", name, "--pin", PIN, "--so-pin", PIN]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    import pkcs11

    library = pkcs11.lib(PROVIDER)
    for name, keys in TOKENS.items():
        _keys_of(library.get_token(token_label=name), keys)
    return PROVIDER
