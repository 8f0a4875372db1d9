"""The public names: all there, lazily, the same for type checkers, and absent ones named."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nacre

SOURCE = Path(nacre.__file__)

#: Every name that AsyncSSH 2.24 exports (api-parity, section 12).
ECOSYSTEM = """BreakReceived BytesOrStr ChannelListenError ChannelOpenError CompressionError ConfigParseError
ConnectionLost DEVNULL DataType DisconnectError Error HostKeyNotVerifiable IllegalUserName KeyEncryptionError
KeyExchangeFailed KeyExportError KeyGenerationError KeyImportError MACError PIPE PasswordChangeRequired
PermissionDenied ProcessError ProtocolError ProtocolNotSupported SEEK_CUR SEEK_END SEEK_SET SFTPAttrs
SFTPBadMessage SFTPByteRangeLockConflict SFTPByteRangeLockRefused SFTPCannotDelete SFTPClient SFTPClientFile
SFTPConnectionLost SFTPDeletePending SFTPDirNotEmpty SFTPEOFError SFTPError SFTPFailure SFTPFileAlreadyExists
SFTPFileCorrupt SFTPFileIsADirectory SFTPGroupInvalid SFTPInvalidFilename SFTPInvalidHandle SFTPInvalidParameter
SFTPLimits SFTPLinkLoop SFTPLockConflict SFTPName SFTPNoConnection SFTPNoMatchingByteRangeLock SFTPNoMedia
SFTPNoSpaceOnFilesystem SFTPNoSuchFile SFTPNoSuchPath SFTPNotADirectory SFTPOpUnsupported SFTPOwnerInvalid
SFTPPermissionDenied SFTPQuotaExceeded SFTPServer SFTPServerFactory SFTPUnknownPrincipal SFTPVFSAttrs
SFTPWriteProtect SSHAcceptHandler SSHAcceptor SSHAgentClient SSHAgentKeyPair SSHAllowedSigners SSHAuthorizedKeys
SSHCertificate SSHClient SSHClientChannel SSHClientConnection SSHClientConnectionOptions SSHClientProcess
SSHClientSession SSHCompletedProcess SSHForwarder SSHKey SSHKeyPair SSHKnownHosts SSHLineEditorChannel
SSHListener SSHReader SSHServer SSHServerChannel SSHServerConnection SSHServerConnectionOptions SSHServerProcess
SSHServerProcessFactory SSHServerSession SSHServerSessionFactory SSHSocketSessionFactory SSHSubprocessProtocol
SSHSubprocessReadPipe SSHSubprocessTransport SSHSubprocessWritePipe SSHTCPChannel SSHTCPSession SSHTunTapChannel
SSHTunTapSession SSHUNIXChannel SSHUNIXSession SSHWriter STDOUT ServiceNotAvailable SignalReceived
TerminalSizeChanged TimeoutError __version__ connect connect_agent connect_reverse create_connection
create_server create_sshsig generate_private_key get_server_auth_methods get_server_host_key
import_allowed_signers import_authorized_keys import_certificate import_known_hosts import_private_key
import_public_key listen listen_reverse load_certificates load_keypairs load_pkcs11_keys load_public_keys
load_resident_keys logger match_known_hosts read_allowed_signers read_authorized_keys read_certificate
read_certificate_list read_known_hosts read_private_key read_private_key_list read_public_key
read_public_key_list run_client run_server scp set_debug_level set_default_skip_rsa_key_validation set_log_level
set_sftp_log_level validate_sshsig""".split()


def test_every_public_name_is_there() -> None:
    for name in nacre.__all__:
        assert getattr(nacre, name) is not None
        assert name in dir(nacre)


def test_the_constants_are_listed() -> None:
    assert {"DISC_BY_APPLICATION", "OPEN_CONNECT_FAILED", "PTY_ECHO", "EXTENDED_DATA_STDERR"} <= set(
        dir(nacre)
    )


def test_what_a_program_may_show_of_the_package_is_text() -> None:
    for name in ("__version__", "__author__", "__author_email__", "__url__"):
        assert isinstance(getattr(nacre, name), str)


def test_every_name_of_the_ecosystem_is_there_or_absent_by_name() -> None:
    for name in ECOSYSTEM:
        if name not in nacre.__all__:
            with pytest.raises(AttributeError, match=f"{name} is not supported yet"):
                getattr(nacre, name)
            assert not hasattr(nacre, name)
    with pytest.raises(AttributeError, match="no attribute 'unheard_of'"):
        _ = nacre.unheard_of
    with pytest.raises(AttributeError):
        _ = nacre.DISC_UNHEARD_OF


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(SOURCE.read_text())
    seen: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.If):
            for statement in node.body:
                if isinstance(statement, ast.ImportFrom):
                    for alias in statement.names:
                        assert alias.asname == alias.name
                        seen[alias.name] = str(statement.module)
    assert seen == nacre._HOMES


PLACES = {
    "channel": "SSHClientChannel SSHServerChannel",
    "client": "SSHClient",
    "connection": "SSHClientConnection SSHServerConnection SSHClientConnectionOptions connect listen SSHAcceptor",
    "constants": "OPEN_CONNECT_FAILED DISC_BY_APPLICATION PTY_ECHO",
    "misc": "ChannelOpenError ConnectionLost DisconnectError Error PermissionDenied KeyExchangeFailed BreakReceived",
    "process": "SSHClientProcess SSHServerProcess SSHCompletedProcess ProcessError TimeoutError DEVNULL PIPE STDOUT",
    "public_key": "SSHKey KeyImportError import_private_key read_private_key SSHKeyPair",
    "server": "SSHServer",
    "session": "SSHClientSession SSHServerSession",
    "stream": "SSHReader SSHWriter",
}


@pytest.mark.parametrize("place", PLACES)
def test_names_are_found_in_the_places_that_programs_know(place: str) -> None:
    """`import nacre as asyncssh`, and then `asyncssh.misc.Error`; or `from nacre.misc import Error`."""
    program = "import sys, nacre\n" + "".join(
        f"assert nacre.{place}.{name} is nacre.{name}\n" for name in PLACES[place].split()
    )
    program += f"from nacre.{place} import {', '.join(PLACES[place].split())}\n"
    program += "sys.modules['asyncssh'] = nacre\n"
    if place not in ("client", "server", "constants"):  # which hold more than names
        program += "".join(
            f"from asyncssh.{place} import {name}; assert {name} is nacre.{name}\n"
            for name in PLACES[place].split()
        )
    program += f"try: nacre.{place}.nothing_like_it\nexcept AttributeError: pass\nelse: raise SystemExit(1)\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SOURCE.parent.parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_functions_are_not_hidden_by_modules() -> None:
    """A module of the package that is called like a function would take its name."""
    modules = {path.stem for path in SOURCE.parent.glob("*.py")} | {
        path.name for path in SOURCE.parent.iterdir() if path.is_dir()
    }
    assert not modules & set(nacre.__all__)


def test_the_first_names_load_what_most_programs_need() -> None:
    program = (
        "import sys, nacre\n"
        "nacre.connect, nacre.create_server, nacre.SSHServerProcess\n"
        "heavy = {'dataclasses', 'decimal', 'secrets', 'copy', 'bcrypt', 'sqlite3', 'urllib.request'}\n"
        "few = {'agent.client', 'aio.line_editor', 'aio.powers', 'blocking', 'client_config', 'host_identity', 'keys.ppk', 'keys.sshsig',"
        " 'protocol.gss_kex', 'protocol.trace', 'server_config', 'trust.revocation'}\n"
        "loaded = heavy & set(sys.modules) | {name for name in few if 'nacre.' + name in sys.modules}\n"
        "assert not loaded, loaded\n"
        "ours = [name for name in sys.modules if name.startswith('nacre')]\n"
        "assert len(ours) <= 168, len(ours)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SOURCE.parent.parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_import_alone_is_cheap() -> None:
    program = (
        "import sys, nacre\n"
        "heavy = [name for name in sys.modules if name.startswith(('cryptography', 'asyncio', 'nacre.keys'))]\n"
        "assert not heavy, heavy\n"
        "nacre.Error; nacre.connect\n"
        "assert callable(nacre.connect)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(SOURCE.parent.parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
