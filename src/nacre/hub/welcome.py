"""What an invite leads to: the judgement of its code, the dialogue, the binding of the key.

Owns: `Welcome`. Must not know: how the words of the dialogue look (`enrol`), or how codes are kept.

Every invite name gets as far as this, with any key. Codes that are wrong, void or used up get the same
line, after the same time, and so does every code while too many wrong ones have been tried.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nacre.hub.enrol import Enrolment, Wish
from nacre.hub.invites import Invite, InviteError, InviteFault, InviteLimiter
from nacre.hub.isolation import Isolation
from nacre.hub.keyboard import Keyboard
from nacre.hub.login import HubServer
from nacre.hub.problem import HubProblem
from nacre.hub.route import REFUSED
from nacre.hub.state import State
from nacre.hub.users import check_user_name, fingerprint
from nacre.hub.visit import Visit

__all__ = ["Welcome"]

_log: Final = logging.getLogger("nacre.hub")

#: A wrong code costs this long, in seconds, so that guessing is slow beside the hub's limit.
_WRONG_SECONDS: Final = 1.0
_NOT_VALID: Final = "this invite is not valid; ask for a new one"
_VOID: Final = frozenset((InviteFault.UNKNOWN, InviteFault.EXPIRED, InviteFault.USED))
_OTHER_NAME: Final = frozenset((InviteFault.NAME_INVALID, InviteFault.NAME_TAKEN))


@dataclass(slots=True)
class Welcome:
    """Where all who come with an invite are led.

    Attributes:
        state: users and invites.
        isolation: whether there may be a second user.
        where: the line to type, for a user name.
        limiter: counts wrong codes, for the whole hub.
    """

    state: State
    isolation: Isolation
    where: Callable[[str], str]
    limiter: InviteLimiter = field(default_factory=InviteLimiter)

    async def lead(self, server: HubServer, visit: Visit, keyboard: Keyboard) -> None:
        """Lead somebody with an invite through the dialogue.

        Raises:
            HubProblem: what is to be said instead.
        """
        if visit.terminal is None:
            raise HubProblem(
                "an invite leads to a dialogue, which needs a terminal", "add -t to the ssh command"
            )
        code = server.invite or ""
        invite = await self._judge(code, server)
        self._check_room(invite)
        enrolment = Enrolment(fingerprint(server.key_blob), invite.user)
        await visit.write(enrolment.begin().encode())
        if await self._converse(server, visit, keyboard, enrolment, code):
            await visit.tell(
                "",
                f"{enrolment.name} is bound to this key. From now on, type:",
                "",
                f"  {self.where(enrolment.name)}",
                "",
            )
            visit.exit(0)
        else:
            await visit.tell("", "Nothing was bound, and the invite is not spent.")
            visit.exit(REFUSED)

    async def _judge(self, code: str, server: HubServer) -> Invite:
        now = time.monotonic()
        allowed = self.limiter.allowed(now)
        # Looked up in any case, so that the time tells nothing.
        invite = self.state.invite(code, time.time())
        if allowed and invite is not None:
            return invite
        if allowed:
            self.limiter.failed(now)
        _log.warning(
            "refused an invite from %s with %s%s",
            server.address,
            fingerprint(server.key_blob),
            "" if allowed else ": too many wrong ones",
        )
        await asyncio.sleep(_WRONG_SECONDS)
        raise HubProblem(_NOT_VALID)

    def _check_room(self, invite: Invite) -> None:
        """One more user needs users who are kept apart; one more key of a user does not."""
        another = invite.user is None or self.state.user(invite.user) is None
        if another and self.state.has_users() and not self.isolation.may_serve_others:
            raise HubProblem(
                "this hub cannot keep users apart, and serves one only",
                'its administrator can install bubblewrap, or set isolation = "none"',
            )

    async def _converse(
        self, server: HubServer, visit: Visit, keyboard: Keyboard, enrolment: Enrolment, code: str
    ) -> bool:
        """Go through the dialogue; returns whether the key was bound."""
        while not visit.ended and not keyboard.over:
            for key in await keyboard.keys():
                text, wish = enrolment.key(key)
                await visit.write(text.encode())
                match wish:
                    case Wish.CHECK_NAME:
                        await visit.write(_check_name(enrolment).encode())
                    case Wish.LEAVE:
                        return False
                    case Wish.REDEEM:
                        refusal = self._redeem(server, enrolment, code)
                        if refusal is None:
                            return True
                        await visit.write(enrolment.refuse_name(refusal).encode())
                    case Wish.NOTHING:
                        pass
        return False

    def _redeem(self, server: HubServer, enrolment: Enrolment, code: str) -> str | None:
        """Bind the key. Returns what to say where another name would help.

        Raises:
            HubProblem: no name helps.
        """
        try:
            user = self.state.redeem(code, enrolment.name, server.key_blob, time.time())
        except InviteError as error:
            if error.fault in _OTHER_NAME:
                return str(error)
            if error.fault in _VOID:  # somebody was faster
                raise HubProblem(_NOT_VALID) from None
            raise
        _log.info(
            "enrolled %s (%s) from %s with %s",
            user.name,
            user.role.value,
            server.address,
            fingerprint(server.key_blob),
        )
        return None


def _check_name(enrolment: Enrolment) -> str:
    try:
        check_user_name(enrolment.name)
    except HubProblem as problem:
        return enrolment.refuse_name(str(problem))
    return enrolment.accept_name()
