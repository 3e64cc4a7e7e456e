"""Accounting databases of any size in a private MariaDB, and what the server says its statements cost."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pymysql

from tests.support import releases, schema
from tests.support.mariadb import EXPORTER, PrivateMariaDB

RELEASE = releases.RELEASES[-1]
CLUSTER = "alpine"
JOBS, STEPS = f"{CLUSTER}_job_table", f"{CLUSTER}_step_table"
STEPS_OF_A_JOB = 5
STEPS_FILLED = 50_000  # those of so many jobs with one statement
RECENT_HOURS = 26  # as far back as the exporter's wide window goes
RECENT_SECONDS = 3  # a job ends every three seconds
HISTORY_DAYS = 365
ACCOUNTS, USERS = 100, 500

# All in memory: that is to the advantage of whoever reads more.
SERVER_OPTIONS = ["innodb-buffer-pool-size=5G", "innodb-log-file-size=1G"]

# A job in these columns for any number n; {n} is its number, {end} 0 or when it ended. Some users have far more jobs than
# others, and everybody keeps to one partition and mostly to one QOS, as in life.
_USER = "floor(500 * pow(({n} * 2654435761 % 4294967296) / 4294967296, 3))"
_COLUMNS = {
    "account": "concat('acct', lpad({user} % 100, 3, '0'))",
    "`partition`": "elt(1 + {user} % 4, 'cpu', 'large', 'gpu', 'short')",
    "id_assoc": "10 + {user}",
    "id_user": "10000 + {user}",
    "id_group": "100",
    "id_qos": "if({n} % 10 = 0, 3, 1 + {user} % 2)",
    "id_job": "{n}",
    "job_name": "concat('run-', {n} % 1000)",
    "cpus_req": "1 << ({n} % 6)",
    "nodes_alloc": "1",
    "nodelist": "concat('node', lpad({n} % 400, 4, '0'))",
    "node_inx": "{n} % 400",
    "work_dir": "concat('/home/user', {user}, '/projects/simulation')",
    "std_out": "'slurm-%j.out'",
    "submit_line": "concat('sbatch --time=2:00:00 run.sh ', {n})",
    "priority": "10000 + {n} % 5000",
    "timelimit": "120",
    "state_reason_prev": "0", "id_resv": "0", "id_wckey": "0", "het_job_id": "0", "het_job_offset": "0",
    "tres_req": "concat('1=', 1 << ({n} % 6), ',2=', 4000 << ({n} % 6), ',4=1,5=', 1 << ({n} % 6))",
    "tres_alloc": "if({start} = 0, '', concat('1=', 1 << ({n} % 6), ',2=', 4000 << ({n} % 6), ',4=1,5=', 1 << ({n} % 6),"
    " if({user} % 4 = 2, ',1001=1', '')))",
    "mod_time": "if({end} > 0, {end}, {start})",
    "time_end": "{end}",
    "time_start": "{start}",
    "time_eligible": "{submit}",
    "time_submit": "{submit}",
    "state": "{state}",
}  # fmt: skip
_RAN = "60 + {n} * 7919 % 7200"
_ENDED_STATE = "elt(1 + ({n} * 13 % 20 >= 17) + ({n} * 13 % 20 >= 19), 3, 5, 4)"


@dataclass(frozen=True)
class Size:
    """How many rows the job table has, and how many of them are open."""

    jobs: int
    open_jobs: int


class ClusterDatabase:
    """A database of its own with one cluster, users and accounts, and no jobs yet."""

    def __init__(self, server: PrivateMariaDB, name: str, release: str) -> None:
        self.server, self.name, self.release = server, name, release
        root = server.connect("root", database=None)
        with root.cursor() as cursor:
            cursor.execute(f"create database {name}")
            cursor.execute(f"use {name}")
            for host in ("localhost", "127.0.0.1"):
                cursor.execute(f"grant select on {name}.* to {EXPORTER}@'{host}'")
                cursor.execute(f"grant all on {name}.* to slurm@'{host}'")
        schema.create_database(root, release)
        schema.create_cluster(root, release, CLUSTER)
        self._connection = root
        for setting in ("unique_checks = 0", "foreign_key_checks = 0", "sql_mode = ''", "long_query_time = 1000"):
            self.execute(f"set session {setting}")
        self.execute("insert into tres_table (creation_time, id, type, name) values (1, 1001, 'gres', 'gpu')")
        self.execute("insert into qos_table (creation_time, name, description) values (1, 'high', ''), (1, 'low', '')")
        if "lineage" in schema.columns(release, "%_assoc_table"):
            self._add_users("id_parent, lineage", "1, ''")
        else:
            self._add_accounts()
            first = f"{_account('lft')} + 1 + 2 * (seq div {ACCOUNTS})"
            self._add_users("lft, rgt", f"{first}, {first} + 1")

    def close(self) -> None:
        self._connection.close()

    def execute(self, sql: str) -> int:
        with self._connection.cursor() as cursor:
            return cursor.execute(sql)

    def select(self, sql: str) -> list[tuple]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def rolled_up(self, until: int) -> None:
        """Roll-ups have come so far."""
        self.execute(f"delete from {CLUSTER}_last_ran_table")
        self.execute(f"insert into {CLUSTER}_last_ran_table values ({until}, {until}, {until})")

    def insert_jobs(self, numbers: str, end: str, now: int) -> int:
        """Rows for `seq` of something, of jobs that end when `end` says; how many."""
        return self.execute(_insert(numbers, end, now, schema.columns(self.release, "%_job_table")))

    def _add_users(self, names: str, values: str) -> None:
        self.execute(
            f"insert into {CLUSTER}_assoc_table (creation_time, id_assoc, user, acct, {names})"
            f" select 1, 10 + seq, concat('user', seq), {_account('name')}, {values} from seq_0_to_{USERS - 1}"
        )

    def _add_accounts(self) -> None:
        """All below root, for a slurmdbd that is going to read them."""
        self.execute(f"insert into user_table (creation_time, name) select 1, concat('user', seq) from seq_0_to_{USERS - 1}")
        self.execute(
            "insert into acct_table (creation_time, name, description, organization)"
            f" select 1, {_account('name')}, '', 'org' from seq_0_to_{ACCOUNTS - 1}"
        )
        self.execute(
            f"insert into {CLUSTER}_assoc_table (creation_time, id_assoc, acct, parent_acct, lft, rgt)"
            f" select 1, 10 + {USERS} + seq, {_account('name')}, 'root', {_account('lft')}, {_account('lft')} + {_WIDTH - 1}"
            f" from seq_0_to_{ACCOUNTS - 1}"
        )
        self.execute(f"update {CLUSTER}_assoc_table set rgt = {_FIRST_LFT + _WIDTH * ACCOUNTS} where acct = 'root' and user = ''")


def _account(what: str) -> str:
    """Of the account of user `seq`: its name, or where it begins in the tree of releases that number it."""
    number = f"(seq % {ACCOUNTS})"
    return f"concat('acct', lpad({number}, 3, '0'))" if what == "name" else f"{_FIRST_LFT} + {_WIDTH} * {number}"


_FIRST_LFT = 4  # after root and its user
_WIDTH = 2 + 2 * (USERS // ACCOUNTS)


class JobDatabase(ClusterDatabase):
    """The newest release. The last 26 hours and the open jobs are alike whatever the size."""

    def __init__(self, server: PrivateMariaDB, name: str, size: Size) -> None:
        super().__init__(server, name, RELEASE)
        self.size = size
        self._fill()

    def _fill(self) -> None:
        now = int(time.time())
        self.rolled_up(now - now % 3600)
        recent = RECENT_HOURS * 3600 // RECENT_SECONDS
        history = self.size.jobs - recent - self.size.open_jobs
        if history < 1:
            raise ValueError(f"{self.size.jobs} jobs are fewer than the recent and the open ones")
        newest = now - RECENT_HOURS * 3600
        self.epoch = newest - (HISTORY_DAYS + 1) * 86400  # a day before the first job
        seconds = HISTORY_DAYS * 86400
        # One statement for all of them, for a table that is empty is filled much faster.
        self.insert_jobs(
            f"seq_1_to_{self.size.jobs}",
            end=f"if(seq <= {history}, {newest} - ({history} - seq) * {seconds} div {history},"
            f" if(seq <= {history + recent}, {now} - ({history + recent} - seq) * {RECENT_SECONDS}, 0))",
            now=now,
        )
        self.execute("set session unique_checks = 1")
        self.steps = sum(self._fill_steps(first) for first in range(1, self.size.jobs + 1, STEPS_FILLED))
        self.execute(f"analyze table {JOBS}, {STEPS}")
        self._next = self.size.jobs + 1

    def _fill_steps(self, first: int) -> int:
        """Batch, extern and three of srun, of which the last one does the work; of the jobs from `first` on that have started."""
        used = "if(time_end > 0, concat('1=1000,2=', (4000 << (id_job % 6)) * 10000 * (id_job % 99), ',6=1000,7=5000000,8=0'), '')"
        ran = "if(time_end > time_start, time_end - time_start, 0) * cpus_req"
        return self.execute(
            f"insert into {STEPS} (job_db_inx, id_step, step_name, nodelist, nodes_alloc, state, task_cnt, time_start, time_end, user_sec,"
            " sys_sec, tres_alloc, tres_usage_in_max, tres_usage_in_tot, tres_usage_in_ave, tres_usage_in_min)"
            " select straight_join job_db_inx, elt(seq, -5, -4, 0, 1, 2), 'step', nodelist, 1, if(time_end > 0, 3, 1), 1, time_start, time_end,"
            f" if(seq = {STEPS_OF_A_JOB}, {ran} * (id_job % 90) div 100, 0), 1, '1=1,2=4000,4=1', {used}, {used}, {used}, {used}"
            f" from {JOBS} join seq_1_to_{STEPS_OF_A_JOB}"
            f" where id_job between {first} and {first + STEPS_FILLED - 1} and time_start > 0 and state != 0"
        )

    def trickle(self, jobs: int) -> None:
        """As many open jobs end now, and others are submitted."""
        self.execute("begin")
        self.execute(
            f"update (select job_db_inx from {JOBS} where time_end = 0 and state = 1 order by job_db_inx limit {jobs}) ending"
            f" join {STEPS} step using (job_db_inx) set step.time_end = unix_timestamp(), step.state = 3, step.user_sec = 1,"
            " step.tres_usage_in_tot = '1=1000,2=1000000'"
        )
        self.execute(
            f"update {JOBS} set time_end = unix_timestamp(), mod_time = unix_timestamp(), state = 3"
            f" where time_end = 0 and state = 1 order by job_db_inx limit {jobs}"
        )
        # Numbers that make running jobs.
        first = self._next + (-self._next) % 5
        numbers = f"(select {first} + seq % 3 + 5 * (seq div 3) as seq from seq_0_to_{jobs - 1}) numbers"
        self.insert_jobs(numbers, end="0", now=int(time.time()))
        self._next = first + 5 * jobs
        self.execute("commit")


def _insert(numbers: str, end: str, now: int, columns: frozenset[str]) -> str:
    """Into those of our columns that the release has. Three of five open jobs run, the others wait."""
    ours = {name: text for name, text in _COLUMNS.items() if name.strip("`") in columns}
    inner = f"select seq as n, {_USER.format(n='seq')} as user, {end} as end from {numbers}"
    values = {"n": "n", "user": "user", "end": "end", "start": "start", "submit": "submit", "state": "state"}
    selected = ", ".join(f"{text.format(**values)} as {name}" for name, text in ours.items())
    ran = _RAN.format(n="n")
    middle = (
        f"select *, cast(if(end > 0, end - ({ran}), if(n % 5 < 3, {now} - n * 37 % 7000, 0)) as unsigned) as start,"
        f" cast(if(end > 0, end - ({ran}), {now} - n * 37 % 7000) - n % 600 as unsigned) as submit,"
        f" if(end > 0, {_ENDED_STATE.format(n='n')}, if(n % 5 < 3, 1, 0)) as state from ({inner}) a"
    )
    return f"insert into {JOBS} ({', '.join(ours)}) select {selected} from ({middle}) b"


@dataclass(frozen=True)
class Statement:
    """One statement, as the server saw it."""

    database: str
    thread: int
    text: str
    seconds: float
    rows_examined: int

    @property
    def purpose(self) -> str:
        """What the exporter says it is for."""
        match = re.match(r"/\* slurmdbd_exporter:([\w-]+)", self.text)
        return match[1] if match else ""


class StatementLog:
    """All statements of others between entering and leaving the context, from the slow log with a limit of 0 seconds."""

    def __init__(self, server: PrivateMariaDB) -> None:
        self._connection: pymysql.Connection = server.connect("root", database=None)

    def __enter__(self) -> StatementLog:
        self._execute("set session long_query_time = 1000")
        self._execute("set global log_output = 'TABLE'")
        self._execute("truncate mysql.slow_log")
        self._execute("set global long_query_time = 0")
        self._execute("set global slow_query_log = 1")
        return self

    def __exit__(self, *_: object) -> None:
        self._execute("set global slow_query_log = 0")
        self._execute("set global long_query_time = 1000")
        self._connection.close()

    def statements(self, user: str) -> Iterator[Statement]:
        """Those of one user, in order."""
        rows = self._execute(
            "select db, thread_id, convert(sql_text using utf8mb4), time_to_sec(query_time), rows_examined from mysql.slow_log"
            f" where user_host like '{user}[%'"
        )
        for database, thread, text, seconds, examined in rows:
            yield Statement(database, thread, text, float(seconds), examined)

    def _execute(self, sql: str) -> list[tuple]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())
