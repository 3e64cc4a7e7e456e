"""The server finds what the exporter asks for by the index that is meant for it, in every release."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

import pymysql
import pytest

from tests.e2e.servers import rfc3339
from tests.integration import history
from tests.integration.conftest import SECRETS
from tests.integration.database import GeneralLog
from tests.integration.exporter import DAY, PRICES, Exporter, run_backfill, run_once
from tests.integration.releases import BULK, Released
from tests.support.releases import RELEASES, at_least

# Tables that grow without end: none of them may ever be read as a whole.
LARGE = re.compile(r"_(job|step|suspend|event|(assoc|wckey|qos)?_?usage_(hour|day|month))_table$|_resv_table$|^txn_table$")
OPTIMISED_AWAY = ("Select tables optimized away", "No matching min/max row")  # the end of an index, or of one that is empty
# Purpose -> the index, and the most rows the server may expect to look at, here where few jobs are open or have just ended.
INDEXES = {
    "jobs-open": ("rollup2", 60),
    "jobs-ended": ("rollup2", 120),  # a day's slice of the history at the most
    "jobs-history": ("PRIMARY", 20_000),  # a page
    "jobs-page": ("PRIMARY", 20_001),
    "jobs-by-key": ("id_job", 20),
    "jobs-oldest-starts": ("rollup2", 20_000),  # of which it reads the first thousands
    "jobs-inserted": ("PRIMARY", 60),
    "suspensions": ("PRIMARY", 30),
    "steps": ("PRIMARY", 1600),  # of 500 jobs
    "transactions": ("PRIMARY", 5000),  # a page
    "oldest-transaction": ("PRIMARY", 1),
    "jobs-newest-submit": ("id_job", 60),
    "allocated": ("PRIMARY", 400),
    "hours": ("PRIMARY", 18_000),  # of two years
}
# Of quotas.
QUOTA_INDEXES = {"cluster-tres": ("PRIMARY", 10)}
# Of roll-ups: by the index that the release has.
USAGE_INDEXES = {
    "usage-by-id": ("PRIMARY", 400),
    "usage-since": ("time_start", 400),
    "usage-changed": ("archive_purge", 400),
    "usage-stamps": ("PRIMARY", 100),
}


# Of clusters and their nodes.
CAPACITY_INDEXES = {
    "capacity": ("PRIMARY", 400),
    "capacity-marks": ("PRIMARY", 100),
    "events-registered": ("PRIMARY", 10),
    "events-before": ("PRIMARY", 10),
}
EVENT_INDEXES = {
    "events-since": ("time_start_end|rollup", 40),  # from 22.05 on
    "events-cluster": ("PRIMARY", 10),
    "events-since-by-node": ("PRIMARY", 40),
    "events-by-key": ("PRIMARY", 10),  # from the second poll on
}
RESERVATION_INDEXES = {
    "reservations": ("PRIMARY", 40),
    "reserved-jobs": ("reserv", 10),
    "reservations-ending": ("archive_purge", 40),  # from 23.11 on
    "reservations-above": ("PRIMARY", 10),  # before, from the second poll on
    "reserved-jobs-since": ("rollup2", 120),  # from the second poll on
}
# Before 23.11 no index leads to the reservations that have not ended: now and then, their table is read as a whole.
WHOLE = "reservations-all"
# Of a backfill.
PAST_INDEXES = {
    "jobs-past": ("rollup2", 400),  # a day's slice
    "usage-within-by-id": ("PRIMARY", 400),
    "usage-within": ("time_start", 400),  # of associations, in 22.05
    "events-within": ("time_start_end|rollup", 40),  # from 22.05 on
    "events-within-by-node": ("PRIMARY", 40),
}
ALL_INDEXES = PAST_INDEXES | INDEXES | USAGE_INDEXES | QUOTA_INDEXES | CAPACITY_INDEXES | EVENT_INDEXES | RESERVATION_INDEXES


@dataclass(frozen=True)
class Step:
    """A line of EXPLAIN."""

    table: str
    access: str
    index: str
    rows: int
    extra: str


def end_long_ago(released: Released) -> None:
    """Two jobs: one ends two hours ago, so that it is looked up by its key; the other's record comes only now."""
    writer, now = released.writer, int(time.time())
    released.clock.now = now
    ada = writer.association("physics", "ada")
    for job in [job for job in writer.open_jobs() if job.state == 1 and job.account == "physics"][:1]:
        writer.end(job, at=now - 7200)
    late = writer.submit(ada, at=now - 9000)
    writer.start(late, at=now - 8900)
    writer.end(late, at=now - 8000)


@dataclass(frozen=True)
class Seen:
    """What was asked: of each database by a run over its history, and of the newest one by one over all jobs and by an exporter
    that served."""

    once: dict[str, list[str]]
    served: list[str]

    def of(self, release: str) -> list[str]:
        """All that can be asked of a release: what one is asked of jobs, another would be."""
        return self.once[release] + [text for text in self.served if release == RELEASES[-1] or purpose_of(text) in INDEXES]


def past(folder: Path) -> dict[str, object]:
    """Flags for a backfill of the history, from the month before it on."""
    return PRICES | {"counter.epoch": "month", "from": history.MIDNIGHT - 20 * DAY, "to": history.END, "step": "1d", "output": folder}


@pytest.fixture(scope="module")
def statements(released: dict[str, Released], tmp_path_factory: pytest.TempPathFactory) -> Seen:
    newest = released[RELEASES[-1]]
    once: dict[str, list[str]] = {}
    folder: Path = tmp_path_factory.mktemp("explain")
    for release, one in released.items():
        with GeneralLog(one.server) as log:
            run_once(one.flags | history.FLAGS, SECRETS)
            done = run_backfill(one.flags | past(folder / release), SECRETS)
            assert done.code == 0, done.log
            once[release] = [text for text in log.of_kind("Query") if "SELECT" in text]
    exporter = Exporter(folder, newest.flags | {"counter.epoch": rfc3339(int(time.time()) - 2 * DAY)}, SECRETS)
    with GeneralLog(newest.server) as log:
        run_once(newest.flags | history.FLAGS | {"counter.epoch": "2000-01-01"}, SECRETS)  # a history that is most of the table
        try:
            exporter.start()
            end_long_ago(newest)
            exporter.wait_for_polls(2)
        finally:
            exporter.kill()
        return Seen(once, [text for text in log.of_kind("Query") if "SELECT" in text])


def purpose_of(statement: str) -> str:
    match = re.match(r"/\* slurmdbd_exporter:([a-z-]+) \*/", statement)
    assert match, statement
    return match[1]


def explain(released: Released, statement: str) -> list[Step]:
    released.writer.connection.ping(reconnect=True)  # the server may have been restarted since
    with released.writer.connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("explain " + statement)
        return [
            Step(row["table"] or "", row["type"] or "", row["key"] or "", int(row["rows"] or 0), row["Extra"] or "")
            for row in cursor.fetchall()
        ]


def sample(statements: list[str]) -> list[str]:
    """The first few and the last few of each purpose: the first count reads hundreds of days."""
    by_purpose: dict[str, list[str]] = {}
    for statement in dict.fromkeys(statements):
        by_purpose.setdefault(purpose_of(statement), []).append(statement)
    return [statement for all_of_one in by_purpose.values() for statement in dict.fromkeys(all_of_one[:5] + all_of_one[-5:])]


@pytest.mark.parametrize("release", RELEASES)
def test_no_large_table_is_scanned(released: dict[str, Released], statements: Seen, release: str) -> None:
    seen: set[str] = set()
    for statement in sample(statements.of(release)):
        purpose = purpose_of(statement)
        for step in explain(released[release], statement):
            if purpose in ("schema", "table-sizes"):
                assert "Scanned 0 databases" in step.extra, f"{step}: {statement}"
                continue
            if not LARGE.search(step.table):
                assert step.extra in OPTIMISED_AWAY or not re.search(r"_(job|step|suspend)_table", statement), (statement, step)
                continue
            seen.add(purpose)
            if purpose == WHOLE:
                continue
            assert step.access in ("range", "ref", "eq_ref", "const"), f"{step}: {statement}"
            if purpose == "usage-marks":
                assert step.access == "const" and step.index == "PRIMARY", f"{step}: {statement}"
                continue
            index, most = ALL_INDEXES[purpose]
            assert re.fullmatch(index, step.index), f"{step}: {statement}"
            assert step.rows <= most, f"{step}: {statement}"
            assert "filesort" not in step.extra and ("temporary" not in step.extra or purpose == "reservations-ending"), f"{step}: {statement}"
    usage = {"usage-changed"} if at_least(release, "23.02") else {"usage-by-id", "usage-stamps"}
    if release == "22.05":
        usage.add("usage-since")  # only its tables of associations have that index
    events = {"events-since", "events-within"}
    if not at_least(release, "22.05"):
        events = {"events-cluster", "events-since-by-node", "events-within-by-node"}
    # Rows that have to be there still, from the second poll on.
    looked_for = {"usage-marks", "events-by-key", "reserved-jobs-since"} if release == RELEASES[-1] else set()
    past_usage = {"jobs-past", "usage-within-by-id"} | ({"usage-within"} if release == "22.05" else set())
    reservations = {"reservations", "reserved-jobs", "reservations-ending" if at_least(release, "23.11") else WHOLE}
    every = INDEXES.keys() | CAPACITY_INDEXES.keys() | QUOTA_INDEXES.keys()
    assert seen == every | usage | past_usage | events | reservations | looked_for, "some statements were not seen"


def test_it_can_tell_a_scan(released: dict[str, Released]) -> None:
    """Statements that nobody sends: what would be found if somebody did."""
    one = released[RELEASES[-1]]
    (step,) = explain(one, "select id_job from alpha_job_table where mod_time > 5")
    assert step.access == "ALL" and step.rows > BULK // 2 and LARGE.search(step.table)
    (step,) = explain(one, "select time_end from alpha_job_table where state > 1 order by time_end")
    assert step.access in ("ALL", "index")


def test_a_poll_does_not_look_back(statements: Seen) -> None:
    """After the first count no statement goes back further than it must."""
    ended = [text for text in statements.served if purpose_of(text) == "jobs-ended"][-1]
    (since,) = re.findall(r"time_end >= (\d+)", ended)
    assert time.time() - int(since) < 3 * 3600
