"""A page of many series over HTTP: the exporter's server, prometheus-cpp's, and civetweb with one buffer."""

from __future__ import annotations

import socket
import time
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.processes import Program
from tests.bench.report import Figure, Row, Wanted, as_times, as_times_less, at_least, at_most

OURS, OWN, EXPOSER, BUFFER = "exporter", "own", "exposer", "buffer"
NAMES = {EXPOSER: "prometheus-cpp Exposer", BUFFER: "civetweb, one buffer"}
# OWN is ours with the exporter's metrics about itself, which are made anew in each scrape.
PROGRAMS = {OURS: "exporter", OWN: "exporter", EXPOSER: "exposer", BUFFER: "buffer"}
SCRAPES = {OURS: 30, OWN: 30, EXPOSER: 1, BUFFER: 30}  # in one round
CODINGS = {"plain": "", "gzip": "Accept-Encoding: gzip\r\n"}


@dataclass
class Costs:
    """Of one server in one coding, each in seconds."""

    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def measure(programs: Path, series: int, rounds: int) -> tuple[list[Row], dict[str, Any]]:
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(Program([programs / f"bench_serve_{program}", series, name], read_stdout=True))
            for name, program in PROGRAMS.items()
        }
        ports = {name: int(server.line()) for name, server in servers.items()}
        resident = servers[OURS].resident()
        sizes = _check(ports, series)
        for server in servers.values():
            server.reset_peak()
        costs = {(name, coding): Costs() for name in servers for coding in CODINGS}
        turns = list(costs)
        for _ in range(rounds):
            for name, coding in turns:
                _round(servers[name], ports[name], coding, SCRAPES[name], costs[name, coding])
            turns.append(turns.pop(0))  # nobody always follows the same one
        peaks = {name: Figure.of([server.peak_resident()], "B") for name, server in servers.items()}
    table = [row for coding in CODINGS for row in _rows(costs, coding, series)]
    memory = f"with {series:,} series"
    table += [
        Row(f"resident memory {memory}, after a poll", Figure.of([resident], "B"), wanted=at_most(64)),
        Row(f"resident memory {memory}, peak of scrapes", peaks[OURS], NAMES[EXPOSER], peaks[EXPOSER], None, at_most(64)),
    ]
    return table, {"page_bytes": sizes, "buffer_peak_bytes": peaks[BUFFER].median}


def _rows(costs: dict[tuple[str, str], Costs], coding: str, series: int) -> list[Row]:
    def figure(name: str, kind: str) -> Figure:
        return Figure.of(getattr(costs[name, coding], kind), "s")

    what = f"scrape of {series:,} series, {coding}: "
    floor = at_most(1.5 if coding == "plain" else 2)
    kinds: tuple[tuple[str, str, Wanted | None], ...] = (
        ("first", "first byte", None), ("last", "last byte", floor), ("cpu", "CPU", floor),
    )  # fmt: skip
    rows = [as_times_less(what + text, figure(OURS, kind), NAMES[EXPOSER], figure(EXPOSER, kind), at_least(20)) for kind, text, _ in kinds]
    rows += [as_times(what + text, figure(OURS, kind), NAMES[BUFFER], figure(BUFFER, kind), wanted) for kind, text, wanted in kinds]
    rows += [
        as_times(f"{what}{text}, own metrics too", figure(OWN, kind), NAMES[BUFFER], figure(BUFFER, kind), wanted)
        for kind, text, wanted in kinds
        if wanted
    ]
    return rows


def _round(server: Program, port: int, coding: str, scrapes: int, cost: Costs) -> None:
    before = server.cpu_seconds()
    for _ in range(scrapes):
        first, last = scrape(port, coding)
        cost.first.append(first)
        cost.last.append(last)
    time.sleep(0.02)  # the server clears up behind the last byte
    cost.cpu.append((server.cpu_seconds() - before) / scrapes)


def scrape(port: int, coding: str, answer: bytearray | None = None) -> tuple[float, float]:
    """Seconds until the first and the last byte, from the connect on. The bytes are kept only if asked for: that costs time."""
    buffer = bytearray(1 << 18)
    first = 0.0
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET /metrics HTTP/1.1\r\nHost: localhost\r\n{CODINGS[coding]}Connection: close\r\n\r\n".encode())
        while size := connection.recv_into(buffer):
            first = first or time.perf_counter() - began
            if answer is not None:
                answer += memoryview(buffer)[:size]
        last = time.perf_counter() - began
    return first, last


def _check(ports: dict[str, int], series: int) -> dict[str, int]:
    """All serve what they should. Sizes of the bodies; also warms the servers up."""
    sizes = {}
    bodies = {}
    for name, port in ports.items():
        for coding in CODINGS:
            answer = bytearray()
            scrape(port, coding, answer)
            head, _, body = bytes(answer).partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200") or (b"gzip" in head) != (coding == "gzip"):
                raise ValueError(f"{name} answers:\n{head.decode()}")
            sizes[f"{name} {coding}"] = len(body)
            bodies[name] = zlib.decompress(body, 31) if coding == "gzip" else body
            # Some have a few series about themselves.
            lines = sum(not line.startswith(b"#") for line in bodies[name].splitlines())
            if not series <= lines <= series + 200:
                raise ValueError(f"{name} serves {lines} series")
    if bodies[OURS] != bodies[BUFFER]:
        raise ValueError("the buffer does not have the exporter's bytes")
    return sizes
