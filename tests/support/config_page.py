"""Writes docs/config.md: every keyword of OpenSSH's configuration files, and what becomes of it here.

Owns: the text of the page. Must not know: any keyword.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from nacre.config_server_standing import SERVER_OPTIONS, SERVER_RULES
from nacre.config_standing import CLIENT_OPTIONS, CLIENT_RULES, Rule, Standing
from nacre.option_table import Option, Sides, table
from nacre.trust.config_keywords import CLIENT, CLIENT_IGNORED, Keyword
from nacre.trust.config_server_keywords import SERVER, SERVER_IGNORED

__all__ = ["page"]

_HEAD: Final = """\
# OpenSSH's configuration files

<!-- Written by `pytest tests/golden --update-goldens`; a test compares. -->

A client reads `~/.ssh/config` as `ssh` reads it; `config=` names other files, one or several (`/etc/ssh/ssh_config` is
read only then), and `config=None` leaves them alone. What the program gives goes before what is written there. The judge is `ssh` itself: tests give the
same files to both, and compare every keyword with `ssh -G`, of two versions of OpenSSH.

* **Nothing is passed over.** A keyword that OpenSSH does not know is an error, unless `IgnoreUnknown` names it before; so is
  a wrong value, also where the line does not apply. A keyword that applies and that nacre does not do is an error that
  names file, line and keyword. What nothing here could mean is taken, and the table says why; where only the way to the same
  is another one (`ControlMaster`), the log says so once (INFO). macOS's `UseKeychain` is known there, and `passphrase` does its work.
* **Conditions**: `Host`; `Match` with `all`, `canonical`, `final`, `host`, `originalhost`, `user`, `localuser`, `tagged`
  (also by the option `config_tag`), `command`, `sessiontype`, `version`, `localnetwork` (Linux); and `exec`,
  only where the program gives `config_exec=True`. `Include` with patterns, relative to `~/.ssh`, 16 deep.
* **No shell.** A `ProxyCommand`, and a command of `Match exec`, is a program and its arguments; one with shell syntax is
  refused. Tokens are resolved after it is in words, and a name that would be more than a name (`-oX`, `a b`, `$(x)`) is refused.
* **`KnownHostsCommand`** is run as by ssh: without a shell, as the user, once for the order of algorithms (`%I` is `ORDER`; `%H` has the
  port there, as in ssh 10.0 and not in 9.2) and once when the host has shown its key (`HOSTNAME`), after the files. Its lines count for the host
  as `%H` has it, and go before what files have for its name without the port or for its address; `@revoked` of either
  is. A program that does not start, that ends with another status than 0, takes more than 30 seconds, or prints more than 1 MiB or
  10,000 lines ends the connection (ssh goes on where it does not start). `ADDRESS` is never asked for, as there is no
  `CheckHostIP`, nor is `ORDER` where others call us. Where the program gives `known_hosts`, none is run.
* **Tokens and variables** as in ssh_config(5), `${VARIABLE}` where it has them. `CanonicalizeHostname` and its siblings
  resolve names in a thread.
* **Algorithms**: `+`, `-` and `^` with wildcards, as in OpenSSH. What OpenSSH has and nacre has not is left out of a list; wildcards never
  reach what nacre does not offer by default. A name that neither knows is an error, after `-` too.
  `CASignatureAlgorithms` is about the certificates of hosts, `HostbasedAcceptedAlgorithms` about the signature of this host,
  `PubkeyAcceptedAlgorithms` about keys and certificates of the user: what it has not is not shown. An algorithm with a
  certificate has a name of its own in the last two (`ssh-ed25519` alone means no certificate). There are no options for these
  three: `signature_algs` names signatures, and means each with a certificate as well. Where both are said, both hold, and
  nothing in common is an error.
* **Whose file it is.** `~/.ssh/config`, and what it includes, must be the user's or root's and nobody else's to change.
* **One file for ssh and for programs**: what only somebody at a terminal wants (`LocalForward`, `DynamicForward`, `ForwardX11`) stands
  under an alias of its own, `Host web-tunnel` beside `Host web`, or programs name another file with `config=`. An error lists
  all lines that are in the way of a host.
* **Agents**: `AddKeysToAgent` hands over what was read from the user's own files and has logged in, never what the program
  gives (`client_keys`), and never to an agent that the program gives (`agent_path`), which may be somebody else's that is lent.
  `confirm` and times are the agent's affair, as by `ssh-add -c -t`.
* **What the program says itself**: where it gives `known_hosts`, `NoHostAuthenticationForLocalhost` has no host believed;
  where it gives `proxy_command`, `ProxyUseFdpass` is not about that one. Behind a `ProxyCommand` no address is looked up in
  `known_hosts`, whatever connection it hands over: that may be one to a proxy.
* **Elsewhere than on Linux** `BindInterface` is an error when the host is called; on Windows `KnownHostsCommand` and `ProxyCommand` are, too.
* **Not by a name of its own**: keywords with "done" and nothing beside have no option; a configuration alone says them.
* Names of services (`Port ssh`) are refused: give numbers.
"""

_SERVER: Final = """\
## Of servers: sshd_config(5)

A server reads none unless `config=` of `listen` names files. All of them are read and checked when it starts, what stands in a
`Match` block too: nobody finds out at a login that a line cannot be kept. `update(config=…)` reads anew; a listener stays where
it is, and the log says so. The judge is `sshd -T`, with `-C user=…,host=…,addr=…` for whom `Match` is about.

* `Match` with `all`, `invalid-user`, `user`, `group`, `host`, `address` and `localaddress` (with networks), `localport` and
  `version` is asked at each login, when the user has a name; what it says holds for that connection from there on, and a
  login as somebody else starts over. Relative files of `Include` are below `/etc/ssh`.
* **Users** need not be those of the machine. `AllowUsers`, `AuthenticationMethods`, `ForceCommand` and the like are asked of the
  name that the client gives; groups, `%h` and `%U` are those of the machine's user of that name, and nobody else has any.
  Whoever may not come is asked for everything that others are asked for, and refused at the end.
* **Keys**: `AuthorizedKeysFile` with `%u %h %U %%`, one path or several. A name that leads elsewhere (`../x`, `a/b`, `~x`)
  has no keys. `StrictModes` is on, as in OpenSSH. `TrustedUserCAKeys` trusts authorities for certificates with the
  user's own name, or with one of `AuthorizedPrincipalsFile` (a line may have options before the name).
  Where the file says neither, the program says whose keys are taken, as without a configuration. `environment=` of a line
  counts as `PermitUserEnvironment` says; where it says nothing, that of the program's own list alone.
* **Programs**: `AuthorizedKeysCommand` and `AuthorizedPrincipalsCommand` are run as by sshd, in `Match` blocks too: after the files,
  for each key that is shown, once for a query and once for a signature; without a shell, in `/`, with nothing on stdin,
  as the user that `…CommandUser` names, which must be said; root alone may be able to change the program or a folder above
  it. What is wrong with that is told when the server starts. A server that is not root runs programs as its own user alone.
  What one prints counts when it ends with status 0, within 30 seconds, 1 MiB and 10,000 lines; else it is as if nothing were
  printed, and the log says why, and what it wrote to stderr. It is killed then, and when the login ends, with its process group.
  8 run at once, 4 for any one name or source. Tokens: `%u %h %U %t %f %k %C %D %%`, and `%i %s %T %F %K` of certificates. `%C`
  has our end first, as sshd 10.0 does it, and `%D` is empty; principals have no argument but those that are written.
  For users whom the machine does not have the program runs too, with `/nonexistent` and 65534 for `%h` and `%U`, and what it prints
  about these is void: nobody sees by it who is there (but where `…CommandUser` is `%u`: there is nobody to run as). Where the program gives `authorized_client_keys`, or calls
  `set_authorized_keys`, none is run. sshd 9.2 passes over an `AuthorizedPrincipalsCommand` below an `AuthorizedKeysCommand`; nacre does not.
* **Slow directories and disks** hold up the login that asks them and no other connection: users, groups and files are looked up
  in threads, 16 at once, and 4 for any one name or source. `LoginGraceTime` ends the waiting.
* **Signatures**: `CASignatureAlgorithms` says what authorities may have signed certificates with, of users and of hosts that vouch;
  for every login. `PubkeyAcceptedAlgorithms` says which keys and certificates of users are taken, those for certificates by their
  own names: `ssh-ed25519` takes no certificate, `*-cert-*` nothing else. What a program gives as `signature_algs`, which names
  signatures, holds as well; where nothing is left of a line, that is an error. `HostbasedAcceptedAlgorithms` says the same
  of hosts that vouch; without it that is `signature_algs`. All three count in a `Match` block, too; what users may sign with by any
  line is announced (`server-sig-algs`), and again once the user has a name, to clients that take that. None has RSA with SHA-1,
  and X.509 is not meant.
* **Keys**, as sshd judges them: `RequiredRSASize` is about keys of users and of hosts that vouch, with a certificate and without, and
  about this host's own, which are left out where they are too short; not about authorities. `PubkeyAuthOptions` asks every security
  key for a touch or a PIN, whatever waives it. Of `HostKeyAlgorithms` each host key signs with what it can; a server does not start where none is left.
* **What distributions ship** as `/etc/ssh/sshd_config` has three lines that must go: `UsePAM yes`, `X11Forwarding yes` and
  `Subsystem sftp …`. Every line that cannot be kept is told in one error; and `HostKey` must be said, or `server_host_keys` given.
* **Time**: `ChannelTimeout` counts what moves either way on sessions by what was asked for (`session:shell`, `session:command`,
  `session:subsystem:…`) and on `agent-connection`; `global` on all together. What expires is closed without a status.
* `ExposeAuthInfo`: `SSH_USER_AUTH` of a session names a file with a line for each method that has said yes (`publickey ssh-ed25519 AAAA…`);
  whoever runs the server may read it, and it goes with the connection. Neither client nor key sets that variable then.
* **Where**: each `ListenAddress` without a port has every `Port`; a host or a port that the program gives goes before all of them.
* **What is not said** is as without a configuration, and not as sshd has it: where `AcceptEnv`, `PermitRootLogin` or
  `PermitEmptyPasswords` is not said, the program decides alone.
* `MaxAuthTries` counts what failed. Keys that are asked about, without a signature, are not among that: 15 of them are the most.
* `Match version` is about nacre's own version, and `~` at the beginning of a path is the home of whoever runs the server.
"""


def _row(
    keyword: Keyword, rules: Mapping[str, Rule], does: Mapping[str, str], known: Mapping[str, Option]
) -> str:
    name = keyword.name.lower()
    rule = rules.get(name)
    if rule is None:
        options = does[name].split()
        absent = [known[option] for option in options if not known[option].built]
        what = " ".join(f"`{option}`" for option in options)
        if absent:
            return f"| `{keyword.name}` | {Standing.REFUSED.value} | but for `no`, until {what} is built: {absent[0].hint} |"
        return f"| `{keyword.name}` | {Standing.HONOURED.value} | {what} |"
    harmless = " or ".join(
        {"true": "`yes`", "false": "`no`"}.get(word, f"`{word}`") for word in rule.harmless
    )
    return f"| `{keyword.name}` | {rule.standing.value} | {f'but for {harmless}: ' if harmless else ''}{rule.note} |"


def _table(
    keywords: Iterable[Keyword],
    rules: Mapping[str, Rule],
    does: Mapping[str, str],
    known: Mapping[str, Option],
) -> list[str]:
    rows = sorted((_row(keyword, rules, does, known) for keyword in keywords), key=str.lower)
    return ["| keyword | here | option, or why not |", "|---|---|---|", *rows]


def page() -> str:
    """Return the page."""
    ignored = " ".join(f"`{name}`" for name in sorted(CLIENT_IGNORED))
    lines = [
        _HEAD,
        "## Of clients: ssh_config(5)",
        "",
        *_table(CLIENT, CLIENT_RULES, CLIENT_OPTIONS, table(Sides.CLIENT)),
        "",
        f"Known by name and without effect, in OpenSSH too: {ignored}.",
        "",
        _SERVER,
        *_table(SERVER, SERVER_RULES, SERVER_OPTIONS, table(Sides.SERVER)),
        "",
        f"Known by name and without effect, in OpenSSH too: {' '.join(f'`{name}`' for name in sorted(SERVER_IGNORED))}.",
    ]
    return "\n".join(lines) + "\n"
