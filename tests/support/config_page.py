"""Writes docs/config.md: every keyword of OpenSSH's configuration files, and what becomes of it here.

Owns: the text of the page. Must not know: any keyword.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nacre.config_standing import CLIENT_OPTIONS, CLIENT_RULES, Rule, Standing
from nacre.option_table import Option, Sides, table
from nacre.trust.config_keywords import CLIENT, CLIENT_IGNORED, Keyword

__all__ = ["page"]

_HEAD: Final = """\
# OpenSSH's configuration files

<!-- Written by `pytest tests/golden --update-goldens`; a test compares. -->

A client reads `~/.ssh/config` as `ssh` reads it; `config=` names other files, one or several, and `config=None` leaves
them alone. What the program gives goes before what is written there. The judge is `ssh` itself: tests give the
same files to both, and compare every keyword with `ssh -G`, of two versions of OpenSSH.

* **Nothing is passed over.** A keyword that OpenSSH does not know is an error, unless `IgnoreUnknown` names it before; so is
  a wrong value, also where the line does not apply. A keyword that applies and that nacre does not do is an error that
  names file, line and keyword. What nothing here could mean is taken, and the table says why.
* **Conditions**: `Host`; `Match` with `all`, `canonical`, `final`, `host`, `originalhost`, `user`, `localuser`, `tagged`
  (also by the option `config_tag`), `command`, `sessiontype`, `version`, `localnetwork` (Linux); and `exec`,
  only where the program gives `config_exec=True`. `Include` with patterns, relative to `~/.ssh`, 16 deep.
* **No shell.** A `ProxyCommand`, and a command of `Match exec`, is a program and its arguments; one with shell syntax is
  refused. Tokens are resolved after it is in words, and a name that would be more than a name (`-oX`, `a b`, `$(x)`) is refused.
* **Tokens and variables** as in ssh_config(5), `${VARIABLE}` where it has them. `CanonicalizeHostname` and its siblings
  resolve names in a thread.
* **Algorithms**: `+`, `-` and `^` with wildcards, as in OpenSSH. What OpenSSH has and nacre has not is left out of a list; wildcards never
  reach what nacre does not offer by default. A name that neither knows is an error, after `-` too.
* Names of services (`Port ssh`) are refused: give numbers.
"""


def _row(
    keyword: Keyword, rules: Mapping[str, Rule], does: Mapping[str, str], known: Mapping[str, Option]
) -> str:
    name = keyword.name.lower()
    rule = rules.get(name)
    if rule is None:
        options = does[name].split()
        absent = [known[option] for option in options if not known[option].built]
        what = " ".join(f"`{option}`" for option in options)
        if absent:
            return f"| `{keyword.name}` | {Standing.REFUSED.value} | but for `no`, until {what} is built: {absent[0].hint} |"
        return f"| `{keyword.name}` | {Standing.HONOURED.value} | {what} |"
    harmless = " or ".join(
        {"true": "`yes`", "false": "`no`"}.get(word, f"`{word}`") for word in rule.harmless
    )
    return f"| `{keyword.name}` | {rule.standing.value} | {f'but for {harmless}: ' if harmless else ''}{rule.note} |"


def _table(
    keywords: Iterable[Keyword],
    rules: Mapping[str, Rule],
    does: Mapping[str, str],
    known: Mapping[str, Option],
) -> list[str]:
    rows = sorted((_row(keyword, rules, does, known) for keyword in keywords), key=str.lower)
    return ["| keyword | here | option, or why not |", "|---|---|---|", *rows]


def page() -> str:
    """Return the page."""
    ignored = " ".join(f"`{name}`" for name in sorted(CLIENT_IGNORED))
    lines = [
        _HEAD,
        "## Of clients: ssh_config(5)",
        "",
        *_table(CLIENT, CLIENT_RULES, CLIENT_OPTIONS, table(Sides.CLIENT)),
        "",
        f"Known by name and without effect, in OpenSSH too: {ignored}.",
    ]
    return "\n".join(lines) + "\n"
