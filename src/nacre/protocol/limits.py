"""Every bound of the protocol, each with its reason, in this one place.

Owns: the numbers, but for three that decoding itself is bounded by, which it takes from there. Must not
know: anything else. Sizes are bytes, times seconds.
"""

from __future__ import annotations

from typing import Final

from nacre.wire import fields

# --- fields (RFC 4251 sections 5 and 6)
#: A name, of an algorithm, a method, a request or a kind of channel: section 6.
NAME: Final = fields.MAX_NAME
#: Names of one list: more than any implementation has algorithms.
NAMES: Final = fields.MAX_NAMES
#: A number: 16,384 bits and the sign byte, the largest in any key or exchange that is taken.
MPINT: Final = fields.MAX_MPINT

# --- identification (RFC 4253 section 4.2)
#: The RFC's limit for the identification string, CR LF included.
IDENT_LINE: Final = 255
#: Lines before a server's identification string that a client reads: enough for any legal notice.
IDENT_BANNER_LINES: Final = 1024
#: One of these lines: far longer than what any terminal shows, and OpenSSH's bound too.
IDENT_BANNER_LINE: Final = 8192
#: No honest peer needs longer for its first line.
IDENT_TIMEOUT: Final = 10.0
#: From the first byte to the end of authentication; OpenSSH's LoginGraceTime is 120.
LOGIN_TIMEOUT: Final = 60.0

# --- packets (RFC 4253 section 6.1)
#: What every implementation must take; nobody unauthenticated needs more.
PACKET_BEFORE_AUTH: Final = 35_000
#: OpenSSH's own maximum.
PACKET: Final = 256 * 1024
#: A KEXINIT in the clear: long lists exist, and twenty times OpenSSH's keep what an unauthenticated peer
#: can make us hold under 300 KiB.
KEXINIT: Final = 64 * 1024
#: How many lists of algorithms are remembered taken apart, and agreements on them: peers are of few kinds.
KEXINIT_REMEMBERED: Final = 32
#: How long a KEXINIT is that is remembered, in bytes: four times OpenSSH's.
KEXINIT_REMEMBERED_LENGTH: Final = 4096
#: The same of an EXT_INFO: four times OpenSSH's.
EXT_INFO_REMEMBERED_LENGTH: Final = 2048
#: The most that a packet of channel data is longer than its data: lengths, header, padding, tag, and what
#: zlib adds to data that it cannot make smaller.
PACKET_OVERHEAD: Final = 4 + 1 + 13 + 32 + 64 + 32
#: The most that is read at once: what a socket hands out in one call.
READ: Final = 64 * 1024
#: Packets of one read after which the next one is no longer than that: large ones may come in a longer one, but
#: ten thousand small ones kept the loop for a third of a second.
READ_PACKETS: Final = 512
#: The same where it is compressed: zlib makes a thousand bytes of one, and each turn of a loop takes one read.
READ_COMPRESSED: Final = 8 * 1024
#: Receive capacity: one packet, its length field, the longest MAC, and one read.
RECEIVE_CAPACITY: Final = PACKET + 4 + 64 + READ
#: The same for the first messages of a connection: a KEXINIT, and with it a share that may be of ML-KEM. Where
#: they do not fit, they take two reads.
RECEIVE_FIRST: Final = 4096
#: What an idle connection keeps allocated for receiving: some packets of a terminal.
RECEIVE_IDLE: Final = 1024
#: The same for the inside of one packet, and for one that is made.
SCRATCH_IDLE: Final = 512
#: Characters of the reason in a DISCONNECT that we send: some lines for a person.
REASON: Final = 1024

# --- key exchange (RFC 4253 section 9, RFC 4344 section 3)
#: RFC 4253 section 9: "after each gigabyte of transmitted data".
REKEY_BYTES: Final = 1 << 30
#: RFC 4253 section 9: "or after each hour of connection time".
REKEY_SECONDS: Final = 3600.0
#: RFC 4344 section 3.1: at the latest before 2^32 packets; half of that leaves time to be answered.
REKEY_PACKETS: Final = 1 << 31
#: A key exchange that the peer leaves unanswered this long ends the connection.
REKEY_TIMEOUT: Final = 60.0
#: More re-keys than this that nothing has paid for are a flood.
REKEY_FLOOD: Final = 10
#: Bytes that pay for a re-key: OpenSSH asks for one before each packet when its RekeyLimit is small.
REKEY_FLOOD_BYTES: Final = 16 * 1024
#: Seconds that do: PuTTY asks for one each hour, whether anybody has typed or not.
REKEY_FLOOD_SECONDS: Final = 1.0
#: Messages that wait as plain text for the end of a key exchange (data waits with its channel).
HELD_MESSAGES: Final = 1024
#: The same in bytes: as much as may be sealed and not taken, `OUTPUT_CEILING`.
HELD_BYTES: Final = 2 * 1024 * 1024

# --- authentication (RFC 4252; security history row 44)
#: Failures of all methods together, as OpenSSH's MaxAuthTries: without a word, and at most.
AUTH_FAILURES: Final = 6
#: Keys asked about without a signature: an agent with more than these is told to choose, an oracle ends.
AUTH_QUERIES: Final = 15
#: Requests of every kind, those that are neither failure nor query too.
AUTH_REQUESTS: Final = 64
#: Requests that may wait behind an undecided one.
AUTH_PENDING: Final = 16
#: The same in bytes: more keys than are ever asked about at once, and one request of any size.
AUTH_PENDING_BYTES: Final = 64 * 1024
#: A user's name: longer than any system has, and it ends up in logs.
USERNAME: Final = 1024
#: A password: what is hashed slowly must not be long as well.
PASSWORD: Final = 1024
#: The name that a host gives itself: no name in the DNS is longer (RFC 1035 section 3.1).
HOST_NAME: Final = 255
#: Prompts of one keyboard-interactive challenge that a client takes.
KBDINT_PROMPTS: Final = 64
#: Dialogues of the same method that a client goes through before it gives up.
KBDINT_ROUNDS: Final = 64
#: Banners that a client shows: one is usual.
BANNERS: Final = 16
#: One of them: more than a person reads.
BANNER: Final = 64 * 1024
#: What a client reads of server-sig-algs (RFC 8308 section 3.1): 64 names of full length.
SIG_ALGS: Final = 64 * NAME

# --- GSS-API (RFC 4462)
#: A token, either way: with a share and a signature it fits the packet that everybody must take.
GSS_TOKEN: Final = 32 * 1024
#: Steps of one context: Kerberos takes two on each side, three at the most.
GSS_STEPS: Final = 8
#: Mechanisms that a client may name: every one there is has an OID, and few have more than three.
GSS_MECHANISMS: Final = 32
#: Characters of the peer's explanation of a failure that are kept.
GSS_TEXT: Final = 256

# --- host keys beyond the one of the key exchange (OpenSSH PROTOCOL 2.5)
#: Keys of one announcement that a client looks at: a host has three or four.
HOST_KEYS: Final = 32
#: Signatures that one client gets to prove host keys, over the whole connection: each costs a server time.
HOST_KEY_PROOFS: Final = 64

# --- connection (RFC 4254)
#: What the windows of all channels of one connection may hold together: unread data is bounded by it.
RECEIVE_BUDGET: Final = 8 * 1024 * 1024
#: The window that one busy channel may grow to: 2 MiB keep 160 Mbit/s going over 100 ms.
WINDOW: Final = 2 * 1024 * 1024
#: Data of one packet, in both directions: what everybody must take (RFC 4253 section 6.1).
MAX_PACKET: Final = 32 * 1024
#: Lent to every channel even where the budget is used up: a terminal still works in it.
WINDOW_MINIMUM: Final = 2048
#: RFC 4254 section 5.2: a window must not be increased above this.
WINDOW_CEILING: Final = (1 << 32) - 1
#: Channels that the peer may have open at once: with `WINDOW_MINIMUM` for each, another 8 MiB.
MAX_CHANNELS: Final = 4096
#: Of these, sessions, each of which may be a process.
MAX_SESSIONS: Final = 1024
#: Messages that may wait in the lane of one channel, or of the global requests.
LANE_MESSAGES: Final = 64
#: The same in bytes: an environment and a long command; and one global request, and one open.
LANE_REQUEST_BYTES: Final = 64 * 1024
#: The requests that wait in the lanes of all channels together: 32 of the largest.
LANES_REQUEST_BYTES: Final = 2 * 1024 * 1024
#: Messages that wait in the lanes of all channels together, however small: 256 lanes may be full, in 4 MiB.
LANES_MESSAGES: Final = 16 * 1024
#: Opens of the peer that wait for the application's answer.
OPENS_PENDING: Final = 64
#: Data that may share a packet with what follows it in the same turn: two such fit.
JOIN: Final = MAX_PACKET // 2
#: Bytes sealed and not yet handed to the transport after which `channel_write` takes no more.
OUTPUT_ROOM: Final = 512 * 1024
#: Bytes sealed and not taken, since the transport is full, after which the connection is lost: the
#: peer makes us answer (PING, requests, opens) and does not read.
OUTPUT_CEILING: Final = 2 * 1024 * 1024
#: Unanswered requests of ours on one channel, or global ones.
REPLIES_EXPECTED: Final = 1024
