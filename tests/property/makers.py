"""What the tests of round trips are made of: keys, comments, words.

Owns: keys that are made once, and the strategies that several files use. Must not know: what is tested.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

import nacre
from tests.support import x509

#: Made once: what a key costs is not what is tried. Copies, for these have comments.
KEYS: Final = [
    nacre.import_private_key(x509.KEYS[name].export_private_key())
    for name in ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-rsa")
]
OTHER: Final = nacre.generate_private_key("ssh-ed25519")

a_key = st.sampled_from(KEYS)
#: A comment is one line.
a_comment = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)
a_word = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-_@", min_size=1, max_size=20)
