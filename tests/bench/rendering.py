"""Families into bytes: the exporter's Renderer against prometheus-cpp's TextSerializer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.processes import run_timed
from tests.bench.report import Figure, Row, as_times_less


def measure(programs: Path, series: int, runs: int) -> tuple[list[Row], dict[str, Any]]:
    _, out = run_timed([programs / "bench_render", series, runs], stdout=subprocess.PIPE)
    results = json.loads(out)

    def seconds(name: str) -> Figure:
        return Figure.of(results[name]["seconds"], "s")

    def count(name: str, kind: str, unit: str) -> Figure:
        return Figure.of([results[name][kind]], unit)

    what = f"rendering {series:,} series: "
    serializer, with_gzip = "TextSerializer", "TextSerializer and zlib"
    rows = [
        as_times_less(what + "CPU, text and gzip", seconds("renderer"), with_gzip, seconds("serializer_gzip")),
        as_times_less(what + "CPU, text alone", seconds("renderer_text"), serializer, seconds("serializer")),
    ]
    for kind, unit, text in (("allocated_bytes", "B", "bytes allocated"), ("allocations", "", "allocations")):
        ours, theirs = count("renderer", kind, unit), count("serializer_gzip", kind, unit)
        rows.append(as_times_less(f"{what}{text}, text and gzip", ours, with_gzip, theirs))
    return rows, results
