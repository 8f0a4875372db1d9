"""Where programs written for AsyncSSH look for the errors and what readers raise: public names under a second address.

Must not hold anything of its own: nothing in nacre imports this.
"""

from __future__ import annotations

from nacre.errors import BreakReceived as BreakReceived
from nacre.errors import ChannelListenError as ChannelListenError
from nacre.errors import ChannelOpenError as ChannelOpenError
from nacre.errors import CompressionError as CompressionError
from nacre.errors import ConnectionLost as ConnectionLost
from nacre.errors import DisconnectError as DisconnectError
from nacre.errors import Error as Error
from nacre.errors import HostKeyNotVerifiable as HostKeyNotVerifiable
from nacre.errors import IllegalUserName as IllegalUserName
from nacre.errors import KeyExchangeFailed as KeyExchangeFailed
from nacre.errors import MACError as MACError
from nacre.errors import PasswordChangeRequired as PasswordChangeRequired
from nacre.errors import PermissionDenied as PermissionDenied
from nacre.errors import ProtocolError as ProtocolError
from nacre.errors import ProtocolNotSupported as ProtocolNotSupported
from nacre.errors import ServiceNotAvailable as ServiceNotAvailable
from nacre.errors import SignalReceived as SignalReceived
from nacre.errors import TerminalSizeChanged as TerminalSizeChanged
