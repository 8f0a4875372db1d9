"""Remote commands as processes: `SSHClientProcess` and `SSHServerProcess`. Knows `nacre.aio` and below.

The public names are here too, where programs written for AsyncSSH look for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nacre.process.client import SSHClientProcess as SSHClientProcess
    from nacre.process.redirect import DEVNULL as DEVNULL
    from nacre.process.redirect import PIPE as PIPE
    from nacre.process.redirect import STDOUT as STDOUT
    from nacre.process.result import BytesOrStr as BytesOrStr
    from nacre.process.result import ProcessError as ProcessError
    from nacre.process.result import SSHCompletedProcess as SSHCompletedProcess
    from nacre.process.result import TimeoutError as TimeoutError
    from nacre.process.server import SSHServerProcess as SSHServerProcess
    from nacre.process.server import SSHServerProcessFactory as SSHServerProcessFactory

_HOMES: Final = {
    name: module
    for module, names in {
        "client": "SSHClientProcess",
        "redirect": "DEVNULL PIPE STDOUT",
        "result": "BytesOrStr ProcessError SSHCompletedProcess TimeoutError",
        "server": "SSHServerProcess SSHServerProcessFactory",
    }.items()
    for name in names.split()
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nacre.process' has no attribute {name!r}")
    return getattr(import_module(f"nacre.process.{_HOMES[name]}"), name)
