"""The faults that turn the tests of the rows red, each put back on purpose.

Owns: the list of all. Must not know: the tests.
"""

from __future__ import annotations

from typing import Final

from tests.security.faults.authentication import AUTHENTICATION
from tests.security.faults.certificates import CERTIFICATES
from tests.security.faults.channels import CHANNELS
from tests.security.faults.security_keys import SECURITY_KEYS
from tests.security.faults.surroundings import SURROUNDINGS
from tests.security.faults.transport import TRANSPORT
from tests.security.registry import Fault

__all__ = ["FAULTS"]

FAULTS: Final[tuple[Fault, ...]] = (
    *TRANSPORT,
    *AUTHENTICATION,
    *CERTIFICATES,
    *SECURITY_KEYS,
    *CHANNELS,
    *SURROUNDINGS,
)
