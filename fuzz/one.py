"""One target under atheris, in a process of its own: `python -m fuzz.one TARGET LIBFUZZER-ARGUMENTS…`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["nacre"], enable_loader_override=False):
    from fuzz.targets import TARGETS


def main() -> None:
    """Run; libFuzzer ends the process."""
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name], enable_python_coverage=True)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
