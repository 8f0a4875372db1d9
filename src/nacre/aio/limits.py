"""Every bound of the asyncio side, each with its reason, in this one place.

Owns: the numbers that `nacre.protocol.limits` does not know of. Must not know: anything else.
Sizes are bytes, times seconds.
"""

from __future__ import annotations

from typing import Final

# --- driver
#: What the transport may hold before the protocol is told to stop: one flush of eight packets.
TRANSPORT_HIGH: Final = 256 * 1024
TRANSPORT_LOW: Final = 64 * 1024
#: Flushes in one turn of the loop, so that one connection on a fast link cannot keep the others waiting.
FLUSHES_A_TURN: Final = 4
#: Turns of an open connection after which it keeps its small buffers, and is looked at for having gone idle.
#: A login and the start of a session take fewer, so that many idle connections never held any at the same time.
TURNS_TO_KEEP: Final = 16
#: A connection that has moved nothing for so long gives up its buffers.
IDLE: Final = 1.0
#: Connections in use are looked at in so many groups, one after the other: with 8,000 of them, a look is at 250.
IDLE_GROUPS: Final = 32
#: What is not worth waiting for the next turn of the loop, where writers that had to wait go on.
WHOLE_FLUSH: Final = 256 * 1024
#: A peer that does not read has this long to take what is left after the connection ended, and as long again for
#: each time that it has taken so many bytes of it: a slow link gets all, and a byte a second keeps nothing alive.
CLOSE_TIMEOUT: Final = 10.0
CLOSE_PROGRESS: Final = 4096
#: A client that takes nothing for so long, while output waits for it, is not there any more.
WRITE_TIMEOUT: Final = 30.0

#: Reads of a connection after each of which the kernel acknowledges at once. A login and the start of a
#: session take about a dozen.
QUICK_READS: Final = 32

# --- channels
#: Data that one channel queues for a peer that is slow; a program that honours `drain` or
#: `pause_writing` comes nowhere near, and one that does not must not fill the memory.
WRITE_QUEUE: Final = 64 * 1024 * 1024
#: Where `pause_writing` is called unless the program says otherwise; asyncio's own default.
WRITE_HIGH: Final = 64 * 1024
#: Small pieces are joined up to this size, so that one-byte packets cannot cost a hundred times their size.
JOIN: Final = 32 * 1024
#: The same for what waits to be read: pieces that are handed out are not worth more copies.
JOIN_READ: Final = 256
#: Calls of a reader that find what they want and do not wait, after which the loop has a turn: a window of empty
#: lines is two million of them.
READS_AT_ONCE: Final = 64
#: Pieces kept in order of arrival over the data types; beyond it order holds within each type alone.
PIECES: Final = 1024
#: Environment variables that a client may set on one channel, and the bytes of all names and values.
ENVIRONMENT_NAMES: Final = 256
ENVIRONMENT_BYTES: Final = 64 * 1024
#: Signals, breaks and changes of size that wait for a reader which does not read; the oldest go.
STREAM_EXCEPTIONS: Final = 64

#: Nothing more is typed on a line editor while this much waits for its client: one that does not read must
#: not fill the memory with echo. Far above WRITE_HIGH, so that Ctrl-C reaches a program that writes.
ECHO_QUEUE: Final = 1024 * 1024
#: Keys that a line editor takes before the loop has a turn: more than anybody types, and 20 milliseconds of work.
KEYS_A_TURN: Final = 2048
#: The same of what was typed before the end, which has one turn for all.
LAST_KEYS: Final = 128 * 1024
#: Windows of lines that an editor makes, for a session that holds them, of what was typed before the end.
LAST_WINDOWS: Final = 4

# --- accepting
#: A short queue in the kernel makes honest clients wait for a retransmission in a flood.
BACKLOG: Final = 4096
#: Accepted in one turn of the loop, so that a flood cannot starve the sessions.
ACCEPTS_A_WAKE: Final = 64
#: Connections that have not authenticated; OpenSSH's MaxStartups ends at 100 too.
UNAUTHENTICATED: Final = 100
#: From here on some are dropped at random. OpenSSH's 10 would let one source that holds its own bound, which
#: is 20 in the hub, have others dropped; two such sources do not get as far as this.
STARTUPS_START: Final = 50
#: Per cent of them at first; OpenSSH's.
STARTUPS_RATE: Final = 30
#: Hosts of which is kept what source they are; in a flood they are looked up again and again.
ORIGINS: Final = 4096
#: Refusals are logged at most so often.
REFUSALS_TOLD: Final = 60.0
#: A PROXY header: the addresses take 216 bytes at most, what else a load balancer adds is usually less than
#: a certificate.
PROXY_HEADER: Final = 2048
#: Pause after the process or the system has run out of descriptors or memory for sockets.
EXHAUSTED_PAUSE: Final = 0.5

# --- exponentiations of Diffie-Hellman in finite fields (security history row 20)
#: Helper processes: two keep two cores busy, and leave the others to what matters.
POWERS_HELPERS: Final = 2
#: Key exchanges that wait for one: with the dearest group, group18, some 13 s of work for two helpers.
POWERS_WAITING: Final = 64
#: Seconds of work that one source may have done at once: ten logins with group18, 150 with group14.
POWERS_BURST: Final = 4.0
#: The share of one processor that it may use in the long run.
POWERS_REFILL: Final = 0.2
#: Sources whose work is remembered; with more than these the bound on what waits still holds.
POWERS_SOURCES: Final = 4096
