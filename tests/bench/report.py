"""Figures, what is wanted of them, and the table they end in."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """The median of several measurements of one thing, and how far they lie apart."""

    median: float
    low: float
    high: float
    unit: str  # "s", "B", "rows", "rows/s" or "": a number

    @classmethod
    def of(cls, values: Iterable[float], unit: str) -> Figure:
        measured = sorted(values)
        if not measured:
            raise ValueError("nothing was measured")
        return cls(statistics.median(measured), measured[0], measured[-1], unit)

    def __str__(self) -> str:
        factor, unit = _scale(self.median, self.unit)
        middle, low, high = (_number(value * factor) for value in (self.median, self.low, self.high))
        text = f"{middle} {unit}".rstrip()
        return text if low == high else f"{text} ({low}..{high})"


def _scale(value: float, unit: str) -> tuple[float, str]:
    if unit == "s":
        return (1, "s") if value >= 1 else (1e3, "ms") if value >= 1e-3 else (1e6, "µs")
    if unit == "B":
        return (1e-6, "MB") if value >= 1e5 else (1e-3, "kB")
    return 1, unit


def _number(value: float) -> str:
    if abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True)
class Wanted:
    """A limit for a row's ratio, or for its own figure."""

    limit: float
    at_most: bool

    def met_by(self, value: float) -> bool:
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.limit:g}"


def at_most(limit: float) -> Wanted:
    return Wanted(limit, True)


def at_least(limit: float) -> Wanted:
    return Wanted(limit, False)


@dataclass(frozen=True)
class Row:
    """One line of the table. What is judged is `ratio`, a quotient of medians, or without one our figure in MB."""

    what: str
    ours: Figure
    against: str = ""
    other: Figure | None = None
    ratio: float | None = None
    wanted: Wanted | None = None

    @property
    def met(self) -> bool | None:
        if self.wanted is None:
            return None
        return self.wanted.met_by(self.ours.median / 1e6 if self.ratio is None else self.ratio)

    def cells(self) -> list[str]:
        unit = " MB" if self.wanted and self.ratio is None else ""
        return [
            self.what,
            str(self.ours),
            self.against,
            "" if self.other is None else str(self.other),
            "" if self.ratio is None else f"{self.ratio:.2f}" if self.ratio < 10 else f"{self.ratio:,.0f}",
            "" if self.wanted is None else f"{self.wanted}{unit}",
            {None: "", True: "yes", False: "**no**"}[self.met],
        ]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"met": self.met}


def as_times_less(what: str, ours: Figure, against: str, other: Figure, wanted: Wanted | None = None) -> Row:
    """The alternative costs `ratio` times what we do."""
    return Row(what, ours, against, other, other.median / ours.median, wanted)


def as_times(what: str, ours: Figure, against: str, other: Figure, wanted: Wanted | None = None) -> Row:
    """Ours is `ratio` times the alternative's."""
    return Row(what, ours, against, other, ours.median / other.median, wanted)


HEAD = ["", "measured", "against", "measured", "ratio", "wanted", "met"]


def table(rows: Iterable[Row]) -> str:
    """A Markdown table."""
    lines = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def machine(exporter: Path) -> dict[str, str]:
    """What it was measured on, and with which versions."""
    model = _field("/proc/cpuinfo", "model name")
    memory = int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1e6
    cores = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())
    system = _field("/etc/os-release", "PRETTY_NAME", "=").strip('"')
    packages = ("mariadb-server", "prometheus-sql-exporter", "libprometheus-cpp-pull1.0", "libcivetweb1", "zlib1g", "g++")
    return {
        "machine": f"{model}, {cores} cores, {memory:.0f} GB of memory",
        "load": f"load before it began: {os.getloadavg()[1]:.1f}",
        "system": f"{system}, Linux {platform.release()}",
        "exporter": _output(str(exporter), "--version").splitlines()[0],
        "packages": ", ".join(f"{name} {_version(name)}" for name in packages),
    }


def _field(path: str, name: str, separator: str = ":") -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(separator)
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _version(package: str) -> str:
    return _output("dpkg-query", "-W", "-f", "${Version}", package).partition("-")[0] or "?"


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
