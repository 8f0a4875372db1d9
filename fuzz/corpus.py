"""The corpus in the repository: a file of lines for each target, each line one input as base64."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "corpus"


def read(target: str) -> list[bytes]:
    """Return the inputs of a target."""
    path = FOLDER / f"{target}.txt"
    return [base64.b64decode(line) for line in path.read_text().splitlines()] if path.exists() else []


def write(target: str, inputs: list[bytes]) -> None:
    """Replace the inputs of a target."""
    lines = sorted(
        {base64.b64encode(data).decode("ascii") for data in inputs}, key=lambda line: (len(line), line)
    )
    (FOLDER / f"{target}.txt").write_text("".join(f"{line}\n" for line in lines))


def folder(path: Path) -> Path:
    """Make an empty folder."""
    path.mkdir()
    return path


def unpack(target: str, path: Path) -> Path:
    """Write the inputs as files into a new folder, as the fuzzer wants them."""
    folder(path)
    for number, data in enumerate(read(target)):
        (path / f"{number:05d}").write_bytes(data)
    return path


def pack(target: str, folders: Iterable[Path], room: int) -> None:
    """Keep what reached something new: the smallest first, up to so many bytes of base64.

    What is in the folders the fuzzer has made as small as it can be by itself.
    """
    kept: list[bytes] = []
    files = (path for place in folders for path in place.iterdir())
    for data in sorted((path.read_bytes() for path in files), key=len):
        room -= len(data) * 4 // 3 + 5
        if room < 0:
            break
        kept.append(data)
    write(target, kept)
