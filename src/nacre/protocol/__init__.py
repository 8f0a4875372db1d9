"""The SSH state machine for both roles. Bytes in, events out; commands in, bytes out.

Knows no asyncio, socket, clock or environment: time, randomness and keys are given to it.
"""
