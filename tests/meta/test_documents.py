"""The programs of README.md and docs/library.md do what the text says, word for word but for port, user and rounds of a KDF."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import nacre
from tests.support.agent import ssh_agent
from tests.support.openssh import Sshd, find

ROOT = Path(__file__).resolve().parents[2]

#: Runs a program with its server on a free port, and says which.
ON_A_FREE_PORT = """
import sys
import nacre

def told(call):
    async def listening(*args, **kwargs):
        server = await call(*args, **kwargs)
        print(server.get_port(), flush=True)
        return server
    return listening

nacre.listen, nacre.create_server = told(nacre.listen), told(nacre.create_server)
exec(compile(sys.stdin.read().replace("8023", "0"), "document", "exec"), {"__name__": "__main__"})
"""


def programs(document: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_the_documents_have_the_programs_that_are_tested():
    names = "README.md docs/library.md docs/testing.md docs/agent.md docs/login-by-x509.md".split()
    assert [len(programs(name)) for name in names] == [2, 8, 4, 3, 1]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home with a key of the user, and a host key and authorized_keys in the working directory."""
    ssh = tmp_path / ".ssh"
    ssh.mkdir(mode=0o700)
    user = nacre.generate_private_key("ssh-ed25519")
    user.write_private_key(ssh / "id_ed25519")
    user.write_public_key(tmp_path / "authorized_keys")
    nacre.generate_private_key("ssh-ed25519").write_private_key(tmp_path / "host_key")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trust(home: Path, port: int, public: str) -> None:
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")


@contextmanager
def serving(home: Path, program: str) -> Iterator[int]:
    """Run a program with a server; gives its port, which the user of `home` knows from then on."""
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_FREE_PORT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(program)
            process.stdin.close()
            port = int(process.stdout.readline())
            trust(home, port, nacre.read_private_key(home / "host_key").export_public_key().decode())
            yield port
        finally:
            process.terminate()


def told(program: str, port: int, user: str) -> str:
    """Return a program with its port and its user."""
    return program.replace("8023", str(port)).replace('"alice"', repr(user))


def run(program: str, port: int, user: str = "alice") -> str:
    """Run a program in this process; returns what it says."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        exec(compile(told(program, port, user), "document", "exec"), {"__name__": "__main__"})
    assert errors.getvalue() == ""
    return output.getvalue()


def run_alone(program: str, port: int, user: str = "alice") -> str:
    """Run a program in a process of its own, as its reader would; returns what it says."""
    text = told(program, port, user)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_readme(home):
    server, client = programs("README.md")
    with serving(home, server) as port:
        assert run_alone(client, port) == "Hello alice, you asked for uptime.\n"


@pytest.mark.requires("sshd")
@pytest.mark.parametrize(
    ("document", "number", "output"),
    [
        ("docs/library.md", 0, "a\nb\n"),
        ("docs/library.md", 1, "one\ntwo\n"),
        ("docs/blocking.md", 0, "a\nb\n"),
    ],
)
def test_clients(home, document, number, output):
    with Sshd(find("9.2"), home / "sshd") as server:
        server.authorized_keys.write_bytes((home / "authorized_keys").read_bytes())
        (home / ".ssh" / "known_hosts").write_text(server.known_hosts())
        assert run(programs(document)[number], server.port, server.user) == output


def test_signatures_of_files(home):
    (home / "report.pdf").write_bytes(b"%PDF")
    (home / ".ssh" / "id_ed25519").rename(home / "id_ed25519")
    (home / "allowed_signers").write_text("alice@example.com " + (home / "authorized_keys").read_text())
    assert run(programs("docs/library.md")[6] + "print(good)", 0) == "True\n"


def test_certificates(home):
    nacre.generate_private_key("ssh-ed25519").write_private_key(home / "authority")
    (home / "authorized_keys").rename(home / "id_ed25519.pub")
    assert run(programs("docs/library.md")[7], 0) == ""
    certificate = nacre.read_certificate(home / "id_ed25519-cert.pub")
    certificate.validate(1, "alice")
    assert certificate.signing_key == nacre.read_private_key(home / "authority").convert_to_public()


async def ask(port: int, **options) -> nacre.SSHCompletedProcess:
    async with nacre.connect("127.0.0.1", port, username="alice", **options) as connection:
        return await connection.run("", input="1\n2\n", check=True)


def test_server_of_a_process(home):
    with serving(home, programs("docs/library.md")[2]) as port:
        assert asyncio.run(ask(port)).stdout == "1\n3\n"


def test_server_with_passwords(home):
    with serving(home, programs("docs/library.md")[3]) as port:
        done = asyncio.run(ask(port, password="correct horse", client_keys=None))
        assert done.stdout == "welcome\n"
        with pytest.raises(nacre.PermissionDenied):
            asyncio.run(ask(port, password="wrong", client_keys=None))


def test_keys(home):
    words = 'passphrase="correct horse"'
    program = programs("docs/library.md")[4].replace(words, f"{words}, rounds=50")  # in place of 128
    assert "rounds" in program
    exec(compile(program, "document", "exec"), {})
    assert (home / "id_ed25519").stat().st_mode & 0o777 == 0o600


@pytest.mark.requires("ssh-agent")
def test_agent(home, monkeypatch):
    with ssh_agent(home) as agent:
        agent.ssh_add(home / ".ssh" / "id_ed25519")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent.path))
        assert run(programs("docs/library.md")[5], 0).startswith("ssh-ed25519 ")


@pytest.mark.requires("ssh-agent")
def test_an_agent_of_one_s_own(home):
    assert "(ED25519)" in run_alone(programs("docs/agent.md")[0], 0)


def test_a_login_by_an_agent_of_one_s_own(home):
    (home / ".ssh" / "id_ed25519").rename(home / "work_key")
    with serving(home, programs("README.md")[0]) as port:
        assert run(programs("docs/agent.md")[1], port) == "Hello alice, you asked for uptime.\n"


@pytest.mark.requires("ssh-agent")
def test_a_server_that_uses_its_client_s_agent(home, open_tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(open_tmp_path))  # the server is killed, and leaves its socket
    with ssh_agent(home) as agent, serving(home, programs("docs/agent.md")[2]) as port:
        agent.ssh_add(home / ".ssh" / "id_ed25519")
        assert "does not forward" in asyncio.run(ask(port)).stderr
        said = asyncio.run(ask(port, agent_path=str(agent.path), agent_forwarding=True)).stdout
        assert said.startswith("ssh-ed25519 ")


@pytest.mark.parametrize("number", range(4))
def test_the_programs_of_testing(home, number):
    assert run(programs("docs/testing.md")[number], 0) == ""


def test_the_program_with_x509_certificates(home):
    assert run(programs("docs/login-by-x509.md")[0], 0) == "alice is logged in\n"
