"""Where programs written for AsyncSSH look for sessions: public names under a second address.

Must not hold anything of its own: nothing in nacre imports this.
"""

from __future__ import annotations

from nacre.aio.channel import DataType as DataType
from nacre.aio.session import SSHClientSession as SSHClientSession
from nacre.aio.session import SSHServerSession as SSHServerSession
