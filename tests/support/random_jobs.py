"""Made-up jobs over months: short ones and long ones, across hours, days and clock changes, suspended, never started, open."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.support.accounting import SlurmdbdWriter
from tests.support.accounts import Association


def run_jobs(
    writer: SlurmdbdWriter, charged: Sequence[tuple[Association, int]], chance: random.Random, start: int, end: int, count: int
) -> None:
    """Writes jobs at random within [start, end); `charged` has associations, each with its wckey's id or 0."""
    for _ in range(count):
        association, wckey = chance.choice(charged)
        tres = {"gres/gpu": chance.randrange(1, 4)} if chance.random() < 0.3 else None
        eligible = chance.randrange(start, end - 10)
        job = writer.submit(
            association, at=eligible, cpus=chance.randrange(1, 65), mem_mb=chance.randrange(100, 900_000),
            qos=chance.choice(("normal", "high")), id_wckey=wckey, tres=tres,
        )  # fmt: skip
        began = eligible + chance.choice((0, 7, 3000))
        if began >= end - 2 or chance.random() < 0.05:
            writer.end(job, at=eligible + 1)
            continue
        writer.start(job, at=began)
        length = chance.choice((0, 1, 59, 3599, 3600, 7213, 50_000, 100_001))
        if length > 1000 and chance.random() < 0.3 and began + length < end:
            writer.suspend(job, at=began + 100)
            writer.resume(job, at=began + 100 + length // 2)
        if began + length < end:
            writer.end(job, at=began + length, energy=chance.randrange(10**6))
