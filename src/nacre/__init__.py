"""SSH for Python: clients and servers on asyncio.

Owns: the flat public names, nothing else. They are imported when they are first used, so that
`import nacre`, and with it any module of the package that needs no cryptography, stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from nacre._version import __version__

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
        "nacre.process.server": "SSHServerProcess SSHServerProcessFactory",
        "nacre.aio.channel": "DataType",
        "nacre.aio.client_channel": "SSHClientChannel",
        "nacre.aio.server_channel": "SSHServerChannel",
        "nacre.aio.session": "SSHClientSession SSHServerSession",
        "nacre.aio.stream": "SSHReader SSHWriter",
        "nacre.aio.stream_session": "SSHServerSessionFactory",
        "nacre.aio.log": "logger set_log_level",
        "nacre.client": "SSHClient",
        "nacre.server": "PartialSuccess SSHServer",
        "nacre.client_connection": "SSHClientConnection",
        "nacre.server_connection": "SSHServerConnection",
        "nacre.options": "SSHClientConnectionOptions SSHServerConnectionOptions",
        "nacre.connecting": "connect create_connection get_server_host_key run_client",
        "nacre.listening": "SSHAcceptHandler SSHAcceptor create_server listen run_server",
        "nacre.keys": (
            "SSHKey SSHKeyPair generate_private_key import_private_key import_public_key load_keypairs "
            "load_public_keys read_private_key read_private_key_list read_public_key read_public_key_list "
            "set_default_skip_rsa_key_validation"
        ),
        "nacre.trust": (
            "SSHAuthorizedKeys SSHKnownHosts import_authorized_keys import_known_hosts match_known_hosts "
            "read_authorized_keys read_known_hosts"
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
            "SFTPServer SFTPServerFactory SFTPUnknownPrincipal SFTPVFSAttrs SFTPWriteProtect scp "
            "set_sftp_log_level"
        ),
        "certificates": (
            "SSHCertificate import_certificate load_certificates read_certificate read_certificate_list"
        ),
        "signatures of files": (
            "SSHAllowedSigners create_sshsig import_allowed_signers read_allowed_signers validate_sshsig"
        ),
        "agents": "SSHAgentClient SSHAgentKeyPair connect_agent",
        "security tokens": "load_pkcs11_keys load_resident_keys",
        "forwarding": (
            "SSHForwarder SSHListener SSHSocketSessionFactory SSHTCPChannel SSHTCPSession SSHTunTapChannel "
            "SSHTunTapSession SSHUNIXChannel SSHUNIXSession"
        ),
        "subprocess transports": (
            "SSHSubprocessProtocol SSHSubprocessReadPipe SSHSubprocessTransport SSHSubprocessWritePipe"
        ),
        "the line editor": "SSHLineEditorChannel",
        "reverse connections": "connect_reverse listen_reverse",
        "querying authentication methods": "get_server_auth_methods",
        "packet traces": "set_debug_level",
    }.items()
    for name in names.split()
}

_CONSTANTS: Final = ("DISC_", "OPEN_", "PTY_", "EXTENDED_DATA_")

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the names of a literal table


def __getattr__(name: str) -> Any:
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
    return sorted({*globals(), *__all__})
