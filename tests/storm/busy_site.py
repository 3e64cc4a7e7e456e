"""A site that never rests: a thread that writes to the job tables what slurmdbd would, and what administrators do to them.

It knows what it takes back: every change that makes a counter's truth smaller is counted, by series, before it is committed.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from tests.storm.recount import Key, recount
from tests.support import schema
from tests.support.accounting import Job, JobState, SlurmdbdWriter
from tests.support.mariadb import PrivateMariaDB

RELEASE = "24.11"  # the first whose rows may get another primary key
CLUSTERS = ("alpine", "boreal")
ENDS = (JobState.COMPLETED, JobState.COMPLETED, JobState.FAILED, JobState.TIMEOUT, JobState.NODE_FAIL, JobState.CANCELLED)
HOUR = 3600


class Site:
    """Not thread-safe but for stop(), corrected() and the counters."""

    def __init__(self, server: PrivateMariaDB, epoch: int, seed: int, rate: float) -> None:
        self.epoch = epoch
        self.rate = rate  # changes a second
        self.done: Counter[str] = Counter()
        self.error: BaseException | None = None
        self._random = random.Random(seed)
        self._corrected: Counter[Key] = Counter()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        connection = server.connect()
        schema.create_database(connection, RELEASE)
        self.writers: list[SlurmdbdWriter] = []
        self.associations = {}
        for cluster in CLUSTERS:
            schema.create_cluster(connection, RELEASE, cluster)
            writer = SlurmdbdWriter(server.connect(), RELEASE, cluster)
            writer.execute("set session sql_mode = 'NO_UNSIGNED_SUBTRACTION'")
            writer.execute(f"insert into {writer.table('%_last_ran_table')} values (%s, %s, %s)", [self._hour()] * 3)
            for account in ("physics", "biology"):
                writer.add_account(account)
            self.associations[cluster] = [
                writer.add_user("ann", "physics"), writer.add_user("bob", "physics"), writer.add_user("cid", "biology")
            ]  # fmt: skip
            self.writers.append(writer)
        self.writers[0].add_qos("long")
        for tres in ("gres/gpu", "license/solver"):
            self.writers[0].add_tres(tres)
        connection.close()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and then every job that is still open."""
        self._ending.set()
        self._thread.join()
        if self.error:
            raise self.error
        for writer in self.writers:
            for job in writer.open_jobs():
                writer.end(job, at=writer.clock())

    def corrected(self) -> Counter[Key]:
        """By series, how much was taken back so far."""
        with self._lock:
            return Counter(self._corrected)

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                begun = time.monotonic()
                self.change()
                self._ending.wait(max(0.0, self._random.expovariate(self.rate) - (time.monotonic() - begun)))
        except BaseException as error:  # handed over by stop()
            self.error = error

    def _hour(self) -> int:
        return int(time.time()) // HOUR * HOUR

    def _correcting(self, writer: SlurmdbdWriter, jobs: list[int], change: Callable[[], object]) -> None:
        """A change that may take something back from these jobs: all of it is noted before it can be seen."""
        with writer.bundle(), writer.connection.cursor() as cursor:
            now = writer.clock()
            before = recount(cursor, writer.cluster, self.epoch, now, jobs)
            change()
            after = recount(cursor, writer.cluster, self.epoch, now, jobs)
            with self._lock:
                for key, amount in before.items():
                    if (less := amount - after.get(key, 0)) > 0:
                        self._corrected[key] += less

    def change(self) -> None:
        """One change, in one transaction."""
        draw = self._random
        writer = draw.choice(self.writers)
        waiting, running, paused = [], [], []
        for job in writer.open_jobs():
            (waiting if job.state == 0 else running if job.state == 1 else paused).append(job)
        what = draw.choices(*zip(*self._WEIGHTS.items()))[0]
        if len(waiting) + len(running) > 60 and what in ("submit", "array"):
            what = "end"
        if what in ("start", "cancel"):
            job = draw.choice(waiting) if waiting else None
        elif what == "resume":
            job = draw.choice(paused) if paused else None
        elif what in ("correct", "delete", "rekey"):
            job = self._any(writer)
        elif what in ("submit", "array", "late_record", "rolled_up"):
            job = None
        else:
            job = draw.choice(running) if running else None
        if job is None and what not in ("submit", "array", "late_record", "rolled_up"):
            what = "submit"
        getattr(self, "_" + what)(writer, job)
        self.done[what] += 1

    _WEIGHTS = {
        "submit": 20, "array": 2, "start": 22, "end": 14, "suspend": 3, "resume": 4, "requeue": 2, "resize": 2, "cancel": 2,
        "late_record": 5, "late_end": 4, "runaway": 2, "correct": 4, "delete": 2, "rekey": 3, "move": 1, "rolled_up": 1,
    }  # fmt: skip

    def _any(self, writer: SlurmdbdWriter) -> Job | None:
        """A row, the young ones more often."""
        newest = writer.select(f"select * from {writer.table('%_job_table')} order by job_db_inx desc limit 200")
        if not newest:
            return None
        return Job(newest[min(len(newest) - 1, int(self._random.expovariate(0.03)))])

    def _request(self) -> dict[str, object]:
        draw = self._random
        tres = draw.choice(({}, {"gres/gpu": 2}, {"license/solver": 1}))
        return {
            "cpus": draw.randint(1, 64), "mem_mb": draw.randint(1, 64000), "partition": draw.choice(("cpu", "gpu")),
            "qos": draw.choice(("normal", "long")), "tres": tres,
        }  # fmt: skip

    def _charge(self, writer: SlurmdbdWriter):
        return self._random.choice(self.associations[writer.cluster])

    def _past(self, writer: SlurmdbdWriter, most: int, least: int = 0) -> int:
        return writer.clock() - self._random.randint(least, most)

    def _submit(self, writer: SlurmdbdWriter, job: None) -> None:
        writer.submit(self._charge(writer), **self._request())

    def _array(self, writer: SlurmdbdWriter, job: None) -> None:
        """Its tasks start at once, each in a row of its own."""
        with writer.bundle():
            array = writer.submit_array(self._charge(writer), range(1, 4), **self._request())
            for _ in range(3):
                writer.start_task(array, at=writer.clock())

    def _start(self, writer: SlurmdbdWriter, job: Job) -> None:
        at = writer.clock()
        if self._random.random() < 0.3:  # its record comes hours late
            at = self._past(writer, 5 * HOUR)
            writer.modify(job, time_eligible=at)
        writer.start(job, at=max(at, self.epoch - HOUR))

    def _end(self, writer: SlurmdbdWriter, job: Job) -> None:
        energy = self._random.choice((None, self._random.randint(1, 10**6)))
        late = 0 if job.time_suspended else 1  # it cannot have ended before it was resumed
        writer.end(job, self._random.choice(ENDS), at=max(job.time_start, writer.clock() - late), energy=energy)

    def _cancel(self, writer: SlurmdbdWriter, job: Job) -> None:
        writer.end(job, JobState.CANCELLED)

    def _suspend(self, writer: SlurmdbdWriter, job: Job) -> None:
        if job.time_start < writer.clock():
            writer.suspend(job)

    def _resume(self, writer: SlurmdbdWriter, job: Job) -> None:
        writer.resume(job)

    def _requeue(self, writer: SlurmdbdWriter, job: Job) -> None:
        if job.time_submit < writer.clock():
            writer.requeue(job)

    def _resize(self, writer: SlurmdbdWriter, job: Job) -> None:
        if job.time_submit < writer.clock():
            writer.resize(job, {"cpu": 1, "mem": 100, "node": 1, "billing": 1})

    def _late_record(self, writer: SlurmdbdWriter, job: None) -> None:
        """A whole life at once, from the time when slurmdbd was away."""
        began = self._past(writer, 20 * HOUR)
        ended = min(writer.clock(), began + self._random.randint(0, 5 * HOUR))
        with writer.bundle():
            late = writer.submit(self._charge(writer), at=began, **self._request())
            writer.start(late, at=began)
            writer.end(late, self._random.choice(ENDS), at=ended)

    def _late_end(self, writer: SlurmdbdWriter, job: Job) -> None:
        """Later than the exporter waits for: what was counted since has to be taken back."""
        at = max(job.time_start, self._past(writer, 3 * HOUR, 10))
        if not job.time_suspended:
            self._correcting(writer, [job.id], lambda: writer.end(job, JobState.COMPLETED, at=at))

    def _runaway(self, writer: SlurmdbdWriter, job: Job) -> None:
        if not job.time_suspended:
            self._correcting(writer, [job.id], lambda: writer.fix_runaway_jobs(job))

    def _correct(self, writer: SlurmdbdWriter, job: Job) -> None:
        if job.time_end and job.time_start and not job.time_suspended:
            at = max(job.time_start, self._past(writer, 2 * HOUR, 3))
            self._correcting(writer, [job.id], lambda: (writer.modify(job, time_end=at), writer.trigger_reroll(min(at, job.time_end))))

    def _delete(self, writer: SlurmdbdWriter, job: Job) -> None:
        sql = f"delete from {writer.table('%_job_table')} where job_db_inx = %s"
        self._correcting(writer, [job.id], lambda: writer.execute(sql, (job.key,)))

    def _rekey(self, writer: SlurmdbdWriter, job: Job) -> None:
        if not job.time_suspended and job.state != 2:  # its pauses would be lost, and the truth with them
            writer.rewrite_key(job)

    def _move(self, writer: SlurmdbdWriter, job: Job) -> None:
        other = self._charge(writer)
        self._correcting(writer, [job.id], lambda: writer.modify(job, id_assoc=other.id, account=other.account, id_user=other.uid))

    def _rolled_up(self, writer: SlurmdbdWriter, job: None) -> None:
        hour = self._hour()
        writer.update("%_last_ran_table", {"hourly_rollup": hour, "daily_rollup": hour, "monthly_rollup": hour}, "true", ())
