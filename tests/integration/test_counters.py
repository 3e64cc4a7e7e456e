"""Counters that never fall, whatever happens to the exporter and to the rows."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.integration.conftest import Start
from tests.integration.database import Accounting, execute, run_jobs
from tests.integration.exporter import Exporter, flags_for, lines_with
from tests.integration.samples import Labels, Samples
from tests.integration.scraper import Scraper, fallen, vanished
from tests.support.accounting import SlurmdbdWriter
from tests.support.jobs import Job
from tests.support.values import JobState

USED = "slurmdbd_account_tres_seconds_total"
ENDED = "slurmdbd_jobs_ended_total"
STARTED = "slurmdbd_jobs_started_total"
SETTLE = 1
PERIOD = 9.0  # seconds of turmoil


class Turmoil(threading.Thread):
    """A cluster at work: physics lives by the book, in chemistry rows come late, are repaired and are deleted."""

    def __init__(self, writer: SlurmdbdWriter, seed: int) -> None:
        super().__init__(daemon=True)
        self.writer, self.random, self.ended = writer, random.Random(seed), threading.Event()
        self.open: dict[str, list[Job]] = {"physics": [], "chemistry": []}
        self.done: list[Job] = []  # of chemistry
        self.error: Exception | None = None
        self.counts: dict[str, int] = {}

    def run(self) -> None:
        try:
            while not self.ended.wait(0.03):
                self.step()
            for account, jobs in self.open.items():
                while jobs:
                    self.end(account)
        except Exception as error:
            self.error = error

    def finish(self) -> None:
        """Ends what is open and stops."""
        self.ended.set()
        self.join()
        if self.error:
            raise self.error

    def step(self) -> None:
        account = self.random.choice(("physics", "chemistry"))
        actions = [self.submit, self.submit, self.end, self.suspend]
        actions += [self.repair, self.delete] if account == "chemistry" else []
        action = self.random.choice(actions)
        action(account)
        self.counts[action.__name__] = self.counts.get(action.__name__, 0) + 1

    def submit(self, account: str) -> None:
        user = {"physics": "ada", "chemistry": "marie"}[account]
        cpus = self.random.randint(1, 16)
        job = self.writer.submit(self.writer.association(account, user), cpus=cpus, partition=self.random.choice(("cpu", "gpu")))
        if self.random.random() < 0.8:
            self.writer.start(job)
        self.open[account].append(job)

    def end(self, account: str) -> None:
        if not self.open[account]:
            return
        job = self.open[account].pop(self.random.randrange(len(self.open[account])))
        state = self.random.choice((JobState.COMPLETED, JobState.FAILED, JobState.TIMEOUT)) if job.time_start else JobState.CANCELLED
        late = self.random.choice((0, 0, 3, 6)) if account == "chemistry" and job.state == JobState.RUNNING else 0
        self.writer.end(job, state, at=max(int(job.time_start), self.writer.clock() - late))
        if account == "chemistry":
            self.done.append(job)

    def suspend(self, account: str) -> None:
        for job in self.open[account]:
            if job.state == JobState.SUSPENDED:
                return self.writer.resume(job)
            if job.state == JobState.RUNNING and self.random.random() < 0.3:
                return self.writer.suspend(job)
        return None

    def repair(self, account: str) -> None:
        """A runaway, and slurmdbd ends it when it started: all it had consumed is taken back."""
        running = [job for job in self.open[account] if job.state == JobState.RUNNING]
        if running and self.random.random() < 0.3:
            self.open[account].remove(running[0])
            self.writer.fix_runaway_jobs(running[0])

    def delete(self, account: str) -> None:
        if self.done and self.random.random() < 0.3:
            job = self.done.pop()
            self.writer.execute("delete from alpha_job_table where id_job = %s", (job.id,))


def recount(writer: SlurmdbdWriter) -> dict[tuple[str, str], float]:
    """What physics has consumed and how its jobs ended, by SQL of its own."""
    sums: dict[tuple[str, str], float] = {}
    for row in writer.select(
        "select `partition` as p, state as s, count(*) as n, sum(time_start > 0) as started,"
        " sum(if(time_start > 0, cpus_req * (time_end - time_start - time_suspended), 0)) as used"
        " from alpha_job_table where account = 'physics' and time_end > 0 group by `partition`, state"
    ):
        for name, value in ((USED, row["used"]), (STARTED, row["started"]), (f"{ENDED} {row['s']}", row["n"])):
            sums[name, row["p"]] = sums.get((name, row["p"]), 0.0) + float(value)
    return {key: value for key, value in sums.items() if value}


def shown(page: Samples) -> dict[tuple[str, str], float]:
    """The same from a page."""
    sums: dict[tuple[str, str], float] = {}
    for name, extra in ((USED, {"tres": "cpu"}), (STARTED, {}), (ENDED, {})):
        for labels, value in page.matching(name, account="physics", **extra):
            state = f" {int(JobState[labels['state'].upper()])}" if "state" in labels else ""
            key = (name + state, labels["partition"])
            sums[key] = sums.get(key, 0.0) + value
    return {key: value for key, value in sums.items() if value}


@pytest.fixture
def state_flags(cleared: Accounting, tmp_path: Path) -> dict[str, object]:
    (tmp_path / "state").mkdir()
    quick = {"counter.settle": f"{SETTLE}s", "counter.wide-interval": "2s", "counter.recount-interval": "5s"}
    return flags_for(cleared.server) | quick | {"state.directory": tmp_path / "state"}


def pages_of(scraper: Scraper) -> list[Samples]:
    """The different pages that were answered, in order. Those before the first poll have nothing about jobs."""
    texts = dict.fromkeys(scrape.text for scrape in scraper.scrapes if scrape.status == 200)
    return [page for page in map(Samples.parse, texts) if page.accounting()]


def test_killed_again_and_again(cleared: Accounting, state_flags: dict[str, object], start: Start) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    turmoil = Turmoil(cleared.writers["alpha"], seed)
    exporter = start(state_flags)
    with Scraper(exporter, keep=True, pause=0.1) as scraper:
        turmoil.start()
        ends = time.monotonic() + PERIOD
        kills = 0
        while time.monotonic() < ends:
            time.sleep(chance.uniform(0.3, 2.8))
            exporter.kill()
            kills += 1
            exporter.launch()
        turmoil.finish()
        time.sleep(SETTLE + 1)
        exporter.wait_for(lambda page: page.success() == 1, "a poll")
        page = exporter.wait_for_polls(2)
    pages = pages_of(scraper)
    print(f"{kills} kills, {len(pages)} pages, {turmoil.counts}")
    assert len(pages) > 8 and min(turmoil.counts.get(name, 0) for name in ("submit", "end", "repair", "delete", "suspend")) > 3
    assert fallen(pages) == []
    assert vanished(pages) == []
    assert shown(page) == recount(cleared.writers["alpha"])
    held = page.total("slurmdbd_corrections_tres_seconds_total", tres="cpu")
    assert held > 0, "nothing was ever corrected downwards: the test is too kind"


def test_the_rule_sees_a_fall() -> None:
    labels: Labels = frozenset({("cluster", "a"), ("account", "x")})
    up, down, gone = (Samples({(USED, labels): value}) for value in (5.0, 4.0, 6.0))
    other = Samples({(STARTED, frozenset({("cluster", "a")})): 1.0})
    assert fallen([up, gone]) == []
    assert len(fallen([up, down, gone])) == 1
    assert len(fallen([up, other, down])) == 1
    assert len(vanished([up, other, up])) == 2
    assert vanished([up, gone]) == []


def delete_some(accounting: Accounting) -> None:
    execute(accounting.server, f"delete from {accounting.server.database}.alpha_job_table where state = 3 and id_job < 3")


def restart(exporter: Exporter) -> Samples:
    exporter.kill()
    exporter.start()
    return exporter.wait_for(lambda page: page.success() == 1, "a poll")


def test_without_a_state_directory_a_restart_forgets(cleared: Accounting, start: Start) -> None:
    """What the state directory is for; and the check of counters sees it."""
    run_jobs(cleared.writers["alpha"], 4)
    exporter = start(flags_for(cleared.server))
    before = exporter.page()
    delete_some(cleared)
    page = exporter.wait_for_polls(2)
    assert fallen([before, page]) == [], "while it runs it remembers"
    page = restart(exporter)
    assert page.total(ENDED) == 2
    assert fallen([before, page])


@pytest.mark.parametrize("rows", ["some", "all"])
def test_deleted_rows_still_count_after_a_restart(
    cleared: Accounting, state_flags: dict[str, object], start: Start, rows: str
) -> None:
    run_jobs(cleared.writers["alpha"], 4)
    exporter = start(state_flags)
    before = exporter.wait_for(lambda page: page.total(ENDED) == 4, "the jobs")
    if rows == "some":
        delete_some(cleared)
    else:
        execute(cleared.server, f"delete from {cleared.server.database}.alpha_job_table")
    pages = [before, exporter.wait_for_polls(2), restart(exporter), exporter.wait_for_polls(1)]
    assert fallen(pages) == []
    assert vanished(pages) == []
    assert pages[-1].total(ENDED) == 4


def test_a_deleted_cluster_that_comes_back(cleared: Accounting, state_flags: dict[str, object], start: Start) -> None:
    run_jobs(cleared.writers["alpha"], 4)
    exporter = start(state_flags)
    pages = [exporter.wait_for(lambda page: page.total(ENDED) == 4, "the jobs")]
    table = f"{cleared.server.database}.cluster_table"
    execute(cleared.server, f"update {table} set deleted = 1")
    exporter.wait_for(lambda page: not page.clusters(), "the cluster to vanish")
    delete_some(cleared)
    exporter.kill()
    exporter.start()
    execute(cleared.server, f"update {table} set deleted = 0")
    pages.append(exporter.wait_for(lambda page: page.clusters(), "the cluster to come back"))
    assert fallen(pages) == []


def test_one_process_a_state_directory(cleared: Accounting, state_flags: dict[str, object], start: Start, tmp_path: Path) -> None:
    first = start(state_flags)
    (tmp_path / "second").mkdir()
    second = Exporter(tmp_path / "second", state_flags, first.environment)
    process = second.launch()
    assert process.wait(5) != 0
    assert lines_with(second.log(), "state.directory", "in use by another process")
    assert first.wait_for_polls(1).success() == 1
    first.kill()
    second.start()  # nothing is left behind by the one that was killed
    second.stop()


@pytest.mark.parametrize("content", [b"", b"\x00\xff not json", b'{"format": 99}\n', b'{"format":1,"fingerprint":"x","corr'], ids=repr)
def test_a_broken_state_file(
    cleared: Accounting, state_flags: dict[str, object], start: Start, tmp_path: Path, content: bytes
) -> None:
    run_jobs(cleared.writers["alpha"], 3)
    file = tmp_path / "state" / "high-water.jsonl"
    file.write_bytes(content)
    exporter = start(state_flags)
    page = exporter.wait_for(lambda page: page.total(ENDED) == 3, "the jobs")
    assert page.value("slurmdbd_exporter_state_saved") == 1
    if content:
        assert (tmp_path / "state" / "high-water.jsonl.unreadable").read_bytes() == content
        assert len(lines_with(exporter.log(), "level=WARN", str(file))) == 1
    delete_some(cleared)
    assert restart(exporter).total(ENDED) == 3, "the new file does not work"


def test_a_file_cut_short(cleared: Accounting, state_flags: dict[str, object], start: Start, tmp_path: Path) -> None:
    """A line is half there: put aside, said so, and served on."""
    run_jobs(cleared.writers["alpha"], 3)
    exporter = start(state_flags)
    exporter.wait_for(lambda page: page.total(ENDED) == 3, "the jobs")
    exporter.kill()
    file = tmp_path / "state" / "high-water.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) - 20])
    exporter.start()
    assert exporter.wait_for(lambda page: page.total(ENDED) == 3, "the jobs")
    assert lines_with(exporter.log(), "level=WARN", str(file))


def test_a_state_directory_that_cannot_be_written(
    cleared: Accounting, state_flags: dict[str, object], start: Start, tmp_path: Path
) -> None:
    exporter = start(state_flags)
    (tmp_path / "state" / "high-water.jsonl.new").mkdir()  # root may write anywhere, but not into a folder
    run_jobs(cleared.writers["alpha"], 2)
    exporter.wait_for(lambda page: page.value("slurmdbd_exporter_state_saved") == 0, "the failure to be told")
    assert exporter.wait_for_polls(2).total(ENDED) == 2
    assert len(lines_with(exporter.log(), "level=ERROR", "high-water")) == 1
    (tmp_path / "state" / "high-water.jsonl.new").rmdir()
    exporter.wait_for(lambda page: page.value("slurmdbd_exporter_state_saved") == 1, "recovery")


def test_orderly_restarts_lose_nothing(cleared: Accounting, state_flags: dict[str, object], start: Start) -> None:
    run_jobs(cleared.writers["alpha"], 4)
    exporter = start(state_flags)
    pages = [exporter.wait_for(lambda page: page.total(ENDED) == 4, "the jobs")]
    for _ in range(2):
        assert exporter.stop()[0] == 0
        exporter.start()
        exporter.send(signal.SIGHUP)
        pages.append(exporter.wait_for(lambda page: page.total(ENDED), "a poll"))
    assert fallen(pages) == []
