"""`nacre agent`: an agent in a process of its own, with ssh-agent's options.

Owns: the options, the lines for a shell, the process in the background, and asking for consent. Must not know: the
protocol, or how keys are kept.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from nacre.cli.parser import Commands, Parser, duration

if TYPE_CHECKING:
    import nacre.agent
    from nacre.agent.tokens import PermittedTokens

__all__ = ["add"]

_SOCKET, _PID = "SSH_AUTH_SOCK", "SSH_AGENT_PID"
#: Seconds between looks at whether the command is still there, where the system does not tell.
_LOOK: Final = 10.0
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if hasattr(signal, "SIGHUP") else ()


def add(commands: Commands) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "agent",
        help="keep private keys in memory, for ssh and others",
        description=(
            "Keep private keys in memory, for ssh, ssh-add and all others that use agents. With a COMMAND, run it with the "
            "agent, and end with it. The options are those of ssh-agent(1)."
        ),
    )
    parser.set_defaults(run=_run)
    shell = parser.add_mutually_exclusive_group()
    shell.add_argument("-s", dest="shell", action="store_const", const="sh", help="print lines for sh")
    shell.add_argument("-c", dest="shell", action="store_const", const="csh", help="print lines for csh")
    parser.add_argument("-k", dest="kill", action="store_true", help="end the agent that SSH_AGENT_PID names")
    parser.add_argument("-D", dest="foreground", action="store_true", help="stay in the foreground")
    parser.add_argument(
        "-d", dest="debug", action="store_true", help="stay in the foreground, and say what is asked"
    )
    parser.add_argument("-a", dest="path", metavar="PATH", default="", help="where the socket shall be")
    parser.add_argument(
        "-t",
        dest="lifetime",
        metavar="LIFE",
        type=duration,
        help="how long a key stays that says nothing else",
    )
    parser.add_argument(
        "-E",
        dest="hash",
        choices=("md5", "sha256"),
        default="sha256",
        help="the hash of fingerprints that are shown",
    )
    parser.add_argument(
        "-P",
        dest="tokens",
        metavar="PATTERNS",
        type=_permitted,
        help="paths of the PKCS#11 libraries that ssh-add -s may name, * and ? in them, commas between; without it: none",
    )
    parser.add_argument(
        "command", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run with the agent"
    )


def _permitted(text: str) -> PermittedTokens:
    from nacre.agent.tokens import PermittedTokens

    try:
        return PermittedTokens(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _run(options: argparse.Namespace) -> int:
    from nacre.hub.problem import HubProblem

    if not hasattr(os, "fork"):
        raise HubProblem("this system has no UNIX sockets for an agent")
    shell = options.shell or ("csh" if os.environ.get("SHELL", "").endswith("csh") else "sh")
    if options.kill:
        return _kill(shell)
    if options.command[:1] == ["--"]:
        del options.command[0]
    if options.command and (options.shell or options.foreground or options.debug):
        raise HubProblem("a command goes with -a, -t, -E and -P alone")
    if options.path:
        options.path = str(Path(options.path).absolute())
    _keep_out_of_files()
    if options.foreground or options.debug:
        if options.debug:
            _tell_what_is_asked()
        return asyncio.run(_serve(options, lambda path: _print(shell, path, os.getpid()), None))
    return _in_background(options, shell)


def _keep_out_of_files() -> None:
    """Leave no keys in a core file."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _tell_what_is_asked() -> None:
    import logging

    import nacre

    logging.basicConfig(format="%(message)s")
    nacre.set_log_level(logging.DEBUG)


def _kill(shell: str) -> int:
    from nacre.hub.problem import HubProblem, os_problem

    pid = os.environ.get(_PID, "")
    if not (pid.isascii() and pid.isdecimal() and int(pid) > 1):
        raise HubProblem(f"there is no agent to end: {_PID} does not name one")
    try:
        os.kill(int(pid), signal.SIGTERM)
    except (OSError, OverflowError) as error:
        raise HubProblem(
            f"process {pid}: {os_problem(error) if isinstance(error, OSError) else error}"
        ) from None
    for name in (_SOCKET, _PID):
        sys.stdout.write(f"unset {name};\n" if shell == "sh" else f"unsetenv {name};\n")
    sys.stdout.write(f"echo Agent pid {pid} killed;\n")
    return 0


def _print(shell: str, path: str, pid: int) -> None:
    """Print what a shell is to evaluate."""
    for name, value in ((_SOCKET, shlex.quote(path)), (_PID, str(pid))):
        line = f"{name}={value}; export {name};" if shell == "sh" else f"setenv {name} {value};"
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"echo Agent pid {pid};\n")
    sys.stdout.flush()


def _in_background(options: argparse.Namespace, shell: str) -> int:
    """Start the agent in a process of its own; then end, or become the command."""
    from nacre.hub.problem import HubProblem

    parent = os.getpid()
    told, tell = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(told)
        _be_the_agent(options, tell, parent if options.command else None)
    os.close(tell)
    with open(told, encoding="utf-8", errors="surrogateescape") as pipe:
        word, _, value = pipe.read().partition(" ")
    if word != "listens":
        os.waitpid(child, 0)
        raise HubProblem(value or "the agent did not start")
    if not options.command:
        _print(shell, value, child)
        return 0
    environment = {**os.environ, _SOCKET: value, _PID: str(child)}
    try:
        os.execvpe(options.command[0], options.command, environment)  # noqa: S606 - no shell is what is meant
    except OSError as error:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise HubProblem(f"{options.command[0]}: {error.strerror}") from None


def _be_the_agent(options: argparse.Namespace, tell: int, parent: int | None) -> NoReturn:
    """Serve in the background until a signal, or the end of `parent`."""
    status = 1

    def listens(path: str) -> None:
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nothing, standard)
        os.write(tell, f"listens {path}".encode("utf-8", "surrogateescape"))
        os.close(tell)

    try:
        if parent is None:
            os.setsid()
        status = asyncio.run(_serve(options, listens, parent))
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(tell, f"failed {options.path or 'a socket'}: {error.strerror or error}".encode())
    except Exception:  # noqa: BLE001 - the last that this process does is to say what was wrong
        traceback.print_exc()
    finally:
        os._exit(status)  # what the other process has begun is its own to finish


async def _serve(options: argparse.Namespace, listens: Callable[[str], None], parent: int | None) -> int:
    """Listen, say so, and serve until the end."""
    from nacre.agent import Agent
    from nacre.hub.problem import HubProblem, os_problem

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        loop.add_signal_handler(number, ended.set)
    agent = Agent(
        confirm=partial(_consents, options.hash),
        lifetime=options.lifetime or None,  # 0: as long as the agent lives
        smartcards=options.tokens,
    )
    try:
        listening = await agent.listen(options.path)
    except OSError as error:
        if parent is not None or not (options.foreground or options.debug):
            raise
        raise HubProblem(f"{options.path or 'a socket'}: {os_problem(error)}") from None
    async with listening:
        listens(listening.path)
        watching = None if parent is None else asyncio.create_task(_watch(parent, ended))
        await ended.wait()
        if watching is not None:
            watching.cancel()
    return 0


async def _watch(parent: int, ended: asyncio.Event) -> None:
    """Set `ended` when the process that the agent is for has gone."""
    opened = -1
    with contextlib.suppress(AttributeError, OSError):
        opened = os.pidfd_open(parent)
    if opened >= 0:
        asyncio.get_running_loop().add_reader(opened, ended.set)
    while os.getppid() == parent:  # noqa: ASYNC110 - the system has no event for it everywhere
        await asyncio.sleep(_LOOK)
    ended.set()


async def _consents(hash_name: str, key: nacre.agent.AgentKey) -> bool:
    """Ask by the program that SSH_ASKPASS names, as ssh-agent does; none is a no."""
    from nacre.hub.problem import one_line

    program = os.environ.get("SSH_ASKPASS", "ssh-askpass")
    # Whoever has added the key has written the comment: it must not look like the line below.
    question = f"Allow use of key {one_line(key.comment)}?\nKey fingerprint {key.get_fingerprint(hash_name)}."
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            question,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "SSH_ASKPASS_PROMPT": "confirm"},
        )
    except OSError:
        return False
    said, _ = await process.communicate()
    return process.returncode == 0 and said.strip().lower() in (b"", b"yes")
