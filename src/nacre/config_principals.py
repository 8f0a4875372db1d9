"""Lines of principals: whom the certificates of an authority may be for (sshd_config(5), AuthorizedPrincipalsFile).

Owns: what such a line says, and the lines of authorized_keys that come of it. Must not know: whether a file has it or a
program has printed it, or which user it is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from nacre.aio.log import logger, plain
from nacre.trust.key_options import parse_key_options

__all__ = ["authorities", "principals"]

#: A line may end as those of Windows do.
_AROUND: Final = " \t\r"


def principals(text: str, where: object) -> Iterator[tuple[str, str]]:
    """Return the names of a text, each with the options of authorized_keys that let it in; what is wrong is logged.

    Args:
        text: its lines.
        where: what they are called in the log.
    """
    for line in text.split("\n"):
        # What stands behind a # is a comment, in quotes too: so sshd has it.
        said = line.partition("#")[0].strip(_AROUND)
        # Other blanks than these two, such as a name from a directory may have, part nothing: they are of the name.
        begin = max(said.rfind(" "), said.rfind("\t")) + 1
        options, principal = said[:begin].rstrip(_AROUND), said[begin:]
        if not principal:
            continue
        if any(character in principal for character in ',"\\'):
            logger.warning("%s: %s is no principal that can be told from several", where, plain(principal))
            continue
        option = ",".join(filter(None, (f'principals="{principal}"', options)))
        if not _is_options(option):
            logger.warning("%s: what stands before %s is no list of options", where, plain(principal))
            continue
        yield principal, option


def authorities(text: str, options: Sequence[str] | None) -> list[str]:
    """Return lines of authorized_keys that trust authorities.

    Args:
        text: their keys, a line each.
        options: those that name whom certificates may be for; None: they have the user's own name.
    """
    lines = [line.strip() for line in text.split("\n")]
    keys = [line for line in lines if line and not line.startswith("#")]
    more = [""] if options is None else [f",{option}" for option in options]
    return [f"cert-authority{option} {key}\n" for key in keys for option in more]


def _is_options(text: str) -> bool:
    """Return whether a text is a list of options and nothing more, whoever has written it: no key, above all."""
    key = "key"
    try:
        options, rest = parse_key_options(f"cert-authority,{text} {key}")
    except ValueError:
        return False
    # What stands there twice has the place of the later one: ours is the first if the text has none.
    return rest == key and next(iter(options)) == "cert-authority"
