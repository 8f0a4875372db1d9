"""Two versions of OpenSSH as peers: where they are, a real sshd, a real ssh that reads nothing of the user's.

Owns: how both are found and started. Everything that they read (configuration, host keys, authorized keys,
known hosts) lies in a directory that the test gives. Must not know: nacre.
"""

from __future__ import annotations

import asyncio
import base64
import os
import pwd
import re
import signal
import socket
import subprocess
import textwrap
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support import system

#: The versions that everything is tried against: Debian 12's own and that of its backports.
VERSIONS: Final = ("9.2", "10.0")

#: RSA keys that have been made, private and public, by their size.
_rsa_keys: Final[dict[str, deque[tuple[bytes, bytes]]]] = {}

#: Seconds for a server to say that it listens, and for a client to end.
_PATIENCE: Final = 120


@dataclass(frozen=True)
class OpenSSH:
    """One version of OpenSSH.

    Attributes:
        version: "9.2" or "10.0".
        sshd_options: lines of configuration that this version's sshd needs, or that only it knows.
    """

    version: str
    ssh: Path
    sshd: Path
    ssh_keygen: Path
    sftp: Path
    scp: Path
    sftp_server: Path
    sshd_options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.version

    def make_key(self, path: Path, key_type: str = "ed25519") -> Path:
        """Make a key without a passphrase at `path` (and `path`.pub) unless it is there; return `path`.

        Those of Ed25519 are made in this process, as ssh-keygen writes them: it would be most of the time of many
        a test. RSA keys take a second to make: they are two of each size in a process, and each call gets the
        other one. Any two calls in a row differ, as for any other type; three do not.

        Args:
            path: the private key file.
            key_type: what `ssh-keygen -t` takes, with bits if need be: "rsa-2048", "ecdsa-384".
        """
        if path.exists():
            return path
        if key_type == "ed25519":
            _write_pair(path, *_ed25519_files())
            return path
        name, _, bits = key_type.partition("-")
        known = _rsa_keys.setdefault(bits, deque(maxlen=2)) if name == "rsa" else None
        if known is None or len(known) < 2:
            command = [self.ssh_keygen, "-q", "-t", name, "-N", "", "-C", "test", "-f", path]
            command += ["-b", bits] if bits else []
            subprocess.run(command, check=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
            if known is not None:
                known.append((path.read_bytes(), _public(path).read_bytes()))
        else:
            known.rotate()
            _write_pair(path, *known[0])
        return path

    def knows(self, kind: str, name: str) -> bool:
        """Return whether `ssh -Q KIND` of this version lists a name."""
        return name in _listed(self.ssh, kind)


def find(version: str) -> OpenSSH:
    """Return a version of OpenSSH; the test skips (in CI: fails) where it is missing."""
    system.need("sshd", "sftp-server")
    if version == _system_version():
        return _from_system(version)
    if version == "10.0":
        system.need("openssh-10")
        return _from_folder(version, system.OPENSSH_10)
    system.absent(f"this system's OpenSSH is {_system_version()}, not {version}: Debian 12 has it")
    raise AssertionError


@cache
def _system_version() -> str:
    done = subprocess.run(["ssh", "-V"], check=True, capture_output=True, text=True, timeout=_PATIENCE)
    found = re.match(r"OpenSSH_(\d+\.\d+)", done.stderr)
    return found[1] if found else done.stderr


def _from_system(version: str) -> OpenSSH:
    def path(name: str) -> Path:
        found = system.program(name)
        assert found is not None
        return found

    return OpenSSH(
        version=version,
        ssh=path("ssh"),
        sshd=path("sshd"),
        ssh_keygen=path("ssh-keygen"),
        sftp=path("sftp"),
        scp=path("scp"),
        sftp_server=Path("/usr/lib/openssh/sftp-server"),
        sshd_options=("PerSourcePenalties no",) if version == "10.0" else (),
    )


def _from_folder(version: str, folder: Path) -> OpenSSH:
    programs, helpers = folder / "usr/bin", folder / "usr/lib/openssh"
    return OpenSSH(
        version=version,
        ssh=programs / "ssh",
        sshd=folder / "usr/sbin/sshd",
        ssh_keygen=programs / "ssh-keygen",
        sftp=programs / "sftp",
        scp=programs / "scp",
        sftp_server=helpers / "sftp-server",
        sshd_options=(
            "PerSourcePenalties no",
            # sshd is three programs since 9.8 and 10.0; these name the other two.
            f"SshdSessionPath {helpers / 'sshd-session'}",
            f"SshdAuthPath {helpers / 'sshd-auth'}",
        ),
    )


class Sshd:
    """A real sshd on a free port of 127.0.0.1, alive inside `with`.

    One that runs as root lets root in, as anybody else only that user.

    Attributes:
        port: the port it listens on.
        user: whom it lets in.
        user_key: a private key file that may log in.
        authorized_keys: the file it reads on each login; write to it for other keys.
        host_keys: its host key files, by type.
        home: what $HOME is to the commands that run in it: an empty directory.
    """

    def __init__(
        self,
        openssh: OpenSSH,
        directory: Path,
        *,
        options: Iterable[str] = (),
        host_key_types: Sequence[str] = ("ed25519",),
        private_etc: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a server.

        Args:
            openssh: the version.
            directory: where all its files go; made if absent.
            options: lines of sshd_config(5); they stand first, and the first of a keyword counts.
            host_key_types: as `OpenSSH.make_key` takes them, one host key each.
            private_etc: files of /etc, by their path below it, that this server alone sees so (as
                "shadow", for passwords); only root can do this.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.openssh = openssh
        self.directory = directory
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.host_keys = {
            key_type: openssh.make_key(directory / f"host_{key_type}", key_type)
            for key_type in host_key_types
        }
        self.user_key = openssh.make_key(directory / "user_key")
        self.authorized_keys = directory / "authorized_keys"
        self.authorized_keys.write_bytes(self.user_key.with_suffix(".pub").read_bytes())
        self.port = 0
        self.home = directory / "home"
        self.home.mkdir(exist_ok=True)
        self._options = tuple(options)
        self._private_etc = dict(private_etc or {})
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._listening = threading.Event()
        self._lines: list[str] = []
        self._more = threading.Condition()

    @property
    def log(self) -> str:
        """What it has written to its log so far."""
        return "".join(self._lines)

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Wait until its log has a text, so many times in all."""
        with self._more:
            found = self._more.wait_for(lambda: self.log.count(text) >= times, _PATIENCE)
        assert found, f"{text!r} is not {times} times in the log of sshd:\n{self.log}"

    def known_hosts(self, name: str | None = None) -> str:
        """Return its host keys as known_hosts lines."""
        host = name or f"[127.0.0.1]:{self.port}"
        publics = [path.with_suffix(".pub").read_text().split()[:2] for path in self.host_keys.values()]
        return "".join(f"{host} {' '.join(public)}\n" for public in publics)

    def __enter__(self) -> Self:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks its unprivileged half in
        for _ in range(5):  # somebody else may take the port before sshd does
            self._start(_free_port())
            if self._listening.is_set():
                return self
            self.close()
            if "Address already in use" not in self.log:
                break
        raise RuntimeError(f"sshd {self.openssh} did not start:\n{self.log}")

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it and what it has started."""
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(_PATIENCE)
        assert self._reader is not None
        self._reader.join(_PATIENCE)
        self._process = self._reader = None
        print(f"--- log of sshd {self.openssh}\n{self.log}")  # pytest shows it with a test that fails

    def _start(self, port: int) -> None:
        self.port = port
        config = self.directory / "sshd_config"
        config.write_text("\n".join(self._configuration()) + "\n")
        self._lines.clear()
        self._listening.clear()
        process = subprocess.Popen(
            [*self._in_private_etc(), self.openssh.sshd, "-D", "-e", "-f", config],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        assert process.stderr is not None
        self._process = process
        ended = threading.Event()
        self._reader = threading.Thread(target=self._read_log, args=(process.stderr, ended), daemon=True)
        self._reader.start()
        ended.wait(_PATIENCE)

    def _in_private_etc(self) -> list[str | Path]:
        """Return what starts a command in mounts of its own, with the private files in place of /etc's."""
        if not self._private_etc:
            return []
        mounts: list[str | Path] = []
        for name, content in self._private_etc.items():
            path = self.directory / f"etc_{name.replace('/', '_')}"
            path.write_text(content)
            path.chmod(0o600)
            mounts += [path, f"/etc/{name}"]
        script = 'while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done; shift; exec "$@"'
        return ["unshare", "--mount", "sh", "-ec", script, "sh", *mounts, "--"]

    def _read_log(self, stream: IO[str], decided: threading.Event) -> None:
        """Keep the log, and set `decided` when it listens or has ended."""
        with stream:
            for line in stream:
                with self._more:
                    self._lines.append(line)
                    self._more.notify_all()
                if line.startswith("Server listening on"):
                    self._listening.set()
                    decided.set()
        decided.set()

    def _configuration(self) -> list[str]:
        return [
            *self._options,
            *self.openssh.sshd_options,
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            *(f"HostKey {path}" for path in self.host_keys.values()),
            f"AuthorizedKeysFile {self.authorized_keys}",
            "PidFile none",
            "UsePAM no",
            "StrictModes no",  # the tests' directories lie below one that everybody may write to
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UseDNS no",
            "PrintMotd no",
            "PrintLastLog no",
            "MaxStartups 100:30:200",
            "MaxSessions 100",
            "AcceptEnv LANG LC_* NACRE_*",
            # bash reads ~/.bashrc for each command of sshd's; what stands there, and what it costs, is anybody's.
            f"SetEnv HOME={self.home}",
            f"Subsystem sftp {self.openssh.sftp_server}",
            "LogLevel VERBOSE",
        ]


@dataclass(frozen=True)
class Ssh:
    """A real ssh that reads no file of the user and asks nothing.

    Attributes:
        openssh: the version.
        port: the port on 127.0.0.1.
        user: whom to log in as.
        key: the private key file, or None for no key at all.
        known_hosts: the known_hosts file; an unknown host key is refused.
        options: lines of ssh_config(5), "Ciphers aes128-ctr"; the first of a keyword counts.
    """

    openssh: OpenSSH
    port: int
    user: str
    key: Path | None
    known_hosts: Path
    options: tuple[str, ...] = ()

    def command(self, *arguments: str) -> list[str]:
        """Return the argv: options of ssh (such as "-t") before "--", the remote command after it.

        Without "--" all arguments are the remote command.
        """
        flags, remote = ((), arguments)
        if "--" in arguments:
            middle = arguments.index("--")
            flags, remote = arguments[:middle], arguments[middle + 1 :]
        lines = [
            *self.options,
            "BatchMode yes",
            "StrictHostKeyChecking yes",
            f"UserKnownHostsFile {self.known_hosts}",
            "GlobalKnownHostsFile none",
            "IdentitiesOnly yes",
            "IdentityAgent none",
            f"IdentityFile {self.key or 'none'}",
            "ConnectTimeout none",
            # ssh looks whether its window has changed before it waits, and a change between the two waits with it
            # for the next thing that comes.
            "ServerAliveInterval 2",
            "ServerAliveCountMax 1000000",
            "LogLevel INFO",
        ]
        settings = [word for line in lines for word in ("-o", line)]
        where = ["-p", str(self.port), "-l", self.user]
        return [str(self.openssh.ssh), "-F", "none", *settings, *where, *flags, "127.0.0.1", *remote]

    def run(
        self, *arguments: str, data: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end in this thread: for servers in other processes."""
        return subprocess.run(
            self.command(*arguments),
            input=data,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            env={**os.environ, **(environment or {})},
        )

    async def communicate(
        self, *arguments: str, data: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run it to its end beside the event loop: for servers in this process."""
        async with self.started(*arguments, environment=environment) as process:
            async with asyncio.timeout(_PATIENCE):
                output, errors = await process.communicate(data)
                assert process.stdin is not None
                with suppress(BrokenPipeError, ConnectionResetError):
                    await (
                        process.stdin.wait_closed()
                    )  # else Python 3.11.2 reports that ssh has not read it all
            assert process.returncode is not None
            return subprocess.CompletedProcess(self.command(*arguments), process.returncode, output, errors)

    @asynccontextmanager
    async def started(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run it with pipes beside the event loop; one that is still there at the end is killed."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(environment or {})},
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


def client_of(server: Sshd, openssh: OpenSSH | None = None, *options: str) -> Ssh:
    """Return an ssh that knows and may enter `server`; its version is the server's unless given."""
    known_hosts = server.directory / "known_hosts"
    known_hosts.write_text(server.known_hosts())
    return Ssh(openssh or server.openssh, server.port, server.user, server.user_key, known_hosts, options)


def _public(path: Path) -> Path:
    """Return where ssh-keygen puts the public half of a key."""
    return path.with_name(f"{path.name}.pub")


def _write_pair(path: Path, private: bytes, public: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(private)
    _public(path).write_bytes(public)


def _ed25519_files() -> tuple[bytes, bytes]:
    """Return what ssh-keygen writes for a new key: openssh-key-v1 (OpenSSH's PROTOCOL.key), and its .pub."""

    def string(content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + content

    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    blob = string(b"ssh-ed25519") + string(public)
    secret = os.urandom(4) * 2 + blob + string(key.private_bytes_raw() + public) + string(b"test")
    secret += bytes(range(1, 1 + -len(secret) % 8))
    file = (
        b"openssh-key-v1\0" + string(b"none") * 2 + string(b"") + b"\0\0\0\1" + string(blob) + string(secret)
    )
    text = "\n".join(textwrap.wrap(base64.b64encode(file).decode(), 70))
    lines = ("-----BEGIN OPENSSH PRIVATE KEY-----", text, "-----END OPENSSH PRIVATE KEY-----", "")
    return "\n".join(lines).encode(), b"ssh-ed25519 " + base64.b64encode(blob) + b" test\n"


@cache
def _listed(ssh: Path, kind: str) -> list[str]:
    """Return what `ssh -Q KIND` prints."""
    done = subprocess.run([ssh, "-Q", kind], check=True, capture_output=True, text=True, timeout=_PATIENCE)
    return done.stdout.split()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
