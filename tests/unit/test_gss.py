"""GSS-API by Kerberos between nacre's two ends: who asked for it, who gets in, and what a program is told."""

from __future__ import annotations

import asyncio
import importlib.util
import threading

import pytest

import nacre
from nacre import gss
from nacre.crypto.kex.gss import with_mechanism
from nacre.errors import GssError
from nacre.options import SSHClientConnectionOptions, SSHServerConnectionOptions
from nacre.protocol.events import GssFailure, GssStepNeeded
from tests.support.cases import each_case
from tests.support.face import asynctest, client_options, host_key
from tests.support.kerberos import HOST, REALM

CURVE = with_mechanism("gss-curve25519-sha256", gss.KERBEROS)
kerberos = pytest.mark.requires("krb5", "gssapi")


class Known(nacre.SSHServer):
    """Lets in whom the realm knows by that name; keeps its last connection."""

    conn: nacre.SSHServerConnection

    def connection_made(self, conn):
        type(self).conn = conn


async def served(realm, *, server=(), **options):
    """Return a listener that takes Kerberos, and what connects to it with the tickets of "user"."""
    settings = {
        "server_host_keys": [host_key()],
        "server_factory": Known,
        "gss_host": HOST,
        "gss_store": str(realm.keytab(f"host/{HOST}")),
        **dict(server),
    }
    listener = await nacre.listen("127.0.0.1", 0, **settings)

    async def dial(**more):
        wanted = {"gss_host": HOST, "gss_store": str(realm.tickets("user")), **options, **more}
        return await nacre.connect("127.0.0.1", listener.get_port(), **client_options(**wanted))

    return listener, dial


# ---------------------------------------------------------------- who asked for it


@each_case("kind", [SSHClientConnectionOptions, SSHServerConnectionOptions])
@each_case(("given", "asked"), [
        ({}, False),
        ({"gss_host": None}, False),
        ({"gss_host": None, "gss_kex": True}, False),
        ({"gss_auth": False}, False),
        ({"gss_kex": False, "kex_algs": "gss-curve25519-sha256,curve25519-sha256"}, False),
        ({"gss_auth": True}, True),
        ({"gss_host": "x"}, True),
        ({"gss_store": "x"}, True),
        ({"gss_kex": True}, True),
        ({"kex_algs": "+gss-group14-sha256"}, True),
    ])  # fmt: skip
def test_who_asked_for_it(kind, given, asked):
    assert gss.asked_for(kind(**given)) is asked


def test_key_exchanges_as_on_the_wire():
    options = SSHClientConnectionOptions
    default = gss.kex_algorithms(options(), gss=False)
    assert default == ("mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org")
    assert gss.kex_algorithms(options(), gss=True) == (CURVE, *default)
    chosen = options(gss_kex_algs="gss-group16-sha512,gss-nistp256-sha256", kex_algs="curve25519-sha256")
    assert [name.rpartition("-")[0] for name in gss.kex_algorithms(chosen, gss=True)[:2]] == [
        "gss-group16-sha512",
        "gss-nistp256-sha256",
    ]
    assert gss.kex_algorithms(chosen, gss=True)[2:] == gss.kex_algorithms(chosen, gss=False)
    named = options(kex_algs="curve25519-sha256,gss-curve25519-sha256", gss_kex_algs="gss-group14-sha256")
    assert gss.kex_algorithms(named, gss=True) == ("curve25519-sha256", CURVE)
    assert gss.kex_algorithms(named, gss=False) == ("curve25519-sha256",)
    with pytest.raises(nacre.KeyExchangeFailed, match="GSS-API alone"):
        gss.kex_algorithms(options(kex_algs="gss-curve25519-sha256"), gss=False)


@pytest.mark.parametrize("name", ["gss-group14-sha1", "gss-gex-sha1", "gss-*"])
def test_methods_that_there_are_not(name):
    with pytest.raises(ValueError, match="key exchange method"):
        SSHClientConnectionOptions(kex_algs=name)


@pytest.mark.parametrize("value", ["", "@x", "host@", "a\0b"])
def test_names_that_are_none(value):
    with pytest.raises(ValueError, match="gss_host"):
        SSHClientConnectionOptions(gss_host=value)


def test_a_store_is_a_file_or_files_by_name():
    for value in ("x", b"x", {"ccache": "x"}, None):
        SSHServerConnectionOptions(gss_store=value)
    with pytest.raises(TypeError, match="gss_store"):
        SSHServerConnectionOptions(gss_store=5)


# ---------------------------------------------------------------- without the package


@pytest.fixture
def without_package(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "gssapi" else find(name, *more)
    )


@pytest.mark.parametrize(
    "given", [{"gss_kex": True}, {"gss_host": "x"}, {"kex_algs": "+gss-curve25519-sha256"}]
)
@asynctest
async def test_without_the_package_who_asks_for_it_is_told_in_one_line(without_package, given):
    with pytest.raises(ImportError, match=r"pip install 'nacre\[gssapi\]'") as told:
        await nacre.connect("127.0.0.1", 1, **client_options(**given))
    assert "\n" not in str(told.value)
    with pytest.raises(ImportError, match="gssapi"):
        await nacre.listen("127.0.0.1", 0, server_host_keys=[host_key()], **given)


class Offering(nacre.SSHServer):
    """Lets in by a password alone."""

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return password == "secret"


@kerberos
@asynctest
async def test_without_the_package_a_default_is_silent(in_realm, monkeypatch, caplog):
    listener, dial = await served(in_realm, server={"server_factory": Offering})
    async with listener:
        monkeypatch.setattr(gss, "available", lambda: False)
        monkeypatch.setattr("nacre.client_auth.gss_available", lambda: False)
        async with await dial(gss_host=(), gss_store=None, password="secret") as connection:
            assert connection.get_extra_info("username") == "user"
    assert "gss" not in caplog.text.lower()


# ---------------------------------------------------------------- logging in


@kerberos
@pytest.mark.parametrize("kex", [True, False])
@asynctest
async def test_what_a_server_knows_of_a_login(in_realm, kex):
    listener, dial = await served(in_realm, server={"gss_kex": True})
    async with listener, await dial(gss_kex=kex) as connection:
        info = Known.conn.get_extra_info
        assert info("gss_user_principal") == f"user@{REALM}"
        assert info("gss_host_principal") == f"host/{HOST}@{REALM}"
        assert info("gss_delegated_creds") is None
        protocol = connection._link.protocol
        assert protocol.info.negotiated.kex.startswith("gss-") is kex
        # A key that was shown serves for new keys: the KDC is not asked again.
        protocol.rekey()
        connection._link.touch()
        await connection._link.global_request("nobody@example.org", b"")
        assert not protocol.info.negotiated.kex.startswith("gss-")


@kerberos
@asynctest
async def test_a_client_without_options_tries_it_where_it_is_offered(in_realm, monkeypatch):
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{in_realm.tickets('user')}")
    in_realm.keytab("host/127.0.0.1")
    listener, dial = await served(
        in_realm,
        server={"gss_host": "127.0.0.1", "gss_store": {"keytab": str(in_realm.keytab("host/127.0.0.1"))}},
    )
    async with listener, await dial(gss_host=(), gss_store=None):
        assert Known.conn.get_extra_info("gss_user_principal") == f"user@{REALM}"


@kerberos
@asynctest
async def test_a_key_that_was_named_goes_before_a_default(in_realm, monkeypatch):
    """Nobody asked for GSS-API: it must not cost a round trip."""
    key = nacre.generate_private_key("ssh-ed25519")
    listener, dial = await served(
        in_realm,
        server={"authorized_client_keys": nacre.import_authorized_keys(key.export_public_key().decode())},
    )
    async with listener:
        async with await dial(gss_host=(), gss_store=None, client_keys=[key]):
            assert Known.conn.get_extra_info("gss_user_principal") is None
        async with await dial(client_keys=[key]):
            assert Known.conn.get_extra_info("gss_user_principal") == f"user@{REALM}"


@kerberos
@asynctest
async def test_credentials_are_handed_on_where_that_is_wanted(in_realm):
    listener, dial = await served(in_realm, gss_store=str(in_realm.tickets("user", forwardable=True)))
    async with listener:
        async with await dial():
            assert Known.conn.get_extra_info("gss_delegated_creds") is None
        async with await dial(gss_delegate_creds=True):
            handed_on = Known.conn.get_extra_info("gss_delegated_creds")
            assert str(handed_on.name) == f"user@{REALM}"


@kerberos
@asynctest
async def test_a_server_that_did_not_ask_for_it_has_none(in_realm, monkeypatch):
    """Not even with a key of its own in the usual place: nobody comes in by a way that nobody opened."""
    monkeypatch.setenv("KRB5_KTNAME", f"FILE:{in_realm.keytab(f'host/{HOST}')}")
    listener, dial = await served(in_realm, server={"gss_host": (), "gss_store": None})
    async with listener:
        with pytest.raises(nacre.PermissionDenied, match="takes no method"):
            await dial()


@kerberos
@asynctest
async def test_a_server_without_keys_says_so_at_its_start(in_realm):
    with pytest.raises(ValueError, match="GSS-API: this server has no keys") as told:
        await served(in_realm, server={"gss_store": str(in_realm.directory / "nothing")})
    assert "\n" not in str(told.value)


@kerberos
@asynctest
async def test_a_server_without_a_host_key_needs_the_key_exchange(in_realm):
    with pytest.raises(ValueError, match="needs a host key"):
        await served(in_realm, server={"server_host_keys": []})
    listener, dial = await served(in_realm, server={"server_host_keys": [], "gss_kex": True})
    async with listener:
        async with await dial(gss_kex=True) as connection:
            assert connection.get_server_host_key() is None
        with pytest.raises(nacre.KeyExchangeFailed):
            await dial()


@kerberos
@asynctest
async def test_a_host_key_that_gss_vouches_for(in_realm):
    """Unknown or changed, it is the right one; revoked, it never is."""
    listener, dial = await served(in_realm, server={"gss_kex": True})
    async with listener:
        changed = nacre.generate_private_key("ssh-ed25519").export_public_key().decode()
        ours = host_key().export_public_key().decode()
        where = f"[127.0.0.1]:{listener.get_port()}"
        for known_hosts in ("", f"{where} {changed}"):
            async with await dial(gss_kex=True, known_hosts=known_hosts.encode()) as connection:
                assert connection.get_server_host_key() == host_key().convert_to_public()
            with pytest.raises(nacre.HostKeyNotVerifiable):
                await dial(known_hosts=known_hosts.encode())
        with pytest.raises(nacre.HostKeyNotVerifiable, match="revoked"):
            await dial(gss_kex=True, known_hosts=f"@revoked * {ours}".encode())
        # Whoever wants to see the key sees it: GSS-API is not asked.
        assert await nacre.get_server_host_key("127.0.0.1", listener.get_port(), config=None) is not None


# ---------------------------------------------------------------- principals


@each_case(("username", "user_principal", "host_principal", "right"), [
        ("alice", "alice@X.ORG", "host/h@X.ORG", True),
        ("alice", "bob@X.ORG", "host/h@X.ORG", False),
        ("alice", "alice@Y.ORG", "host/h@X.ORG", False),
        ("alice", "alice@x.org", "host/h@X.ORG", False),
        ("alice", "Alice@X.ORG", "host/h@X.ORG", False),
        ("alice", "alice/admin@X.ORG", "host/h@X.ORG", False),
        ("alice", "alice", "host/h@X.ORG", False),
        ("alice", "alice@", "host/h@", False),
        ("alice", "alice@", "host/h", False),
        ("", "@X.ORG", "host/h@X.ORG", False),
        ("alice@X.ORG", "alice@X.ORG", "host/h@X.ORG", False),
        ("alice@Y.ORG", r"alice\@Y.ORG@X.ORG", "host/h@X.ORG", False),
    ])  # fmt: skip
def test_who_may_log_in_by_default(username, user_principal, host_principal, right):
    assert nacre.SSHServer().validate_gss_principal(username, user_principal, host_principal) is right


@kerberos
@asynctest
async def test_the_callback_decides_in_each_form(in_realm):
    for answer, allowed in ((True, True), (False, False), (None, False), (NotImplemented, False)):
        for plain in (True, False):

            class Deciding(Known):
                def validate_gss_principal(self, *names, answer=answer, plain=plain):
                    async def later():
                        await asyncio.sleep(0)
                        return answer

                    return answer if plain else later()

            listener, dial = await served(in_realm, server={"server_factory": Deciding})
            async with listener:
                if allowed:
                    async with await dial():
                        assert Deciding.conn.get_extra_info("gss_user_principal") == f"user@{REALM}"
                else:
                    with pytest.raises(nacre.PermissionDenied):
                        await dial()


# ---------------------------------------------------------------- steps


@kerberos
@asynctest
async def test_a_step_blocks_no_event_loop(in_realm):
    """It is taken in a thread: a KDC that does not answer holds up nobody but who asked."""
    caught = []

    class Slow(gss.Context):
        def step(self, token):
            caught.append(threading.current_thread())
            raise GssError("nobody answers", b"token")

    answer = await gss.take_step(GssStepNeeded(None, Slow(lambda: None), b""), server=False)
    assert answer == GssFailure("nobody answers", b"token")
    assert caught[0] is not threading.main_thread()


@kerberos
def test_a_context_that_has_not_begun_is_nothing(in_realm):
    context = gss.Context(lambda: None)
    assert (context.complete, context.mutual, context.integrity) == (False, False, False)
    assert (context.initiator, context.acceptor, context.delegated) == ("", "", None)
    assert context.verify(b"data", b"mic") is False
    with pytest.raises(GssError):
        context.sign(b"data")


@kerberos
def test_a_signature_is_of_its_context_and_its_data(in_realm):
    """And an error of the library is one of ours, with the token that the peer is to get."""
    client = gss.ClientGss(
        SSHClientConnectionOptions(gss_store=str(in_realm.tickets("user"))), HOST
    ).context()
    server_options = SSHServerConnectionOptions(gss_host=HOST, gss_store=str(in_realm.keytab(f"host/{HOST}")))
    server = gss.of_server(server_options).context()
    assert client.step(server.step(client.step(b""))) == b""
    for one, other in ((client, server), (server, client)):
        assert (one.complete, one.mutual, one.integrity) == (True, True, True)
        mic = one.sign(b"data")
        assert other.verify(b"data", mic) is True
        assert other.verify(b"date", mic) is False
        assert other.verify(b"data", mic[:-1] + bytes([mic[-1] ^ 1])) is False
        assert other.verify(b"data", b"") is False
        assert one.verify(b"data", mic) is False  # not by whom it says
    assert (server.initiator, server.acceptor) == (f"user@{REALM}", f"host/{HOST}@{REALM}")
    with pytest.raises(GssError):
        gss.of_server(server_options).context().step(b"no token of Kerberos")
    assert gss.of_server(server_options) is gss.of_server(server_options)
