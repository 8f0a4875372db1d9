"""The benchmarks say what they left out and who was missing; nothing is measured here."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from unittest.mock import patch

import pytest

import nacre
from bench import (
    plan,
    report,
    scale,
    security,
    security_measured,
    security_realm,
    security_server,
    security_timing,
    soak,
)  # fmt: skip


def rows(tmp_path, *rows, versions=None):
    head = {
        "date": "2026-01-02T03:04:05+00:00",
        "machine": "a machine",
        "versions": {"nacre": "1", "asyncssh": "2", **(versions or {})},
        "load": 0.5,
        "left_out": ["something: not built"],
    }
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (head, *rows)))
    return path


def row(pair, number, **more):
    return {"workload": "logins", "pair": pair, "round": number, **more}


def test_every_workload_has_columns():
    for workload in plan.full() + plan.quick():
        assert report.columns_of(workload.name)


def test_the_quick_programme_is_a_part_of_the_full_one():
    assert {one.name for one in plan.quick()} <= {one.name for one in plan.full()}
    assert all(one.rounds == 1 for one in plan.quick())


def test_a_cell_is_the_median_and_the_range(tmp_path):
    measured = [row("nacre", number, metrics={"p50_ms": value}) for number, value in enumerate((3, 1, 200))]
    assert "| nacre | 3.00 (1.00–200) | – |" in report.text(rows(tmp_path, *measured))


def test_a_missing_peer_and_a_failure_are_named(tmp_path):
    failed = row("paramiko", 0, failed="it ended\nand more")
    text = report.text(rows(tmp_path, failed, versions={"openssh": "missing"}))
    assert "not in the tables:** openssh" in text
    assert "Not measured: logins, paramiko, round 0: it ended." in text
    assert "Left out: something: not built." in text


def test_a_document_keeps_what_is_around_the_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(report.plot, "draw", lambda *_: None)
    (tmp_path / "docs").mkdir()
    document = tmp_path / "docs" / "benchmarks.md"
    document.write_text("before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")
    results = rows(tmp_path, row("nacre", 0, metrics={"p50_ms": 1.25}))
    for _ in range(2):
        report.write(document, results)
    text = document.read_text()
    assert text.startswith("before\n<!-- measured: begin -->\n")
    assert text.endswith("<!-- measured: end -->\nafter\n")
    assert "1.25" in text
    assert "old" not in text


def test_the_measurements_of_security_have_a_table():
    rows = [security.Row("a", "nacre", "1", "< 2"), security.Row("longer", "sshd", "3")]
    assert security.table(rows) == (
        "a       nacre      1                                  < 2\nlonger  sshd       3"
    )
    assert set(security.MEASUREMENTS) == {
        "refusals", "memory", "flood", "slow", "cut", "idle", "timing", "exhausted",
    }  # fmt: skip
    assert security.percent([3.0, 1.0, 2.0], 0.99) == 3.0
    assert [security.percent([float(each) for each in range(count)], 0.99) for count in (1, 100, 101, 200)] == [
        0.0, 98.0, 99.0, 197.0
    ]  # fmt: skip


def test_a_difference_of_times_has_an_interval():
    pairs = [(0.0102, 0.0100), (0.0104, 0.0100)] * 2
    assert security_timing.compared(pairs) == "3.0 % of 10.0 ms, 4 pairs (mean +300 ± 113 µs)"


def test_known_and_unknown_are_timed_in_turn():
    asked = []

    async def sample(name):
        asked.append(name)
        return 1.0 if name == "alice" else 2.0

    pairs = asyncio.run(security_timing.in_turn(sample, "alice", 3))
    assert pairs == [(1.0, 2.0)] * 3
    assert asked == ["alice", "xlice", "alice", "alice", "xlice", "xlice", "alice"]


async def tried(kind, server_options, told, right):
    """Try each method of a server that knows alice; with what is right it lets her in, and her alone."""
    factory = security_server.knowing(nacre, security_timing.HOST.public_data.hex())
    key = nacre.generate_private_key("ssh-ed25519")
    async with nacre.listen(
        "127.0.0.1", 0, server_factory=factory, server_host_keys=[key], **server_options
    ) as listener:
        server = SimpleNamespace(port=listener.get_port())
        for method in security_measured.METHODS_OF[kind]:
            for name in ("alice", "xlice"):
                assert await security_timing.refused(server, told, method, name) > 0
            good = {name: right.get(name, value) for name, value in security_timing.METHODS[method].items()}
            with patch.dict(security_timing.METHODS, {method: good}):
                with pytest.raises(RuntimeError, match=method):
                    await security_timing.refused(server, {**told, **right}, method, "alice")
                assert await security_timing.refused(server, {**told, **right}, method, "xlice") > 0


def test_each_method_is_tried_where_it_would_do():
    """So that it is the method that is refused: with what is right it lets in."""
    right = {"password": "right", "client_username": "alice"}
    asyncio.run(tried("users", {"trust_client_host": True}, {}, right))
    assert {name for names in security_measured.METHODS_OF.values() for name in names} == set(
        security_timing.METHODS
    )


@pytest.mark.requires("krb5", "gssapi")
def test_each_method_of_gss_api_is_tried_where_it_would_do(in_realm):
    told = security_realm.client_options(in_realm)
    right = {"gss_store": security_realm.client_options(in_realm, "alice")["gss_store"]}
    asyncio.run(tried("realm", security_realm.server_options(in_realm), told, right))


def test_the_table_of_security_has_a_column_for_each_server(tmp_path):
    rows = [
        security.Row("a", "nacre", "1", "< 2"), security.Row("a", "sshd", "3"), security.Row("b", "nacre", "4"),
        security.Row("slow", "", "failed: TimeoutError: "),
    ]  # fmt: skip
    text = security.document(rows, "said")
    assert "| | aim | nacre | sshd |" in text
    assert "| a | < 2 | 1 | 3 |\n| b |  | 4 |  |" in text
    assert text.endswith("Not measured: slow, failed: TimeoutError: .\n")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- security: begin -->\nold\n<!-- security: end -->\nafter\n")
    for _ in range(2):
        security.write(page, text)
    assert page.read_text() == (f"before\n<!-- security: begin -->\n{text}<!-- security: end -->\nafter\n")
    page.write_text("no marks")
    with pytest.raises(ValueError, match="security: begin"):
        security.write(page, text)
    for mark in ("security", "soak"):
        for place in ("begin", "end"):
            assert security.DOCUMENT.read_text().count(f"<!-- {mark}: {place} -->") == 1


def test_a_soak_says_how_memory_went():
    samples = [(float(at), 1024.0 * (50 + 3 * at)) for at in range(8)]
    assert soak.slope(samples) == pytest.approx(3 * 1024)
    assert soak.slope([(0.0, 1.0)]) == 0
    text = soak.report(8, {"server": samples}, {"server": 40 * 2.0**20}, {"logins": 1200})
    assert "8.0 minutes, 8 rounds: 1,200 logins." in text
    assert "in the last 3.0 minutes +9 KiB (least squares); 40.0 MiB without" in text
    for kind in soak.KINDS:
        assert soak.damage(kind, 70) != soak.Damage()


def test_the_tables_of_scale_are_put_between_their_marks(tmp_path):
    (tmp_path / "docs").mkdir()
    document = tmp_path / "docs" / "benchmarks.md"
    document.write_text("before\n<!-- scale: begin -->\nold\n<!-- scale: end -->\nafter\n")
    measured = [
        {"part": "connections", "size": 8000, "metrics": {"kib_each": 24.5}},
        {"part": "bytes", "size": 20 << 30, "metrics": {"down_MBps": 1234.5}},
        {"part": "bytes", "size": 1 << 20, "failed": "it ended\nand more"},
    ]
    results = rows(tmp_path, *measured, versions={"python": "3", "cryptography": "50"})
    for _ in range(2):
        scale.write(document, results)
    text = document.read_text()
    assert text.startswith("before\n<!-- scale: begin -->\n")
    assert text.endswith("<!-- scale: end -->\nafter\n")
    assert "| 8,000 | – | – | – | 24.5 |" in text
    assert "| 20 GiB | 1,234 | – |" in text
    assert "Not measured: bytes, 1048576: it ended." in text
    assert "old" not in text


def test_scale_has_the_sizes_that_were_asked_for():
    assert {part.name: part.sizes for part in scale.PARTS} == {
        "connections": (100, 500, 2000, 8000),
        "channels": (1, 64, 1024),
        "bytes": (1 << 20, 1 << 30, 20 << 30),
    }
