"""What shows that a feature is there for which rows of the history wait.

Owns: the signs of each feature, as facts of the public surface. Must not know: any row.

A row that waits for a feature has no test. When the first sign of the feature appears, the page can no
longer be written (`tests.security.table`) and `tests/meta` fails, until the row has its test and a fault
that turns it red. So nobody builds a feature and forgets what went wrong with it elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import nacre
from nacre.absent import NEVER_CALLED
from nacre.keys.algorithms import SIGNATURE_ALGORITHMS
from nacre.option_table import OPTIONS

__all__ = ["FEATURES", "sign_of"]

_SOURCES: Final = Path(nacre.__file__).parent
Sign = Callable[[], str]


def _public(*names: str) -> Sign:
    """A name of the public surface that is not absent."""

    def seen() -> str:
        return next((f"nacre.{name}" for name in names if name in nacre._HOMES), "")

    return seen


def _option(*names: str) -> Sign:
    """An option that is built, for one side at least."""

    def seen() -> str:
        found = (option.name for option in OPTIONS if option.name in names and option.built)
        return next((f"the option {name}" for name in found), "")

    return seen


def _callback(*names: str) -> Sign:
    """A callback of the surface that is not among those that nothing calls."""

    def seen() -> str:
        return next((f"the callback {name}" for name in names if name not in NEVER_CALLED), "")

    return seen


def _algorithm(part: str) -> Sign:
    """A signature algorithm with this in its name."""

    def seen() -> str:
        return next((f"the algorithm {name}" for name in SIGNATURE_ALGORITHMS if part in name), "")

    return seen


def _source(*names: str) -> Sign:
    """A file or package of the sources whose name begins so."""

    def seen() -> str:
        found = (path for path in sorted(_SOURCES.rglob("*")) if path.name.startswith(names))
        return next((str(path.relative_to(_SOURCES)) for path in found if path.suffix != ".pyc"), "")

    return seen


#: The signs of each feature; one of them is enough.
FEATURES: Final[Mapping[str, tuple[Sign, ...]]] = {
    "certificates": (
        _public("SSHCertificate", "import_certificate", "read_certificate", "load_certificates"),
    ),
    "login by certificate": (
        _option("server_host_certs", "client_certs"),
        _callback("validate_ca_key", "validate_host_ca_key"),
        _algorithm("-cert-v01@"),
    ),
    "security keys": (_algorithm("sk-"),),
    "TCP forwarding": (
        _public("SSHForwarder", "SSHTCPChannel", "SSHTCPSession"),
        _callback("connection_requested", "server_requested"),
        _source("forward"),
    ),
    "forwarding of UNIX sockets": (
        _public("SSHUNIXChannel", "SSHUNIXSession"),
        _callback("unix_connection_requested", "unix_server_requested"),
    ),
    "X11 forwarding": (_option("x11_forwarding", "x11_auth_path", "x11_display"), _source("x11")),
    "SFTP": (_public("SFTPServer", "SFTPClient", "SFTPAttrs"), _option("sftp_factory"), _source("sftp")),
    "SCP": (_public("scp"), _option("allow_scp"), _source("scp")),
}


def sign_of(feature: str) -> str:
    """Return what shows that a feature is there; an empty text while it is not."""
    return next(filter(None, (sign() for sign in FEATURES[feature])), "")
