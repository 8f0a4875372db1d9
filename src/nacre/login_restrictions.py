"""What a login permits: every key and certificate of it restricts, and a further factor lifts nothing.

Owns: how the restrictions of several factors go together. Must not know: who may come in, messages, or how a
restriction is enforced.

All hold at once (security history, row 42): what one forbids is forbidden, and a factor whose command is another
than that of a factor before it does not count at all, since one session cannot run both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nacre.keys import SSHCertificate
from nacre.trust.key_options import permits, permits_place, values_of

__all__ = ["LoginRestrictions"]

Line = Mapping[str, object]


class LoginRestrictions:
    """The restrictions of the factors that were verified so far, in order."""

    __slots__ = ("_certificates", "_lines")

    def __init__(self) -> None:
        self._lines: tuple[Line, ...] = ()
        self._certificates: tuple[SSHCertificate, ...] = ()

    def refusal(self, line: Line | None, certificate: SSHCertificate | None = None) -> str:
        """Return why a factor does not go together with those before it, or with itself; "" if it does.

        Args:
            line: the options of the line of authorized_keys that admits it; None: there is none.
            certificate: the certificate that was shown, if one was.
        """
        commands = {*self._commands(), *_commands_of(line or {}, certificate)}
        return "two commands are forced, and they differ" if len(commands) > 1 else ""

    def add(self, line: Line | None, certificate: SSHCertificate | None = None) -> None:
        """Take a factor that was verified; the arguments are those of `refusal`."""
        if line:
            self._lines += (line,)
        if certificate is not None:
            self._certificates += (certificate,)

    def _commands(self) -> Iterator[str]:
        for line in self._lines:
            yield from _commands_of(line, None)
        for certificate in self._certificates:
            yield from _commands_of({}, certificate)

    @property
    def key_options(self) -> dict[str, object]:
        """The options of the lines; where several have one, the first line's."""
        found: dict[str, object] = {}
        for options in reversed(self._lines):
            found.update(options)
        return found

    @property
    def certificate_options(self) -> dict[str, object]:
        """The options of the certificates; where several have one, the first one's."""
        found: dict[str, object] = {}
        for certificate in reversed(self._certificates):
            found.update(certificate.options)
        return found

    def permits(self, permission: str) -> bool:
        """Return whether the lines permit something, as "pty" or "port-forwarding"."""
        return all(permits(line, permission) for line in self._lines)

    def certificates_permit(self, permission: str) -> bool:
        """Return whether the certificates permit something; without any, they do."""
        return all(certificate.restrictions.permits(permission) for certificate in self._certificates)

    def permits_place(self, option: str, host: str, port: int) -> bool:
        """Return whether every factor permits to forward to or from a place, as `permits_place` of a line."""
        return self.certificates_permit("port-forwarding") and all(
            permits_place(line, option, host, port) for line in self._lines
        )

    def forced_command(self) -> str | None:
        """Return the command that runs whatever is asked for, or None."""
        return next(self._commands(), None)

    def environment(self) -> dict[str, str]:
        """Return the variables of the lines; of two values for a name the first counts (sshd(8))."""
        found: dict[str, str] = {}
        for line in self._lines:
            for entry in values_of(line, "environment"):
                name, _, value = entry.partition("=")
                found.setdefault(name, value)
        return found


def _commands_of(line: Line, certificate: SSHCertificate | None) -> Iterator[str]:
    command = line.get("command")
    if isinstance(command, str):
        yield command
    if certificate is not None and certificate.restrictions.force_command is not None:
        yield certificate.restrictions.force_command
