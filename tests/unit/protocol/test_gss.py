"""GSS-API reaches the protocol as an object alone: one module of the face imports the library, when it must."""

from __future__ import annotations

import re
from pathlib import Path

import nacre

SOURCE = Path(nacre.__file__).parent


def test_one_module_imports_gssapi_and_only_inside_a_function():
    found = {
        path.relative_to(SOURCE).as_posix(): line
        for path in SOURCE.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.match(r"\s*(import|from) gssapi\b", line)
    }
    assert set(found) <= {"gss.py"}
    assert all(line.startswith(" ") for line in found.values())
