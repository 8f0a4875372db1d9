"""The bounds fit each other and the standards' minimums."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
from pathlib import Path

import pytest

from nacre.protocol import limits


def test_what_the_standards_demand_is_taken():
    assert limits.IDENT_LINE == 255  # RFC 4253 section 4.2
    assert limits.PACKET_BEFORE_AUTH >= 35_000  # RFC 4253 section 6.1
    assert limits.MAX_PACKET >= 32_768  # the payload that everybody must take
    assert limits.NAME == 64  # RFC 4251 section 6
    assert limits.REKEY_BYTES <= 1 << 30  # RFC 4253 section 9
    assert limits.REKEY_SECONDS <= 3600
    assert limits.REKEY_PACKETS <= 1 << 31  # RFC 4344 section 3.1
    assert limits.WINDOW_CEILING == 2**32 - 1  # RFC 4254 section 5.2


def test_every_bound_is_one():
    for name, value in vars(limits).items():
        if name.isupper():
            assert 0 < value < 1 << 40, name


def test_bounds_that_contain_others():
    assert limits.RECEIVE_CAPACITY > limits.PACKET > limits.PACKET_BEFORE_AUTH > limits.MAX_PACKET
    assert limits.WINDOW <= limits.RECEIVE_BUDGET <= limits.WINDOW_CEILING
    assert limits.WINDOW_MINIMUM < limits.WINDOW
    assert limits.OUTPUT_ROOM < limits.OUTPUT_CEILING
    assert limits.MAX_SESSIONS <= limits.MAX_CHANNELS
    assert limits.AUTH_FAILURES < limits.AUTH_QUERIES < limits.AUTH_REQUESTS
    assert limits.IDENT_TIMEOUT < limits.LOGIN_TIMEOUT


def test_every_bound_has_its_reason_above_it():
    lines = inspect.getsource(limits).splitlines()
    bare = [
        line
        for above, line in itertools.pairwise(lines)
        if re.match(r"[A-Z_]+: Final", line) and not above.startswith("#: ")
    ]
    assert not bare


#: Numbers elsewhere that bound nothing: sizes of buffers that grow, masks, and the numbers of messages.
ELSEWHERE = {"outbound.py": {1024}, "inbound.py": set(), "requests.py": {160}, "trace.py": {1000}}


@pytest.mark.parametrize("layer", ["protocol", "protocol/auth", "wire"])
def test_no_bound_stands_anywhere_else(layer):
    folder = Path(limits.__file__).parents[1] / layer
    found = [
        (path.name, node.lineno, node.value)
        for path in sorted(folder.glob("*.py"))
        if path.name not in ("limits.py", "fields.py")  # the fields' own three are limits too
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and type(node.value) is int
        and node.value > 128
        and node.value not in ELSEWHERE.get(path.name, set())
        and node.value not in (192, 193)  # PING and PONG
    ]
    assert not found
