"""Where programs written for AsyncSSH look for readers and writers: public names under a second address.

Must not hold anything of its own: nothing in nacre imports this.
"""

from __future__ import annotations

from nacre.aio.stream import SSHReader as SSHReader
from nacre.aio.stream import SSHWriter as SSHWriter
from nacre.aio.stream_session import SSHServerSessionFactory as SSHServerSessionFactory
