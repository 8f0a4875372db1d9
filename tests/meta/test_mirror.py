"""Each module of src/nacre has its test file at the same place below tests/unit, and the other way round."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "nacre"
TESTS = ROOT / "tests" / "unit"

#: Modules without a test file of their own, and why.
EXCEPTIONS = {
    "_version.py": "one string",
    "__main__.py": "one call; tests/unit/cli runs it",
    **dict.fromkeys(
        ("channel.py", "connection.py", "misc.py", "public_key.py", "session.py", "stream.py"),
        "public names under a second address; tests/unit/test_init.py compares them",
    ),
}

MODULES = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if path.name != "__init__.py"}


def _mirror(module):
    folder, _, name = module.rpartition("/")
    return TESTS / folder / f"test_{name}"


def test_every_module_has_its_test_file():
    lost = [module for module in sorted(MODULES - set(EXCEPTIONS)) if not _mirror(module).exists()]
    assert not lost, "no file in tests/unit for src/nacre/: " + " ".join(lost)


def test_every_test_file_has_its_module():
    mirrors = {_mirror(module) for module in MODULES}
    packages = {
        TESTS / path.parent.relative_to(SOURCE) / "test_init.py" for path in SOURCE.rglob("__init__.py")
    }
    strays = set(TESTS.rglob("test_*.py")) - mirrors - packages
    assert not strays, "mirror no module: " + " ".join(sorted(str(path.relative_to(ROOT)) for path in strays))


def test_exceptions_exist():
    assert set(EXCEPTIONS) <= MODULES
