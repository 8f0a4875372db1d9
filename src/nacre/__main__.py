"""`python -m nacre`: the same as the command `nacre`."""

from __future__ import annotations

import sys

from nacre.cli import main

if __name__ == "__main__":
    sys.exit(main())
