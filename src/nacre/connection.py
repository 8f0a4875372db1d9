"""Where programs written for AsyncSSH look for connections, their options, and what makes them: public names under a second address.

Must not hold anything of its own: nothing in nacre imports this.
"""

from __future__ import annotations

from nacre.acceptor import SSHAcceptor as SSHAcceptor
from nacre.client_connection import SSHClientConnection as SSHClientConnection
from nacre.connecting import connect as connect
from nacre.connecting import create_connection as create_connection
from nacre.connecting import get_server_auth_methods as get_server_auth_methods
from nacre.connecting import get_server_host_key as get_server_host_key
from nacre.connecting import run_client as run_client
from nacre.listening import connect_reverse as connect_reverse
from nacre.listening import create_server as create_server
from nacre.listening import listen as listen
from nacre.listening import listen_reverse as listen_reverse
from nacre.listening import run_server as run_server
from nacre.options import SSHClientConnectionOptions as SSHClientConnectionOptions
from nacre.options import SSHServerConnectionOptions as SSHServerConnectionOptions
from nacre.server_connection import SSHServerConnection as SSHServerConnection
