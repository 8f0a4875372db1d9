"""Constants have the numbers of the RFCs."""

from __future__ import annotations

import nacre


def test_numbers_of_the_standards() -> None:
    assert nacre.DISC_HOST_NOT_ALLOWED_TO_CONNECT == 1
    assert nacre.DISC_BY_APPLICATION == 11
    assert nacre.DISC_ILLEGAL_USER_NAME == 15
    assert nacre.OPEN_ADMINISTRATIVELY_PROHIBITED == 1
    assert nacre.OPEN_RESOURCE_SHORTAGE == 4
    assert nacre.EXTENDED_DATA_STDERR == 1


def test_terminal_modes() -> None:
    """RFC 4254 section 8, RFC 8160."""
    expected = {
        "VINTR": 1, "VSTATUS": 17, "VDISCARD": 18, "IGNPAR": 30, "IMAXBEL": 41, "IUTF8": 42, "ISIG": 50,
        "ICANON": 51, "ECHO": 53, "PENDIN": 62, "OPOST": 70, "ONLCR": 72, "ONLRET": 75, "CS7": 90, "PARODD": 93,
        "OP_ISPEED": 128, "OP_OSPEED": 129, "OP_END": 0, "VWERASE": 13, "VREPRINT": 12, "TOSTOP": 58,
        "OP_RESERVED": 160,
    }  # fmt: skip
    assert {name: getattr(nacre, f"PTY_{name}") for name in expected} == expected
