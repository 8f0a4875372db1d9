"""Make a key in the security key that is plugged in, and print its public part.

    python make_security_key.py FILE [PIN]

FILE gets the private key, which is worth nothing without the security key, and FILE.pub the public one. Touch the
security key when it blinks: now, and each time the key is used.
"""

import sys

import nacre


def main(path: str, pin: str | None) -> int:
    for algorithm in ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"):
        try:
            key = nacre.generate_private_key(algorithm, "made by nacre", pin=pin)
            break
        except nacre.KeyGenerationError as error:  # older ones make the second type alone
            print(f"{algorithm}: {error}", file=sys.stderr)
    else:
        return 1
    key.write_private_key(path)
    key.write_public_key(f"{path}.pub")
    print(key.export_public_key().decode(), end="")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None))
