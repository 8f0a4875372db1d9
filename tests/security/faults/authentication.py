"""Faults of authentication (rows 35 to 64), put back.

Owns: these faults. Must not know: the tests that they turn red.
"""

from __future__ import annotations

import re
from typing import Final

import pytest
from cryptography.hazmat.primitives import hashes

from nacre import config_accounts, config_login, host_policy, login_restrictions, server_auth
from nacre.aio import server_channel
from nacre.hub import holder, isolation, login, paths, users
from nacre.keys import base, ed25519, rsa
from nacre.protocol import connection, deadlines, state
from nacre.protocol.auth import client, gssapi, hostbased, password, publickey, server
from nacre.trust import authorized_keys, known_hosts, lines
from tests.security.registry import Fault, replaced, rewritten, together

__all__ = ["AUTHENTICATION"]


def _sha1(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(rsa._HASHES, "ssh-rsa", hashes.SHA1())
    patch.setattr(rsa.RSAKey, "sig_algorithms", (*rsa.RSAKey.sig_algorithms, "ssh-rsa"))


AUTHENTICATION: Final = (
    Fault(
        35,
        "a message of a method is taken though none is in progress",
        rewritten(
            server.ServerAuth._take,
            'raise ProtocolError(f"message {number} has no place in authentication here")',
            "pass",
        ),
    ),
    Fault(
        35,
        "messages of servers are taken from clients",
        together(
            rewritten(state.judge, "if declared.sender is not Sender.BOTH and", "if False and"),
            rewritten(
                server.ServerAuth._take,
                'raise ProtocolError(f"message {number} has no place in authentication here")',
                "self._succeed(Attempt('alice', 'none'))",
            ),
        ),
    ),
    Fault(
        36,
        "channels may be opened before authentication",
        rewritten(
            state._judge_encrypted,
            "case When.CONNECTION | When.PING:\n            legal = phase is Phase.OPEN",
            "case When.CONNECTION | When.PING:\n            legal = phase >= Phase.AUTH",
        ),
    ),
    Fault(
        37,
        "a number that means nothing is answered before authentication",
        rewritten(
            state.judge,
            "return Action.UNIMPLEMENTED if phase is Phase.OPEN else Action.DISCONNECT",
            "return Action.UNIMPLEMENTED",
        ),
    ),
    Fault(
        38,
        "a login by GSS-API is offered without GSS-API",
        rewritten(
            gssapi.possible, "return method != WITH_MIC or settings.gss is not None", "return method != KEYEX"
        ),
    ),
    Fault(
        38,
        "a method that the policy does not name is tried all the same",
        rewritten(
            server.ServerAuth._dispatch,
            "elif name in self._remaining:",
            "elif name in _METHODS:",
        ),
    ),
    Fault(
        39,
        "the signature is not verified",
        rewritten(
            publickey.ServerPublicKey.request,
            "if shown is None or not isinstance(proof, Proof) or Proof.KEY not in proof:",
            "if not isinstance(proof, Proof):",
        ),
    ),
    Fault(
        39,
        "the signature is not bound to the user",
        rewritten(
            publickey.ServerPublicKey._proof,
            "signed_data(session_id, username,",
            "signed_data(session_id, 'alice',",
        ),
    ),
    Fault(
        40,
        "a wrong signature is put to the program like a right one",
        rewritten(
            publickey.ServerPublicKey.request,
            "if shown is None or not isinstance(proof, Proof) or Proof.KEY not in proof:",
            "if shown is None:",
        ),
    ),
    Fault(
        41,
        "what was right before counts for another user",
        rewritten(
            server.ServerAuth._request,
            "if self._user != (request.username, request.service):",
            "if self._user is None:",
        ),
    ),
    Fault(
        41,
        "a new request does not end the dialogue before it",
        rewritten(server.ServerAuth._request, "self._current = None", "pass"),
    ),
    Fault(
        42,
        "a second factor lifts what the first restricts",
        rewritten(
            server_auth.ServerAuthenticator.password,
            "server = self._server",
            "server = self._server\n    self.restrictions = LoginRestrictions()",
        ),
    ),
    Fault(
        42,
        "of two commands the first runs",
        rewritten(login_restrictions.LoginRestrictions.refusal, "if len(commands) > 1", "if False"),
    ),
    Fault(
        42,
        "what one key restricts another gives back",
        rewritten(
            login_restrictions.LoginRestrictions.permits,
            "all(permits(line, permission) for line in self._lines)",
            "permits(self.key_options, permission)",
        ),
    ),
    Fault(
        42,
        "a partial success opens the connection",
        rewritten(
            server.ServerAuth.conclude, "if value is True:", "if value is True or isinstance(value, Partial):"
        ),
    ),
    Fault(
        42,
        "a certificate of the first key is a second factor",
        rewritten(config_login.LoginPolicy._advanced, "if isinstance(shown, SSHKey) else shown.key", ""),
    ),
    Fault(
        43,
        "no empty password is for one of its methods alone",
        rewritten(
            config_login.LoginPolicy._is_empty,
            "return for_password and not any(event.responses)",
            "return False",
        ),
    ),
    Fault(
        43,
        "the address of a key is not looked at",
        rewritten(
            authorized_keys._decide,
            "if origins is not None and (",
            "if origins is not None and not origins and (",
        ),
    ),
    Fault(
        43,
        "an empty address restricts nothing",
        rewritten(authorized_keys._entry, "if isinstance(origins, str) else None", "if origins else None"),
    ),
    Fault(
        44,
        "failures are not counted",
        rewritten(server.ServerAuth._count_failure, "self._failures += 1", "pass"),
    ),
    Fault(
        44,
        "a partial success counts as a failure",
        rewritten(server.ServerAuth.conclude, "elif isinstance(value, Partial):", "elif False:"),
    ),
    Fault(
        44,
        "requests are not counted",
        rewritten(server.ServerAuth._count_request, "self._requests += 1", "pass"),
    ),
    Fault(
        45,
        "a key that cannot be decoded is a fault for those who exist",
        rewritten(
            publickey.shown_key,
            "except KeyImportError as exc:",
            "except (KeyImportError if username != 'alice' else ZeroDivisionError) as exc:",
        ),
    ),
    Fault(
        46,
        "signatures of unknown users are not verified",
        rewritten(
            publickey.ServerPublicKey.request,
            "proof = self._proof(",
            "proof = request.username == 'alice' and self._proof(",
        ),
    ),
    Fault(
        46,
        "signatures of hosts are not verified for unknown users",
        rewritten(
            hostbased.ServerHostbased.request,
            "if not _verifies(",
            "if request.username != 'alice' or not _verifies(",
        ),
    ),
    Fault(
        46,
        "a host need not have signed",
        rewritten(hostbased._verifies, "is True", "is not None"),
    ),
    Fault(
        46,
        "a password of any length is hashed",
        rewritten(password.ServerPassword.request, "len(text) > limits.PASSWORD", "len(text) > 1 << 40"),
    ),
    Fault(
        47, "queries are not counted", rewritten(server.ServerAuth.count_query, "self._queries += 1", "pass")
    ),
    Fault(
        48,
        "a success without a credential is taken whatever the program wants",
        rewritten(
            client.ClientAuth._succeeded, "if self.core.settings.disable_trivial_auth and", "if False and"
        ),
    ),
    Fault(
        48,
        "what a host says of its user is a credential",
        rewritten(
            hostbased.ClientHostbased._signed,
            "if isinstance(value, bytes):",
            "if isinstance(value, bytes) and (auth.sent_credential() or True):",
        ),
    ),
    Fault(
        50,
        "every algorithm of a key is allowed",
        rewritten(
            publickey.shown_key,
            "if signature_of(algorithm) in ours if taken is None else algorithm in taken:",
            "if algorithm:",
        ),
    ),
    Fault(
        50,
        "a signature may name another algorithm than was agreed",
        rewritten(
            base.SSHKey.proof,
            "if name not in self.sig_algorithms or sig_algorithm not in (None, name):",
            "if not name:",
        ),
    ),
    Fault(
        51,
        "@revoked is read as another marker",
        replaced(
            known_hosts,
            "_MARKERS",
            {
                "@revoked": known_hosts.Marker.TRUSTED,
                "@cert-authority": known_hosts.Marker.AUTHORITY,
            },
        ),
    ),
    Fault(
        51,
        "what is revoked is asked about",
        rewritten(
            host_policy.HostKeyJudge._judge_key,
            "raise self._trust.refusal(key)",
            "grounds = await self._meet(key)",
        ),
    ),
    Fault(55, "moduli of 512 bits are taken", replaced(rsa, "MIN_MODULUS_BITS", 512)),
    Fault(55, "exponents of any size are taken", replaced(rsa, "_MAX_EXPONENT_BITS", 1 << 20)),
    Fault(56, "keys of any length are taken", replaced(ed25519, "_KEY_SIZE", 31)),
    Fault(57, "SHA-1 is there after all", _sha1),
    Fault(
        58,
        "the rest of a long line is a line",
        rewritten(lines.numbered_lines, "continue", "line = line[MAX_LINE:]"),
    ),
    Fault(
        59,
        "a subsystem escapes the forced command",
        rewritten(
            server_channel.SSHServerChannel._start_requested,
            "if forced is not None:",
            "if forced is not None and self._subsystem is None:",
        ),
    ),
    Fault(
        59,
        "a terminal is granted whatever the key says",
        rewritten(server_channel.SSHServerChannel._pty, "or not self._policy.pty_allowed()", ""),
    ),
    Fault(
        43,
        "a configuration bars nobody who has the right key",
        rewritten(
            config_login.LoginPolicy.judged,
            "self.barred\n",
            '(self.barred and method != "publickey")\n',
        ),
    ),
    Fault(
        43,
        "who needs no credential comes whatever the configuration says",
        rewritten(config_login.LoginPolicy.offered, "elif not (self.barred or", "elif not (False or"),
    ),
    Fault(
        60,
        "a name leads to the keys of others",
        replaced(config_accounts, "is_plain_name", lambda name: True),
    ),
    Fault(60, "a name may be a path", replaced(users, "_USER_NAME", re.compile(r".{1,32}", re.DOTALL))),
    Fault(
        60,
        "a home may be anywhere",
        rewritten(paths.StatePaths.home, 'or "/" in name', ""),
    ),
    Fault(61, "the hub's own groups are kept", rewritten(holder._become, "os.setgroups([])", "pass")),
    Fault(
        61, "a session may be root's", rewritten(isolation.Isolation.credentials, "if uid <= 0:", "if False:")
    ),
    Fault(
        62,
        "what is no answer is a yes",
        rewritten(
            server_auth._verdict,
            "value is not NotImplemented and not isinstance(value, BaseException) and",
            "value is NotImplemented or",
        ),
    ),
    Fault(
        63,
        "the timer of the login stops when the keys are there",
        rewritten(
            deadlines.Deadlines._of_login,
            "if self._core.phase < Phase.OPEN and",
            "if self._core.phase < Phase.AUTH and",
        ),
    ),
    Fault(
        63,
        "a late answer logs in",
        together(
            rewritten(connection.Connection.answer, "if self.closed:", "if False:"),
            rewritten(server.ServerAuth._resume, "if self.core.phase is Phase.AUTH:", "if True:"),
        ),
    ),
    Fault(
        64,
        "guests need no key",
        rewritten(login.HubServer.begin_auth, "return True", "return username != 'guest'"),
    ),
)
