"""The one comparison of secrets and tags.

Owns: `equal`. Must not know: what is compared. Whoever compares a MAC, a password or a token uses
this name, so that a search for `==` on such a value finds only mistakes.
"""

from __future__ import annotations

import hmac
from typing import Final

#: `equal(a, b)`: whether two byte strings are the same, in a time that depends on their lengths
#: alone. An alias and not a function of our own: it is called for every packet.
equal: Final = hmac.compare_digest
