"""SSH for Python: clients and servers on asyncio.

Owns: the flat public names, nothing else. They are imported when they are first used, so that
`import nacre`, and with it any module of the package that needs no cryptography, stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from nacre._version import __version__

__author__ = "the authors of nacre"
__author_email__ = ""
__url__ = ""

if TYPE_CHECKING:  # the same names for type checkers; a test compares them
    from nacre.acceptor import SSHAcceptHandler as SSHAcceptHandler
    from nacre.acceptor import SSHAcceptor as SSHAcceptor
    from nacre.agent.client import SSHAgentClient as SSHAgentClient
    from nacre.agent.client import SSHAgentKeyPair as SSHAgentKeyPair
    from nacre.agent.client import connect_agent as connect_agent
    from nacre.aio.channel import DataType as DataType
    from nacre.aio.client_channel import SSHClientChannel as SSHClientChannel
    from nacre.aio.editor_channel import SSHLineEditorChannel as SSHLineEditorChannel
    from nacre.aio.log import logger as logger
    from nacre.aio.log import set_debug_level as set_debug_level
    from nacre.aio.log import set_log_level as set_log_level
    from nacre.aio.log import set_sftp_log_level as set_sftp_log_level
    from nacre.aio.pkcs11_keys import load_pkcs11_keys as load_pkcs11_keys
    from nacre.aio.server_channel import SSHServerChannel as SSHServerChannel
    from nacre.aio.session import SSHClientSession as SSHClientSession
    from nacre.aio.session import SSHServerSession as SSHServerSession
    from nacre.aio.stream import SSHReader as SSHReader
    from nacre.aio.stream import SSHWriter as SSHWriter
    from nacre.aio.stream_session import SSHServerSessionFactory as SSHServerSessionFactory
    from nacre.client import SSHClient as SSHClient
    from nacre.client_connection import SSHClientConnection as SSHClientConnection
    from nacre.connecting import connect as connect
    from nacre.connecting import create_connection as create_connection
    from nacre.connecting import get_server_auth_methods as get_server_auth_methods
    from nacre.connecting import get_server_host_key as get_server_host_key
    from nacre.connecting import run_client as run_client
    from nacre.errors import BreakReceived as BreakReceived
    from nacre.errors import ChannelListenError as ChannelListenError
    from nacre.errors import ChannelOpenError as ChannelOpenError
    from nacre.errors import CompressionError as CompressionError
    from nacre.errors import ConfigParseError as ConfigParseError
    from nacre.errors import ConnectionLost as ConnectionLost
    from nacre.errors import DisconnectError as DisconnectError
    from nacre.errors import Error as Error
    from nacre.errors import HostKeyNotVerifiable as HostKeyNotVerifiable
    from nacre.errors import IllegalUserName as IllegalUserName
    from nacre.errors import KeyEncryptionError as KeyEncryptionError
    from nacre.errors import KeyExchangeFailed as KeyExchangeFailed
    from nacre.errors import KeyExportError as KeyExportError
    from nacre.errors import KeyGenerationError as KeyGenerationError
    from nacre.errors import KeyImportError as KeyImportError
    from nacre.errors import LocalProtocolError as LocalProtocolError
    from nacre.errors import MACError as MACError
    from nacre.errors import NotSupportedYet as NotSupportedYet
    from nacre.errors import PasswordChangeRequired as PasswordChangeRequired
    from nacre.errors import PermissionDenied as PermissionDenied
    from nacre.errors import ProtocolError as ProtocolError
    from nacre.errors import ProtocolNotSupported as ProtocolNotSupported
    from nacre.errors import ServiceNotAvailable as ServiceNotAvailable
    from nacre.errors import SignalReceived as SignalReceived
    from nacre.errors import TerminalSizeChanged as TerminalSizeChanged
    from nacre.keys import SSHCertificate as SSHCertificate
    from nacre.keys import SSHKey as SSHKey
    from nacre.keys import SSHKeyPair as SSHKeyPair
    from nacre.keys import generate_private_key as generate_private_key
    from nacre.keys import import_certificate as import_certificate
    from nacre.keys import import_private_key as import_private_key
    from nacre.keys import import_public_key as import_public_key
    from nacre.keys import load_certificates as load_certificates
    from nacre.keys import load_keypairs as load_keypairs
    from nacre.keys import load_public_keys as load_public_keys
    from nacre.keys import read_certificate as read_certificate
    from nacre.keys import read_certificate_list as read_certificate_list
    from nacre.keys import read_private_key as read_private_key
    from nacre.keys import read_private_key_list as read_private_key_list
    from nacre.keys import read_public_key as read_public_key
    from nacre.keys import read_public_key_list as read_public_key_list
    from nacre.keys import set_default_skip_rsa_key_validation as set_default_skip_rsa_key_validation
    from nacre.keys.resident import load_resident_keys as load_resident_keys
    from nacre.keys.sshsig import create_sshsig as create_sshsig
    from nacre.listening import connect_reverse as connect_reverse
    from nacre.listening import create_server as create_server
    from nacre.listening import listen as listen
    from nacre.listening import listen_reverse as listen_reverse
    from nacre.listening import run_server as run_server
    from nacre.options import SSHClientConnectionOptions as SSHClientConnectionOptions
    from nacre.options import SSHServerConnectionOptions as SSHServerConnectionOptions
    from nacre.process.client import SSHClientProcess as SSHClientProcess
    from nacre.process.redirect import DEVNULL as DEVNULL
    from nacre.process.redirect import PIPE as PIPE
    from nacre.process.redirect import STDOUT as STDOUT
    from nacre.process.result import BytesOrStr as BytesOrStr
    from nacre.process.result import ProcessError as ProcessError
    from nacre.process.result import SSHCompletedProcess as SSHCompletedProcess
    from nacre.process.result import TimeoutError as TimeoutError
    from nacre.process.server import SSHServerProcess as SSHServerProcess
    from nacre.process.server import SSHServerProcessFactory as SSHServerProcessFactory
    from nacre.process.subprocess import SSHSubprocessProtocol as SSHSubprocessProtocol
    from nacre.process.subprocess import SSHSubprocessReadPipe as SSHSubprocessReadPipe
    from nacre.process.subprocess import SSHSubprocessTransport as SSHSubprocessTransport
    from nacre.process.subprocess import SSHSubprocessWritePipe as SSHSubprocessWritePipe
    from nacre.server import PartialSuccess as PartialSuccess
    from nacre.server import SSHServer as SSHServer
    from nacre.server_connection import SSHServerConnection as SSHServerConnection
    from nacre.trust import SSHAuthorizedKeys as SSHAuthorizedKeys
    from nacre.trust import SSHKnownHosts as SSHKnownHosts
    from nacre.trust import import_authorized_keys as import_authorized_keys
    from nacre.trust import import_known_hosts as import_known_hosts
    from nacre.trust import match_known_hosts as match_known_hosts
    from nacre.trust import read_authorized_keys as read_authorized_keys
    from nacre.trust import read_known_hosts as read_known_hosts
    from nacre.trust.allowed_signers import SSHAllowedSigners as SSHAllowedSigners
    from nacre.trust.allowed_signers import import_allowed_signers as import_allowed_signers
    from nacre.trust.allowed_signers import read_allowed_signers as read_allowed_signers
    from nacre.trust.allowed_signers import validate_sshsig as validate_sshsig
    from nacre.trust.revocation import KeyRevocationList as KeyRevocationList
    from nacre.trust.revocation import import_krl as import_krl
    from nacre.trust.revocation import read_krl as read_krl

#: The module of every public name.
_HOMES: Final[dict[str, str]] = {
    name: module
    for module, names in {
        "nacre.errors": (
            "BreakReceived ChannelListenError ChannelOpenError CompressionError ConfigParseError "
            "ConnectionLost DisconnectError Error HostKeyNotVerifiable IllegalUserName KeyEncryptionError "
            "KeyExchangeFailed KeyExportError KeyGenerationError KeyImportError LocalProtocolError MACError "
            "NotSupportedYet PasswordChangeRequired PermissionDenied ProtocolError ProtocolNotSupported "
            "ServiceNotAvailable SignalReceived TerminalSizeChanged"
        ),
        "nacre.process.result": "BytesOrStr ProcessError SSHCompletedProcess TimeoutError",
        "nacre.process.redirect": "DEVNULL PIPE STDOUT",
        "nacre.process.client": "SSHClientProcess",
        "nacre.process.subprocess": (
            "SSHSubprocessProtocol SSHSubprocessReadPipe SSHSubprocessTransport SSHSubprocessWritePipe"
        ),
        "nacre.process.server": "SSHServerProcess SSHServerProcessFactory",
        "nacre.agent.client": "SSHAgentClient SSHAgentKeyPair connect_agent",
        "nacre.aio.channel": "DataType",
        "nacre.aio.client_channel": "SSHClientChannel",
        "nacre.aio.editor_channel": "SSHLineEditorChannel",
        "nacre.aio.server_channel": "SSHServerChannel",
        "nacre.aio.session": "SSHClientSession SSHServerSession",
        "nacre.aio.stream": "SSHReader SSHWriter",
        "nacre.aio.stream_session": "SSHServerSessionFactory",
        "nacre.aio.log": "logger set_debug_level set_log_level set_sftp_log_level",
        "nacre.client": "SSHClient",
        "nacre.server": "PartialSuccess SSHServer",
        "nacre.client_connection": "SSHClientConnection",
        "nacre.server_connection": "SSHServerConnection",
        "nacre.options": "SSHClientConnectionOptions SSHServerConnectionOptions",
        "nacre.connecting": "connect create_connection get_server_auth_methods get_server_host_key run_client",
        "nacre.acceptor": "SSHAcceptHandler SSHAcceptor",
        "nacre.listening": "connect_reverse create_server listen listen_reverse run_server",
        "nacre.keys": (
            "SSHCertificate SSHKey SSHKeyPair generate_private_key import_certificate import_private_key "
            "import_public_key load_certificates load_keypairs load_public_keys read_certificate "
            "read_certificate_list read_private_key read_private_key_list read_public_key "
            "read_public_key_list set_default_skip_rsa_key_validation"
        ),
        "nacre.trust": (
            "SSHAuthorizedKeys SSHKnownHosts import_authorized_keys import_known_hosts match_known_hosts "
            "read_authorized_keys read_known_hosts"
        ),
        "nacre.aio.pkcs11_keys": "load_pkcs11_keys",
        "nacre.keys.resident": "load_resident_keys",
        "nacre.keys.sshsig": "create_sshsig",
        "nacre.trust.revocation": "KeyRevocationList import_krl read_krl",
        "nacre.trust.allowed_signers": (
            "SSHAllowedSigners import_allowed_signers read_allowed_signers validate_sshsig"
        ),
    }.items()
    for name in names.split()
}

#: Names that programs know from elsewhere and that this version does not have, with what they belong to.
_ABSENT: Final[dict[str, str]] = {
    name: feature
    for feature, names in {
        "SFTP": (
            "SEEK_CUR SEEK_END SEEK_SET SFTPAttrs SFTPBadMessage SFTPByteRangeLockConflict "
            "SFTPByteRangeLockRefused SFTPCannotDelete SFTPClient SFTPClientFile SFTPConnectionLost "
            "SFTPDeletePending SFTPDirNotEmpty SFTPEOFError SFTPError SFTPFailure SFTPFileAlreadyExists "
            "SFTPFileCorrupt SFTPFileIsADirectory SFTPGroupInvalid SFTPInvalidFilename SFTPInvalidHandle "
            "SFTPInvalidParameter SFTPLimits SFTPLinkLoop SFTPLockConflict SFTPName SFTPNoConnection "
            "SFTPNoMatchingByteRangeLock SFTPNoMedia SFTPNoSpaceOnFilesystem SFTPNoSuchFile SFTPNoSuchPath "
            "SFTPNotADirectory SFTPOpUnsupported SFTPOwnerInvalid SFTPPermissionDenied SFTPQuotaExceeded "
            "SFTPServer SFTPServerFactory SFTPUnknownPrincipal SFTPVFSAttrs SFTPWriteProtect scp"
        ),
        "forwarding": (
            "SSHForwarder SSHListener SSHSocketSessionFactory SSHTCPChannel SSHTCPSession SSHTunTapChannel "
            "SSHTunTapSession SSHUNIXChannel SSHUNIXSession"
        ),
    }.items()
    for name in names.split()
}

#: Modules that programs written for AsyncSSH name without importing them, as in `asyncssh.misc.Error`.
_PLACES: Final = frozenset(
    "agent channel client connection constants misc process public_key server session stream".split()
)

_CONSTANTS: Final = ("DISC_", "OPEN_", "PTY_", "EXTENDED_DATA_")

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the names of a literal table


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return import_module(f"nacre.{name}")
    module = _HOMES.get(name)
    if module is None and name.startswith(_CONSTANTS):
        module = "nacre.constants"
    if module is None:
        if name in _ABSENT:
            raise AttributeError(
                f"nacre.{name} is not supported yet by this version: it has no {_ABSENT[name]}"
            )
        raise AttributeError(f"module 'nacre' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    constants = (name for name in dir(import_module("nacre.constants")) if name.startswith(_CONSTANTS))
    return sorted({*globals(), *__all__, *constants})
