"""Where programs written for AsyncSSH look for channels: public names under a second address.

Must not hold anything of its own: nothing in nacre imports this.
"""

from __future__ import annotations

from nacre.aio.client_channel import SSHClientChannel as SSHClientChannel
from nacre.aio.server_channel import SSHServerChannel as SSHServerChannel
