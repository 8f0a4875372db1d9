"""The ciphers, one family a file; each registers itself with `nacre.crypto.registry`."""
