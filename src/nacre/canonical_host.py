"""The canonical name of a host, by the rules of CanonicalizeHostname and its siblings (ssh_config(5)).

Owns: the rules. Must not know: where they come from, or how a name is resolved.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from nacre.trust.pattern import PatternList
from nacre.wire.record import record

__all__ = ["CanonicalRules", "canonical_name"]


@record
class CanonicalRules:
    """When and how a name is made canonical.

    Attributes:
        wanted: False, True, or "always": on the way through a proxy too.
        domains: suffixes to try.
        fallback_local: whether a name without any of them is taken as it is.
        max_dots: names with more dots are left alone.
        cnames: pairs of pattern lists: whose alias may be followed, and to where.
        direct: whether there is no proxy on the way.
    """

    wanted: bool | str = False
    domains: tuple[str, ...] = ()
    fallback_local: bool = True
    max_dots: int = 1
    cnames: tuple[tuple[str, str], ...] = ()
    direct: bool = True

    def follows(self, name: str, alias: str) -> str:
        """Return the name that stands for one that is an alias."""
        if not alias or alias == name or not (self.direct or self.wanted == "always"):
            return name
        for source, target in self.cnames:
            if PatternList(source.lower()).matches(name) and PatternList(target.lower()).matches(alias):
                return alias
        return name


def canonical_name(host: str, rules: CanonicalRules, resolve: Callable[[str], tuple[bool, str]]) -> str:
    """Return the canonical name of a host: its own where the rules leave it alone.

    Args:
        host: the name, in lower case.
        rules: when and how.
        resolve: returns whether a name has an address, and the name that it is an alias for, or "".

    Raises:
        OSError: there is none, and the rules do not let a name stand as it is.
    """
    if rules.wanted:
        try:
            return str(ip_address(host))
        except ValueError:
            pass
        found = _searched(host, rules, resolve)
        if found is not None:
            return found
    if not rules.cnames or not (rules.direct or rules.wanted == "always"):
        return host
    there, alias = resolve(host)
    if not there and rules.direct:
        raise OSError(f"{host!r} has no address")
    return rules.follows(host, alias)


def _searched(host: str, rules: CanonicalRules, resolve: Callable[[str], tuple[bool, str]]) -> str | None:
    """Return the name with one of the suffixes; None: it is left alone."""
    if not (rules.direct or rules.wanted == "always"):
        return None
    anchored = host.endswith(".")
    if not anchored and host.count(".") > rules.max_dots:
        return None
    candidates = [host] if anchored else [f"{host}.{domain.strip('.')}." for domain in rules.domains]
    for candidate in candidates:
        there, alias = resolve(candidate)
        if there:
            return rules.follows(candidate[:-1].lower(), alias)
    if not rules.fallback_local:
        raise OSError(f"{host!r} is in none of the domains {', '.join(rules.domains) or '(there are none)'}")
    return None
