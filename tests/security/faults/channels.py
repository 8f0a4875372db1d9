"""Faults of channels, forwarding and what commands are started with (rows 65 to 82), put back.

Owns: these faults. Must not know: the tests that they turn red.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from nacre import config_commands, config_login, config_machine, config_reading, dialing, option_values
from nacre.agent import bindings, lending
from nacre.agent import client as agent_client
from nacre.agent import constraints as agent_constraints
from nacre.agent import messages as agent_messages
from nacre.agent import server as agent_server
from nacre.aio import commands, server_channel
from nacre.hub import environment
from nacre.protocol import global_requests, mux, window, writing
from nacre.server_connection import SSHServerConnection
from nacre.trust import key_options
from nacre.wire import fields
from tests.security.registry import Fault, replaced, rewritten, together

__all__ = ["CHANNELS"]


def _granted(patch: pytest.MonkeyPatch) -> None:
    """Forwarding is granted though nothing was built."""

    async def grant(connection: object, event: object) -> bool:
        return True

    patch.setattr(SSHServerConnection, "_requests", dict.fromkeys(SSHServerConnection._requests, grant))


CHANNELS: Final = (
    Fault(
        65,
        "an answer to no global request is kept for one to come",
        rewritten(
            global_requests.GlobalRequests.reply,
            'raise ProtocolError("an answer to no global request")',
            "self._replies += ('',)",
        ),
    ),
    Fault(
        65,
        "an answer to no request of a channel counts",
        rewritten(mux.Mux._reply, "if not channel.replies_expected:", "if False:"),
    ),
    Fault(
        66,
        "a channel that was refused is kept",
        rewritten(mux.Mux._decided, "self._forget(channel)", "pass"),
    ),
    Fault(
        67,
        "a window may grow beyond its numbers",
        rewritten(mux.Mux._window_adjust, "if channel.send_left > limits.WINDOW_CEILING:", "if False:"),
    ),
    Fault(
        67,
        "each piece of a window is a look at all channels that wait",
        rewritten(mux.Mux._window_adjust, "self.writing.widened(channel)", "self.writing.wake()"),
    ),
    Fault(
        67,
        "data beyond the window is taken",
        rewritten(
            window.ReceiveWindow.received,
            "if size > self.left or size > self._max_packet:",
            "if size > self._max_packet:",
        ),
    ),
    Fault(
        68,
        "a maximum packet of nothing is granted",
        together(
            rewritten(mux.Mux._refusal, "if message.maximum_packet_size == 0:", "if False:"),
            rewritten(mux.Mux._open_confirmed, "if message.maximum_packet_size == 0:", "if False:"),
        ),
    ),
    Fault(
        69,
        "a size is cut to 32 bits",
        rewritten(writing.Writing.write, "total = len(data)", "total = len(data) & 0xFFFFFFFF"),
    ),
    Fault(
        70,
        "data is taken after CLOSE",
        together(
            rewritten(mux.Mux._channel, "if channel.inbound is _FLOW_CLOSED:", "if False:"),
            rewritten(mux.Mux._take_data, "if channel.inbound is not Flow.OPEN:", "if False:"),
        ),
    ),
    Fault(
        70,
        "data is taken after EOF",
        rewritten(mux.Mux._take_data, "if channel.inbound is not Flow.OPEN:", "if False:"),
    ),
    Fault(
        71,
        "the window of data that nobody reads is not given back",
        rewritten(
            mux.Mux._take_data,
            "self.consumed(number, len(data))  # a type that nobody defined: dropped, not stuck",
            "pass",
        ),
    ),
    Fault(
        72,
        "channels are not counted",
        rewritten(mux.Mux._refusal, "if self._of_peer >= settings.max_channels or", "if"),
    ),
    Fault(
        72,
        "sessions are not counted",
        rewritten(mux.Mux._refusal, "if self._sessions >= settings.max_sessions:", "if False:"),
    ),
    Fault(
        72,
        "small messages that wait are not counted",
        rewritten(mux.Mux._wait, "if self._waiting >= limits.LANES_MESSAGES:", "if False:"),
    ),
    Fault(
        73,
        "a request that is cut short is read as far as it goes",
        rewritten(fields.Reader.take, "if size > self._end - start:", "if self._end < start:"),
    ),
    Fault(74, "forwarding is granted", _granted),
    Fault(
        74,
        "a terminal is granted whatever the key says",
        rewritten(server_channel.SSHServerChannel._pty, "or not self._policy.pty_allowed()", ""),
    ),
    Fault(
        74,
        "what restrict takes away was given back before",
        rewritten(
            key_options.permits,
            "permitted = False",
            "permitted = name in options",
        ),
    ),
    Fault(
        76,
        "a port is taken modulo 2^16",
        rewritten(option_values.port, "if not 0 <= integer(value) <= _MAX_PORT:", "if integer(value) < 0:"),
    ),
    Fault(76, "a hop has any port", rewritten(dialing.parse_hops, "or port > 65535", "")),
    Fault(
        74,
        "a client's agent is used whatever the key says",
        rewritten(SSHServerConnection.forward_agent, "or not permitted", ""),
    ),
    Fault(
        78,
        "an agent does from afar what it does at home",
        rewritten(agent_server._Visit.answer, "self._bindings.attempted and", "False and"),
    ),
    Fault(
        78,
        "everything goes through to an agent",
        rewritten(lending.goes_through, "request[0] in _USES or", "True or"),
    ),
    Fault(
        79,
        "a constraint that is not known is passed over",
        rewritten(
            agent_constraints.decode_constraints,
            'raise ConstraintRefused(f"constraint {kind} is not known, or given twice")',
            "reader.rest()",
        ),
    ),
    Fault(
        79,
        "a session is bound whoever has signed",
        rewritten(bindings.Bindings.bind, "if key.verify(session_id, signature) is not True:", "if False:"),
    ),
    Fault(
        79,
        "a key for some hosts signs anything",
        rewritten(agent_server._Visit._sign, "if destinations:", "if False:"),
    ),
    Fault(
        80,
        "the number of an agent's keys is believed",
        rewritten(
            agent_messages.identities,
            "if count > MAX_KEYS or count * 8 > reader.remaining:",
            "if count > 1 << 40:",
        ),
    ),
    Fault(
        80,
        "an agent's message may be of any length",
        rewritten(agent_client.receive, "if not 1 <= size <= messages.MAX_MESSAGE:", "if False:"),
    ),
    Fault(
        81,
        "a host may look like an option",
        rewritten(dialing.parse_hops, 'or found["host"].startswith("-")', ""),
    ),
    Fault(
        81,
        "the command of a proxy goes through a shell",
        rewritten(
            dialing.ProxyCommand.start,
            "create_subprocess_exec(\n            *argv,",
            "create_subprocess_shell(\n            command,",
        ),
    ),
    Fault(
        81,
        "a name in a configuration may be anything",
        replaced(config_machine, "_PLAIN_NAME", re.compile(".*", re.DOTALL)),
    ),
    Fault(
        81,
        "a command of Match exec goes through a shell",
        rewritten(
            config_machine.Machine.run,
            "words = argv(setting, command, ALL, tokens)",
            'words = ["sh", "-c", command]',
        ),
    ),
    Fault(
        81,
        "a configuration has programs run unasked",
        rewritten(config_machine.Machine.run, "if not self.runs:", "if False:"),
    ),
    Fault(
        81,
        "the user of a configuration may be anything",
        replaced(config_reading, "is_plain_user", lambda name: True),
    ),
    Fault(
        81,
        "a user's name may have lines",
        together(
            rewritten(option_values.username, 'or "\\n" in found', ""),
        ),
    ),
    Fault(
        81,
        "the program of a login goes through a shell",
        rewritten(commands._Run._start, "command.argv,", '["/bin/sh", "-c", " ".join(command.argv)],'),
    ),
    Fault(
        81,
        "any name of a user reaches the program of a login",
        replaced(config_commands, "is_plain_user", lambda name: True),
    ),
    Fault(
        81,
        "a program that others can change is run for a login",
        replaced(config_commands.accounts, "unsafe_program", lambda path: ""),
    ),
    Fault(
        81,
        "what a program that fails has printed lets somebody in",
        rewritten(commands._Run.__call__, "if status:", "if False:"),
    ),
    Fault(
        82,
        "what a client sets is set",
        rewritten(
            environment.child_environment,
            "any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed)",
            "allowed",
        ),
    ),
    Fault(
        82,
        "a user's key file sets what nobody has permitted",
        rewritten(
            config_login.LoginPolicy.takes_variable_of_key, "return not self.names_keys", "return True"
        ),
    ),
)
