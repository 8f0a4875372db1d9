"""A realm of Kerberos for one session of tests: MIT's KDC on a free port of 127.0.0.1, below a directory.

Owns: how it is made and started, its keytabs and tickets, and the environment that finds them. Nothing of
the system's own Kerberos is read. Must not know: nacre, SSH.
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Self

from tests.support import system

REALM: Final = "NACRE.TEST"
#: The name by which the servers of the tests are called.
HOST: Final = "localhost"

#: Seconds for a program to do its work.
_PATIENCE: Final = 120
#: Ports that are tried: another process may take a free one between the look and the use.
_TRIES: Final = 5
_KRB5_CONF: Final = """
[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
 default_ccache_name = FILE:{directory}/no-tickets
 default_keytab_name = FILE:{directory}/no-keytab
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{port}
 }}
"""
_KDC_CONF: Final = """
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {realm} = {{
  database_name = {directory}/principal
  key_stash_file = {directory}/stash
  acl_file = {directory}/acl
  supported_enctypes = aes256-cts-hmac-sha384-192:normal aes256-cts-hmac-sha1-96:normal
  master_key_type = aes256-cts-hmac-sha384-192
  max_life = 1h
 }}
[logging]
 kdc = STDERR
"""


class Realm:
    """A KDC with its realm, alive inside `with`.

    Attributes:
        user: the name of whoever runs the tests, and a principal.
        environment: what a program must have in its environment to belong to the realm; no tickets, no keys.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.environment = {
            "KRB5_CONFIG": str(directory / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(directory / "kdc.conf"),
            "KRB5RCACHENAME": "none:",  # a cache of replays is a file beside others of the system
        }
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self._tickets: dict[tuple[str, bool], Path] = {}

    def __enter__(self) -> Self:
        self._make()
        for _ in range(_TRIES):
            if self._start():
                return self
        raise RuntimeError("krb5kdc found no free port")

    def __exit__(self, *exc_info: object) -> None:
        self._stop()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(_PATIENCE)
            assert process.stderr is not None
            process.stderr.close()

    # ------------------------------------------------------------ for tests

    def keytab(self, *principals: str) -> Path:
        """Return a keytab with the keys of these principals, which are made if need be."""
        path = self.directory / ("-".join(principals).replace("/", "_") + ".keytab")
        if not path.exists():
            for principal in principals:
                self._admin(f"addprinc -randkey {principal}", f"ktadd -k {path} -norandkey {principal}")
        return path

    def tickets(self, principal: str, *, forwardable: bool = False) -> Path:
        """Return a cache of credentials with a ticket for that principal."""
        known = self._tickets.get((principal, forwardable))
        if known is not None:
            return known
        path = (
            self.directory / f"{principal.replace('/', '_')}{'-forwardable' if forwardable else ''}.tickets"
        )
        flags = ["-f"] if forwardable else ["-F"]
        self._run(["kinit", "-k", "-t", self.keytab(principal), "-c", path, *flags, principal])
        self._tickets[principal, forwardable] = path
        return path

    def as_user(self, principal: str, *, forwardable: bool = False) -> Mapping[str, str]:
        """Return the environment of a program that has a principal's ticket."""
        return {**self.environment, "KRB5CCNAME": f"FILE:{self.tickets(principal, forwardable=forwardable)}"}

    def as_host(self, host: str = HOST) -> Mapping[str, str]:
        """Return the environment of a server that has a host's key."""
        return {**self.environment, "KRB5_KTNAME": f"FILE:{self.keytab(f'host/{host}')}"}

    # ------------------------------------------------------------ the KDC

    def _make(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._configure()
        (self.directory / "acl").write_text("")
        self._run(["kdb5_util", "create", "-s", "-r", REALM, "-P", "master"])

    def _configure(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        facts = {"realm": REALM, "directory": self.directory, "port": self._port}
        (self.directory / "krb5.conf").write_text(_KRB5_CONF.format(**facts))
        (self.directory / "kdc.conf").write_text(_KDC_CONF.format(**facts))

    def _start(self) -> bool:
        self._configure()
        kdc = system.program("krb5kdc")
        assert kdc is not None
        self._process = process = subprocess.Popen(
            [kdc, "-n", "-r", REALM, "-P", self.directory / "kdc.pid"],
            env=self._env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "commencing operation" in line:
                threading.Thread(target=process.stderr.read, daemon=True).start()  # its log fills no pipe
                return True
        self._stop()
        return False

    def _admin(self, *commands: str) -> None:
        self._run(["kadmin.local", "-r", REALM], "".join(f"{command}\n" for command in commands))

    def _run(self, command: Iterable[str | Path], text: str = "") -> None:
        name, *rest = command
        program = system.program(str(name))
        assert program is not None
        done = subprocess.run(
            [program, *rest],
            env=self._env(),
            input=text,
            text=True,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"

    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}
