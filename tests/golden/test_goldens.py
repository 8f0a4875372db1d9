"""Algorithms, messages, public names and options: a change of any is a diff that a reader sees.

`pytest tests/golden --update-goldens` writes the files anew.
"""

from __future__ import annotations

import importlib
import pkgutil

import nacre
import nacre.keys.algorithms as signatures
import nacre.wire
from nacre import option_table
from nacre.crypto.registry import Family, Status, default_names, lookup, names
from nacre.wire.message import MESSAGES, Message, Structure
from tests.support.golden import table


def test_algorithms(golden):
    parts = ["# Each family in the order of preference. Only `default` is offered without being asked for.\n"]
    for family in Family:
        rows = [(name, lookup(family, name).status.value) for name in names(family)]
        parts.append(f"\n[{family.value}]\n{table(rows)}")
        offered = [name for name, status in rows if status == Status.DEFAULT.value]
        assert tuple(offered) == default_names(family)
    rows = [("", "host keys", "user keys")]
    for name in signatures.signature_algorithms():
        algorithm = signatures.SIGNATURE_ALGORITHMS[name]
        rows.append((name, algorithm.host.value, algorithm.user.value))
    parts.append(f"\n[signature algorithm]\n{table(rows)}")
    certificates = "".join(f"{name}\n" for name in signatures.certificate_algorithms())
    parts.append(f"\n[algorithm with a certificate] of user keys as the algorithm without\n{certificates}")
    golden.check("algorithms.txt", "".join(parts))


def _declared() -> list[type[Structure]]:
    """Return every message and structure of nacre.wire, messages in the order of their numbers."""
    for module in pkgutil.walk_packages(nacre.wire.__path__, "nacre.wire."):
        importlib.import_module(module.name)
    found: list[type[Structure]] = []
    waiting = [Structure]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            # A class made anew with slots leaves the one it was made from behind.
            if kind.__module__.startswith("nacre.wire.") and getattr(kind, "codecs", None) is not None:
                found.append(kind)
    return found


def _fields(kind: type[Structure]) -> str:
    hints = kind.__annotations__
    return ", ".join(f"{name}: {hints[name]}" for name, _ in kind.codecs)


def test_messages(golden):
    _declared()
    rows = [("number", "scope", "message", "when", "sender")]
    fields = []
    for scope, number in sorted(MESSAGES, key=lambda key: (key[1], key[0])):
        kind = MESSAGES[scope, number]
        rows.append((str(number), scope, kind.__name__, kind.when.value, kind.sender.value))
        fields.append(f"{kind.__name__}({_fields(kind)})\n")
    head = "# Every message that is declared, and the fields of each.\n\n"
    golden.check("messages.txt", head + table(rows) + "\n" + "".join(fields))


def test_payloads(golden):
    kinds = {kind.__name__: kind for kind in _declared() if not issubclass(kind, Message) and kind.codecs}
    lines = [f"{name}({_fields(kinds[name])})\n" for name in sorted(kinds)]
    golden.check(
        "payloads.txt", "# What opens and requests carry after their common fields.\n\n" + "".join(lines)
    )


def test_public_names(golden):
    assert len(set(nacre.__all__)) == len(nacre.__all__)
    rows = []
    for name in sorted(nacre.__all__):
        value = getattr(nacre, name)
        rows.append(
            (name, "class" if isinstance(value, type) else "function" if callable(value) else "value")
        )
    golden.check("public_names.txt", "# What `import nacre` offers.\n\n" + table(rows))


def test_options(golden):
    rows = [("side", "option", "default", "built")]
    for side in (option_table.Sides.CLIENT, option_table.Sides.SERVER, option_table.Sides.SESSION):
        for name, option in sorted(option_table.table(side).items()):
            rows.append((str(side.name).lower(), name, repr(option.default), "yes" if option.built else "no"))
    head = "# Every option, of a client, a server and a client's session. One that is not built takes its default alone.\n\n"
    golden.check("options.txt", head + table(rows))


def test_parity(golden):
    """docs/parity.md is what the code says now."""
    from tests.support import parity
    from tests.unit.test_init import ECOSYSTEM
    from tests.unit.test_option_table import CLIENT, SERVER

    golden.check("../../docs/parity.md", parity.page(ECOSYSTEM, CLIENT, SERVER))
    known = {*ECOSYSTEM}
    known |= {f"{name}.{method}" for name, methods in parity.surface().items() for method in methods}
    known |= {
        f"{side.name.lower()}:{name}"
        for side in (option_table.Sides.CLIENT, option_table.Sides.SERVER)
        for name in option_table.table(side)
    }
    assert not set(parity.DEVIATIONS) - known


def test_config_page(golden):
    """docs/config.md is what the code says now."""
    from tests.support import config_page

    golden.check("../../docs/config.md", config_page.page())
