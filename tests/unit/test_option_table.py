"""The table has every option name that the ecosystem knows, each once for each side."""

from __future__ import annotations

from nacre.option_table import OPTIONS, Sides, table

#: The option names of AsyncSSH 2.24 (api-parity, sections 3.1 and 3.2).
CLIENT = """config client_factory client_version host port tunnel proxy_command family local_addr tcp_keepalive
utf8_decode_errors canonicalize_hostname canonical_domains canonicalize_fallback_local canonicalize_max_dots
canonicalize_permitted_cnames kex_algs encryption_algs mac_algs compression_algs signature_algs host_based_auth
public_key_auth kbdint_auth password_auth x509_trusted_certs x509_trusted_cert_paths x509_purposes rekey_bytes
rekey_seconds connect_timeout login_timeout keepalive_interval keepalive_count_max known_hosts host_key_alias
server_host_key_algs server_host_keys_handler username password client_host_keysign client_host_keys
client_host_certs client_host client_username client_keys client_certs passphrase ignore_encrypted gss_host
gss_store gss_kex gss_auth gss_delegate_creds preferred_auth disable_trivial_auth agent_path agent_identities
agent_forwarding pkcs11_provider pkcs11_pin command subsystem env send_env request_pty term_type term_size
term_modes x11_forwarding x11_display x11_auth_path x11_single_connection encoding errors window
max_pktsize""".split()
SERVER = """config server_factory server_version host port tunnel proxy_command family local_addr tcp_keepalive
utf8_decode_errors canonicalize_hostname canonical_domains canonicalize_fallback_local canonicalize_max_dots
canonicalize_permitted_cnames kex_algs encryption_algs mac_algs compression_algs signature_algs host_based_auth
public_key_auth kbdint_auth password_auth x509_trusted_certs x509_trusted_cert_paths x509_purposes rekey_bytes
rekey_seconds connect_timeout login_timeout keepalive_interval keepalive_count_max server_host_keys
server_host_certs send_server_host_keys passphrase known_client_hosts trust_client_host authorized_client_keys
gss_host gss_store gss_kex gss_auth allow_pty line_editor line_echo line_history max_line_length rdns_lookup
x11_forwarding x11_auth_path agent_forwarding process_factory session_factory encoding errors sftp_factory
sftp_version allow_scp window max_pktsize""".split()
SESSION = """command subsystem env send_env request_pty term_type term_size term_modes x11_forwarding
x11_display x11_auth_path x11_single_connection encoding errors window max_pktsize""".split()
#: nacre's own.
OWN = set(
    """ident_timeout write_timeout max_channels max_sessions max_unauthenticated max_per_source
source_penalties exempt_sources source_of proxy_protocol_from revoked_keys profile gss_kex_algs max_auth_tries""".split()
)
OWN_CLIENT = set(
    """ident_timeout revoked_host_keys strict_host_key_checking hash_known_hosts update_host_keys
verify_host_key_dns sshfp_resolver config_exec config_tag profile gss_kex_algs""".split()
)


def test_every_name_is_known() -> None:
    assert (len(CLIENT), len(SERVER)) == (77, 63)
    assert set(table(Sides.CLIENT)) == {*CLIENT, *OWN_CLIENT}
    assert set(table(Sides.SERVER)) == set(SERVER) | OWN
    assert set(table(Sides.SESSION | Sides.CLIENT)) == set(SESSION)


def test_every_option_stands_there_once() -> None:
    for side in (Sides.CLIENT, Sides.SERVER):
        names = [option.name for option in OPTIONS if side in option.sides]
        assert len(names) == len(set(names))
