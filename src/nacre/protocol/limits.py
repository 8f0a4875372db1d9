"""Every bound of the protocol, each with its reason, in this one place.

Owns: the numbers. Must not know: anything else. Sizes are bytes, times seconds.
"""

from __future__ import annotations

from typing import Final

# --- identification (RFC 4253 section 4.2)
#: The RFC's limit for the identification string, CR LF included.
IDENT_LINE: Final = 255
#: Lines before a server's identification string that a client reads: enough for any legal notice.
IDENT_BANNER_LINES: Final = 1024
IDENT_BANNER_LINE: Final = 8192
#: No honest peer needs longer for its first line.
IDENT_TIMEOUT: Final = 10.0
#: From the first byte to the end of authentication; OpenSSH's LoginGraceTime is 120.
LOGIN_TIMEOUT: Final = 60.0

# --- packets (RFC 4253 section 6.1)
#: What every implementation must take; nobody unauthenticated needs more.
PACKET_BEFORE_AUTH: Final = 35_000
#: OpenSSH's own maximum; and what a KEXINIT may take before authentication (long lists exist).
PACKET: Final = 256 * 1024
#: The most that a packet of channel data is longer than its data: lengths, header, padding, tag.
PACKET_OVERHEAD: Final = 4 + 1 + 13 + 32 + 64
#: Receive capacity: one packet, its length field, the longest MAC, and one read.
READ: Final = 64 * 1024
RECEIVE_CAPACITY: Final = PACKET + 4 + 64 + READ
#: What an idle connection keeps allocated for receiving.
RECEIVE_IDLE: Final = 4 * 1024
#: A name of an algorithm (RFC 4251 section 6), and of names in one list.
NAME: Final = 64
NAMES: Final = 1024

# --- key exchange (RFC 4253 section 9, RFC 4344 section 3)
REKEY_BYTES: Final = 1 << 30
REKEY_SECONDS: Final = 3600.0
REKEY_PACKETS: Final = 1 << 31
#: A key exchange that the peer leaves unanswered this long ends the connection.
REKEY_TIMEOUT: Final = 60.0
#: More re-keys than this with less than REKEY_FLOOD_BYTES moved between them are a flood.
REKEY_FLOOD: Final = 10
REKEY_FLOOD_BYTES: Final = 64 * 1024
#: Messages that wait as plain text for the end of a key exchange (data waits with its channel).
HELD_MESSAGES: Final = 1024
HELD_BYTES: Final = 2 * 1024 * 1024

# --- authentication (RFC 4252; security history row 44)
AUTH_FAILURES: Final = 6
AUTH_QUERIES: Final = 15
AUTH_REQUESTS: Final = 64
#: Requests that may wait behind an undecided one.
AUTH_PENDING: Final = 16
USERNAME: Final = 1024
PASSWORD: Final = 1024
#: Prompts of one keyboard-interactive challenge that a client takes.
KBDINT_PROMPTS: Final = 64
#: Dialogues of the same method that a client goes through before it gives up.
KBDINT_ROUNDS: Final = 64
BANNERS: Final = 16
BANNER: Final = 64 * 1024

# --- connection (RFC 4254)
RECEIVE_BUDGET: Final = 8 * 1024 * 1024
WINDOW: Final = 2 * 1024 * 1024
MAX_PACKET: Final = 32 * 1024
#: Lent to every channel even where the budget is used up: a terminal still works in it.
WINDOW_MINIMUM: Final = 2048
WINDOW_CEILING: Final = (1 << 32) - 1
MAX_CHANNELS: Final = 4096
MAX_SESSIONS: Final = 1024
#: Messages that may wait in the lane of one channel, or of the global requests.
LANE_MESSAGES: Final = 64
LANE_REQUEST_BYTES: Final = 64 * 1024
#: Opens of the peer that wait for the application's answer.
OPENS_PENDING: Final = 64
#: Bytes sealed and not yet handed to the transport after which `channel_write` takes no more.
OUTPUT_ROOM: Final = 512 * 1024
#: Bytes sealed and not taken, since the transport is full, after which the connection is lost: the
#: peer makes us answer (PING, requests, opens) and does not read.
OUTPUT_CEILING: Final = 2 * 1024 * 1024
#: Unanswered requests of ours on one channel, or global ones.
REPLIES_EXPECTED: Final = 1024
