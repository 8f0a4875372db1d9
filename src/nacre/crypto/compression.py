"""Compression of payloads (RFC 4253 section 6.2).

Owns: the registration of "none". `zlib@openssh.com` is not built; `zlib`, which would inflate
before authentication, never will be.
"""

from __future__ import annotations

from nacre.crypto.registry import Algorithm, Family, Status, register

register(Algorithm(family=Family.COMPRESSION, name="none", rank=10, status=Status.DEFAULT, factory=None))
