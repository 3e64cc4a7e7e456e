"""Jobs that wait for hours, days or months before they end: a backfill tells of each at its time, and holds but a few of them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import SECRETS
from tests.integration.database import Accounting
from tests.integration.exporter import flags_for, run_backfill, run_once
from tests.integration.samples import by_moment, differences, without_beginnings
from tests.support.mariadb import PrivateMariaDB
from tests.support.values import JobState

DAY = 86_400
START, DAYS = 1_735_689_600, 150  # 2025-01-01 00:00 UTC
END = START + DAYS * DAY
JOBS_A_DAY = 100
WAITED = 2 * DAY  # at the most, but for a few
LONG = (5, 6, 7, 35, 36, 37, 45, 100, 149)  # days


def rows(chance: random.Random) -> Iterator[tuple[int, int, int]]:
    """When they were submitted, started and ended."""
    for number in range(DAYS * JOBS_A_DAY):
        submitted = START + number * DAY // JOBS_A_DAY
        started = submitted + chance.randrange(WAITED)
        yield submitted, started, started + chance.randrange(1, 7200)
    for days in LONG:
        for _ in range(4):
            ended = START + chance.randrange(DAYS) * DAY + chance.choice((0, 1, DAY - 1, chance.randrange(DAY)))
            submitted = ended - days * DAY + chance.choice((-DAY // 2, -1, 0, 1))
            yield submitted, chance.choice((submitted, ended - 60)), ended
            # Counted from the midnight before its end.
            midnight = ended - ended % DAY
            submitted = midnight - days * DAY + chance.choice((-1, 0, 1))
            yield submitted, submitted + 30, ended


@pytest.fixture(scope="module")
def waited(server: PrivateMariaDB) -> Iterator[Accounting]:
    made = Accounting(server)
    writer = made.writers["alpha"]
    template = writer.new_row(writer.association("physics", "ada"), at=START, id_job=1)
    many = (
        tuple((template | {
            "job_db_inx": template["job_db_inx"] and template["job_db_inx"] + number, "id_job": 1 + number, "state": int(JobState.COMPLETED),
            "time_submit": submitted, "time_eligible": submitted, "time_start": started, "time_end": ended, "tres_alloc": template["tres_req"],
        }).values())
        for number, (submitted, started, ended) in enumerate(rows(random.Random(5)))
    )  # fmt: skip
    writer.insert_many("%_job_table", list(template), many)
    writer.execute("analyze table alpha_job_table")
    yield made
    made.close()


def flags(waited: Accounting, **more: object) -> dict[str, object]:
    collectors = {f"collector.{name}": "true" for name in ("consumption", "jobs", "outcomes")}
    return flags_for(waited.server, counter__epoch="month", **more) | {"collector.disable-defaults": "true"} | collectors


@pytest.mark.parametrize("first", [0, 40])
def test_each_is_told_of_at_its_time(waited: Accounting, tmp_path: Path, first: int) -> None:
    start = START + first * DAY + 7 * 3600
    told = {"from": start, "to": END - 1, "step": "17h", "window": "month", "format": "victoriametrics", "output": tmp_path / "to"}
    done = run_backfill(flags(waited) | told, SECRETS)
    assert done.code == 0, done.log
    past = {}
    for path in (tmp_path / "to").glob("*.prom"):
        past |= by_moment(path.read_text())
    assert len(past) > (DAYS - first) * 24 // 17
    chance = random.Random(first)
    # But the second after a period's end, at which the counters of the next are made to begin.
    shown_too = sorted(moment for moment in past if moment - 1000 not in past)
    for moment in [shown_too[0], shown_too[-1], *chance.sample(shown_too, 12)]:
        shown = run_once(flags(waited) | {"as-of": moment // 1000}, SECRETS)
        assert shown.code == 0, shown.log
        assert differences(shown.samples, without_beginnings(past[moment], shown.samples)) == [], moment


def test_few_are_held_at_once(waited: Accounting, tmp_path: Path) -> None:
    """A month has 3,000, of which most were there at a midnight."""
    told = {"from": START, "to": END - 1, "step": "1d", "window": "month", "output": tmp_path / "to"}
    done = run_backfill(flags(waited) | told, SECRETS)
    assert done.code == 0, done.log
    (most,) = re.findall(r"most_rows_kept\W+(\d+)", done.log)
    there_at_once = JOBS_A_DAY * WAITED // DAY // 2
    assert there_at_once < int(most) < 14 * there_at_once
