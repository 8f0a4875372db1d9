"""Benchmarks of nacre beside AsyncSSH, Paramiko and OpenSSH, and the guard of the path of a packet.

`make bench` and `make bench-quick` run `python -m bench`; docs/benchmarks.md says how to read the result.

    plan        what is run, for how long, between whom
    runner      the rounds: every pair in turn, again and again, so that what disturbs one disturbs all
    sides       the processes of a pair, and the keys and files they need
    face_…      server and client of nacre and of AsyncSSH, whose public names are the same
    paramiko_…  server and client of Paramiko
    openssh_…   sshd and ssh
    hub_paint   from a login at the hub to the first screen of an app
    measure     clocks, memory, percentiles
    report      rows to the table, and the plot
    scale       what one more connection, channel or byte costs where there are many of them
    guard       the in-memory path: calls a packet, CPU a packet
"""
