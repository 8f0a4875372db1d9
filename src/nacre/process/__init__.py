"""Remote commands as processes: `SSHClientProcess` and `SSHServerProcess`. Knows `nacre.aio` and below."""
