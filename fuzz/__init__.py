"""Fuzzing: what comes from others, thrown at each parser and state machine. `make fuzz SECONDS=60`.

`targets` lists them all. Each is a function of bytes that returns when nothing is wrong, whatever the bytes
are; so it needs no fuzzer to be run again on what one has found (tests/security/test_fuzz_regressions.py).
"""
