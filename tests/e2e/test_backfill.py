"""Two years of two clusters, filled into a real Prometheus and a real VictoriaMetrics, judged by SQL.

    python3 -m tests.e2e.test_backfill          # 0 well, 1 something differs, 77 it cannot be run here
    python3 -m tests.e2e.test_backfill --long   # more jobs, more moments

- At random moments, and at those where the time that costs are counted since becomes another, the files hold what --once --as-of
  shows.
- A range that begins in the middle of a year ends in the same bytes.
- In both databases increase() over each month is what SQL makes of that month's job rows, and of what was consumed what
  the report of that month says.
- A Prometheus that scrapes the exporter meanwhile has the same series before and after the first scrape: no counter falls there or
  leaps.
- A backfill that was killed again and again ends in the same bytes.
- What the dashboards ask of these metrics is answered at both ends of the two years.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tests.dashboards import boards
from tests.e2e import servers
from tests.e2e.servers import ServerError
from tests.integration.exporter import (
    BACKFILLED,
    NOT_OF_THE_PAST,
    PRICES,
    Exporter,
    backfill_command,
    environment_with,
    only,
    page_of_the_past,
    run_backfill,
    run_report,
)
from tests.integration.samples import Samples, by_moment, differences, without_beginnings
from tests.storm.recount import LABELS, MEBIBYTE, Counts, recount
from tests.support import schema
from tests.support.accounting import SlurmdbdWriter
from tests.support.mariadb import EXPORTER, PASSWORDS, PrivateMariaDB, free_port
from tests.support.random_jobs import run_jobs
from tests.support.rollup import Rollup
from tests.support.session import ManualClock, parse_tres
from tests.support.steps import usage_columns
from tests.support.values import Action, JobState, NodeState, StepId

CLUSTERS = ("alpha", "beta")
RELEASE = "24.11"
ZONE = "Europe/Paris"
CAPACITY = {"cpu": 640, "mem": 2_560_000, "node": 10, "billing": 640, "gres/gpu": 8}
PEOPLE = (("physics", "ada"), ("physics", "lise"), ("chemistry", "marie"))
HOUR, DAY = 3600, 86_400
STEP, NEAR_STEP = 12 * HOUR, 60  # of the years, and of the hour before the first scrape
SETTLE = 10
SECRETS = {"SLURMDBD_EXPORTER_DATABASE_PASSWORD": PASSWORDS[EXPORTER]}
JOBS, MOMENTS = 500, 6
OFF = 2.0**-50  # byte-seconds of a month have more digits than a sample: sums of them lose the last ones
# What has to be met in the files, of each book.
OF_EACH = {
    "slurmdbd_account_cost", "slurmdbd_department_budget_used", "slurmdbd_account_cpu_used_seconds_total", "slurmdbd_job_memory_efficiency_ratio_bucket",
    "slurmdbd_jobs_unmeasured_total", "slurmdbd_node_unavailable_info", "slurmdbd_nodes_unavailable_seconds", "slurmdbd_transactions_total",
    "slurmdbd_jobs_without_association", "slurmdbd_cluster_usage_tres_seconds", "slurmdbd_account_tres_seconds_total",
}  # fmt: skip
METRIC = re.compile(r"\b(?:slurmdbd|process)_\w+|\b(?:cluster|account|user|quota|qos|alerts?)[\w]*:[\w:]+|\bALERTS\b|\bup\b")


class Faults:
    """What was compared, and what was not the same."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, int]] = []
        self.details: list[str] = []

    def add(self, what: str, compared: int, faults: Iterable[str]) -> None:
        found = list(faults)
        self.lines.append((what, compared, len(found)))
        self.details += [f"{what}: {fault}" for fault in found[:10]]
        if not compared:
            self.details.append(f"{what}: nothing was compared")

    def table(self) -> str:
        return "\n".join(f"{what:62} {compared:7} compared {faults:5} differ" for what, compared, faults in self.lines)


def write(server: PrivateMariaDB, start: int, now: int, jobs: int) -> None:
    """The history of both clusters, rolled up."""
    connection = server.connect()
    schema.create_database(connection, RELEASE, now=start)
    for name in CLUSTERS:
        schema.create_cluster(connection, RELEASE, name, now=start)
        clock = ManualClock(start)
        writer = SlurmdbdWriter(server.connect(), RELEASE, name, clock, timezone=ZONE)
        writer.add_tres("gres/gpu")
        if not writer.select("select 1 from qos_table where name = 'high'"):
            writer.add_qos("high")
        writer.register_cluster(CAPACITY, nodes="n[1-10]", at=start)
        chance = random.Random(name)
        charged = []
        for account, user in PEOPLE:
            if not writer.select(f"select 1 from {writer.table('%_assoc_table')} where acct = %s", (account,)):
                writer.add_account(account, organization="Faculty" if account == "physics" else "Science")
            charged.append((writer.add_user(user, account), writer.add_wckey("paper", user) if user == "ada" else 0))
        run_jobs(writer, charged, chance, start, now, jobs)
        run_jobs(writer, charged, chance, now - 2 * DAY, now, jobs // 5)
        writer.execute(f"update {writer.table('%_job_table')} set state = %s where state = 3 and id_job %% 7 = 0", (int(JobState.FAILED),))
        use(writer)
        take_nodes_away(writer, start, now)
        for _ in range(100):
            clock.now = chance.randrange(start, now)
            writer.record_transaction(chance.choice((Action.MODIFY_ACCOUNTS, Action.ADD_USERS)), "(name='x')", actor=chance.choice(("root", "ada")))
        clock.now = now
        Rollup(writer).run()
        writer.connection.close()
    connection.close()


def use(writer: SlurmdbdWriter) -> None:
    """Steps of most jobs that have ended: one that used some of what the job had; now and then one that never ended."""
    job_table, rows = writer.table("%_job_table"), []
    for number, job in enumerate(writer.select(f"select * from {job_table} where time_end > 0 and tres_alloc != '' order by id_job")):
        if number % 9 == 0:
            continue
        memory = 2**20 * parse_tres(job["tres_alloc"]).get(2, 0)
        seconds = parse_tres(job["tres_alloc"]).get(1, 0) * (job["time_end"] - job["time_start"])
        used = usage_columns(seconds * (number % 11) / 11, 0.25, memory // 9, memory // (1 + number % 4), 4)
        ends = number % 5 != 0
        row = {
            "job_db_inx": job["job_db_inx"], "id_step": int(StepId.BATCH), "step_name": "batch", "nodelist": "n1", "nodes_alloc": 1, "task_cnt": 4,
            "tres_alloc": "1=1", "time_start": job["time_start"], "time_end": job["time_end"] if ends else 0,
            "state": int(JobState.COMPLETED if ends else JobState.RUNNING),
        }  # fmt: skip
        rows.append(row | (used if ends else dict.fromkeys(used, 0) | {name: "" for name in used if name.startswith("tres_")}))
    writer.insert_many("%_step_table", list(rows[0]), (tuple(row.values()) for row in rows))


def take_nodes_away(writer: SlurmdbdWriter, start: int, now: int) -> None:
    """Some for hours, one for over a year through two registrations, another for days over one."""
    node = {"cpu": 64, "mem": 256_000, "node": 1}
    for number in range(6):
        begin = start + (number + 1) * 100 * DAY
        writer.node_down(f"n{number + 1}", node, at=begin)
        writer.node_up(f"n{number + 1}", at=begin + 7 * HOUR)
        if number in (1, 4):
            if number == 1:
                writer.node_down("n8", node, reason="never came", at=begin - 50 * DAY)
            writer.node_down("n7", node, at=begin + DAY)
            writer.register_cluster(CAPACITY | {"cpu": 640 + number}, nodes="n[1-10]", at=begin + 2 * DAY)
            writer.node_down("n7", node, reason="disk", state=NodeState.IDLE | NodeState.DRAIN, at=begin + 3 * DAY)
            writer.node_up("n7", at=begin + 40 * DAY)
    writer.node_up("n8", at=start + 620 * DAY)
    for begin in (start + 25 * DAY, now - 15 * DAY):
        writer.node_down("n9", node, at=begin)
        writer.node_up("n9", at=begin + 10 * DAY)


def months(start: int, end: int) -> list[tuple[int, int]]:
    """Local months that begin within [start, end): the first instant, and that of the next one or `end`."""
    zone, found = ZoneInfo(ZONE), []
    first = datetime.fromtimestamp(start, zone)
    year, month = first.year, first.month
    while (begin := int(datetime(year, month, 1, tzinfo=zone).timestamp())) < end:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        found.append((begin, min(end, int(datetime(year, month, 1, tzinfo=zone).timestamp()))))
    return [one for one in found if one[0] >= start]


def moments_of(path: pathlib.Path) -> set[int]:
    """Without those after the ends of months, at which counters stand at 0."""
    times = {int(line.rsplit(" ", 1)[1]) for line in path.read_text().splitlines() if not line.startswith("#")}
    return {time for time in times if time % 60 == 0}


class Database:
    """A Prometheus or VictoriaMetrics that answers queries."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, kind: str, **values: object) -> list[dict]:
        address = f"{self.url}/api/v1/{kind}?{urllib.parse.urlencode(values)}"
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise ServerError(f"{values}: {error.read().decode()[:500]}") from None

    def increase(self, metric: str, begin: int, end: int) -> Counts:
        """By how much each series has grown within [begin, end], if it has, as recount() has it."""
        expression = f'sum by (cluster, {", ".join(LABELS[metric])}) (increase({metric}{{cluster!=""}}[{end - begin}s]))'
        found: Counts = {}
        for series in self.ask("query", query=expression, time=end, nocache=1):
            key = (metric, *(series["metric"].get(label, "") for label in ("cluster", *LABELS[metric])))
            if value := float(series["value"][1]):
                found[key] = round(value)
        return found


class Run:
    def __init__(self, folder: pathlib.Path, stack: contextlib.ExitStack, jobs: int, moments: int) -> None:
        self.folder, self.stack, self.moments, self.faults = folder, stack, moments, Faults()
        self.began = time.monotonic()
        self.server = stack.enter_context(PrivateMariaDB())
        now = int(time.time())
        self.start = now // DAY * DAY - 730 * DAY
        write(self.server, self.start, now - 120, jobs)
        self.flags: dict[str, object] = {
            "database.socket": self.server.socket, "database.user": EXPORTER, "timezone": ZONE,
            "counter.settle": f"{SETTLE}s", "poll.interval": "1s", "log.level": "info", "counter.epoch": "month",
        } | PRICES  # fmt: skip
        self.exporter = Exporter(folder, self.flags | only(*BACKFILLED), SECRETS)
        self.label = ["job=slurmdbd", f"instance=127.0.0.1:{self.exporter.port}"]
        self.tsdb = folder / "tsdb"
        self.port = free_port()
        self.prometheus = Database(f"http://127.0.0.1:{self.port}")
        self.say(f"two years with {2 * (jobs + jobs // 5)} jobs are rolled up")

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {what}", file=sys.stderr, flush=True)

    def fill(self, name: str, **flags: object) -> pathlib.Path:
        folder = self.folder / name
        done = run_backfill(self.flags | {"output": folder, "label": self.label} | flags, SECRETS)
        if done.code:
            raise ServerError(f"backfill: {done.log}")
        self.say(f"{name}: {re.sub(r'.*backfill is complete', '', done.log.strip().splitlines()[-1])}")
        return folder

    def start_prometheus(self) -> servers.Process:
        config = self.folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
            f"- {{job_name: slurmdbd, honor_labels: true, static_configs: [{{targets: ['127.0.0.1:{self.exporter.port}']}}]}}\n"
        )
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.tsdb}", "--log.level=warn"]
        command += ["--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{self.port}"]
        process = servers.Process(command, self.folder / "prometheus.log")
        self.stack.callback(process.stop)
        process.wait_for(f"{self.prometheus.url}/-/ready", 60)
        return process

    def first_scrape(self) -> int:
        """When the first scrape was that has numbers, epoch seconds."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.prometheus.ask("query", query="min(min_over_time(timestamp(slurmdbd_jobs)[1h:1s]))")
            if found:
                return int(float(found[0]["value"][1]))
            time.sleep(0.5)
        raise ServerError("Prometheus has no sample of the exporter")

    def import_blocks(self, folder: pathlib.Path) -> None:
        for path in sorted(folder.glob("*.om")):
            command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h", path, self.tsdb]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise ServerError(f"promtool: {path.name}: {done.stdout[-1000:]}{done.stderr[-1000:]}")

    def play(self) -> None:
        self.exporter.start()
        self.stack.callback(self.exporter.kill)
        running = self.start_prometheus()
        head = self.first_scrape()
        self.say(f"Prometheus has scraped since {head}")
        border = (head - 3 * HOUR) // STEP * STEP
        years = self.fill("years", **{"from": self.start, "to": border, "step": f"{STEP}s", "window": "month"})
        near = self.fill("near", **{"from": head - HOUR, "head": head, "step": f"{NEAR_STEP}s"})
        last = max(max(moments_of(path)) for path in near.glob("*.om"))
        self.faults.add("last moment against the first scrape", 1, [f"{last} and {head}"] if not head - SETTLE - NEAR_STEP <= last <= head - SETTLE else [])
        self.moments_are_pages(years)
        self.begins_in_mid_year(years, border)
        self.killed(years, border)
        running.stop()
        for folder in (years, near):
            self.import_blocks(folder)
        self.start_prometheus()
        self.say("all is imported into Prometheus")
        self.months_are_sql("Prometheus", self.prometheus, border)
        self.months_are_reports(border)
        self.no_jump(last, head)
        self.dashboards(border)
        self.victoria(border)

    def moments_are_pages(self, folder: pathlib.Path) -> None:
        """--once --as-of against the files."""
        chance, compared, faults, met = random.Random(7), 0, [], set()
        labels = frozenset(tuple(text.split("=", 1)) for text in self.label)
        paths = {path.stem: path for path in sorted(folder.glob("*.om"))}
        wanted = [(name, chance.choice(sorted(moments_of(paths[name])))) for name in chance.sample(sorted(paths), min(self.moments, 24))]
        for name in paths:
            # Costs are counted since December in January, and since January from February on.
            if name.endswith(("-01", "-02")):
                times = sorted(moments_of(paths[name]))
                wanted += [(name, at) for at in (times[0], times[len(times) // 2], times[-1])[: 3 if name.endswith("-01") else 1]]
        for name, moment in wanted:
            lines = [line for line in paths[name].read_text().splitlines() if line.endswith(f" {moment}")]
            (page,) = by_moment("\n".join(lines)).values()
            shown = page_of_the_past(self.flags, SECRETS, moment)
            held = Samples({(name, have - labels): value for (name, have), value in page.values.items()})
            held = without_beginnings(held, shown)
            compared += len(held.values)
            met |= held.names()
            faults += [f"at {moment}: {text}" for text in differences(shown, held)]
        faults += [f"no {name}" for name in sorted(OF_EACH - met)] + [f"{name} is not of the past" for name in sorted(met & set(NOT_OF_THE_PAST))]
        self.faults.add(f"samples of {len(wanted)} moments against --once --as-of", compared, faults)
        self.say(f"{len(wanted)} moments are compared")

    def begins_in_mid_year(self, whole: pathlib.Path, border: int) -> None:
        """Costs have to be counted from the year's beginning on: each whole month is that of the run over all years."""
        begin = months(self.start, border)[8][0] + 5 * DAY
        end = months(self.start, border)[14][0] + 2 * DAY
        folder = self.fill("mid", **{"from": begin, "to": end, "step": f"{STEP}s", "window": "month"})
        names = sorted(path.name for path in folder.glob("*.om"))[1:-1]
        faults = [name for name in names if _bytes(whole / name) != _bytes(folder / name)]
        self.faults.add("months of a run that begins in mid-year against one from the beginning", len(names), faults)

    def killed(self, whole: pathlib.Path, border: int) -> None:
        """Kills a backfill whenever it has a few more files."""
        folder = self.folder / "killed"
        flags = {"from": self.start, "to": border, "step": f"{STEP}s", "window": "month", "output": folder, "label": self.label}
        kills = 0
        while True:
            before = len(list(folder.glob("*.om")))
            process = subprocess.Popen(
                backfill_command(self.flags | flags), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment_with(SECRETS)
            )
            while process.poll() is None and len(list(folder.glob("*.om"))) < before + 8:
                time.sleep(0.002)
            if process.poll() is not None:
                break
            process.kill()
            process.wait()
            kills += 1
        names = {path.name for path in (*whole.glob("*.om"), *folder.glob("*.om"))}
        faults = [name for name in sorted(names) if _bytes(whole / name) != _bytes(folder / name)]
        faults += [f"ended with {process.returncode}"] if process.returncode else []
        self.faults.add(f"files of a run killed {kills} times against those of one that was not", len(names) if kills else 0, faults)
        self.say(f"killed {kills} times, and gone on")

    def months_are_sql(self, where: str, database: Database, border: int) -> None:
        """Each counter in each month, by SQL alone."""
        connection = self.server.connect()
        compared, faults = 0, []
        with connection.cursor() as cursor:
            cursor.execute("set session sql_mode = 'NO_UNSIGNED_SUBTRACTION'")
            for begin, end in months(self.start, border):
                wanted: Counts = {}
                for cluster in CLUSTERS:
                    wanted |= recount(cursor, cluster, begin, end, whole=end < border)
                found: Counts = {}
                for metric in LABELS:
                    found |= database.increase(metric, begin, end)
                compared += len(wanted)
                faults += [
                    f"from {begin}: {key}: SQL {wanted.get(key, 0)}, {where} {found.get(key, 0)}"
                    for key in sorted(wanted.keys() | found.keys())
                    if abs(wanted.get(key, 0) - found.get(key, 0)) > OFF * wanted.get(key, 0)
                ]
        connection.close()
        self.faults.add(f"increase() over each month in {where} against SQL", compared, faults)
        self.say(f"months in {where} are compared")

    def months_are_reports(self, border: int) -> None:
        """What was consumed in each whole month, as its report has it."""
        metric, by = "slurmdbd_account_tres_seconds_total", ("cluster", "account", "partition", "qos")
        compared, faults = 0, []
        for begin, end in months(self.start, border):
            if end == border:
                continue
            month = datetime.fromtimestamp(begin, ZoneInfo(ZONE)).strftime("%Y-%m")
            flags = self.flags | {"period": month, "by": ",".join(by), "source": "jobs", "format": "json"}
            told = run_report("usage", flags, SECRETS)
            names = [column["name"] for column in told["columns"]]
            wanted: Counts = {}
            for line in told["lines"]:
                values = dict(zip(names, line))
                for tres, amount in values.items():
                    if tres not in (*by, "energy") and amount:
                        wanted[(metric, *(values[label] for label in by), tres)] = amount * (MEBIBYTE if tres == "mem" else 1)
            found = self.prometheus.increase(metric, begin, end)
            compared += len(wanted)
            faults += [
                f"{month}: {key}: report {wanted.get(key, 0)}, Prometheus {found.get(key, 0)}"
                for key in sorted(wanted.keys() | found.keys())
                if abs(wanted.get(key, 0) - found.get(key, 0)) > OFF * wanted.get(key, 0)
            ]
        self.faults.add("increase() over each whole month against its report", compared, faults)
        self.say("months are compared with reports")

    def no_jump(self, last: int, head: int) -> None:
        """Around the first scrape: each counter goes on, as SQL has it at both ends."""
        deadline = time.time() + 30
        until = head + 15
        while time.time() < until and time.time() < deadline:
            time.sleep(0.5)
        connection = self.server.connect()
        compared, faults = 0, []
        same_month = len(months(last - DAY * 40, head)) and months(last - DAY * 40, last)[-1][0] == months(last - DAY * 40, head)[-1][0]
        with connection.cursor() as cursor:
            cursor.execute("set session sql_mode = 'NO_UNSIGNED_SUBTRACTION'")
            epoch = months(last - DAY * 40, last)[-1][0]
            counted = [
                {key: n for cluster in CLUSTERS for key, n in recount(cursor, cluster, epoch, at).items()}
                for at in (last, head - SETTLE - 5, until)
            ]
        connection.close()
        for metric in ("slurmdbd_account_tres_seconds_total", "slurmdbd_user_tres_seconds_total"):
            for series in self.prometheus.ask("query", query=f"{metric}[{until - last + HOUR}s]", time=until):
                labels, values = series["metric"], [(float(at), float(value)) for at, value in series["values"]]
                key = (metric, *(labels.get(label, "") for label in ("cluster", *LABELS[metric])))
                before = [value for at, value in values if at <= last]
                after = [value for at, value in values if at > last]
                compared += 1
                if not before or not after:
                    faults.append(f"{key}: {len(before)} samples before and {len(after)} after: not one series")
                elif same_month:
                    at_last, at_first, at_end = (one.get(key, 0) for one in counted)
                    if before[-1] != at_last or not max(before[-1], at_first) <= after[0] <= at_end:
                        faults.append(f"{key}: {before[-1]} at {last}, then {after[0]}; SQL {at_last}, {at_first} to {at_end}")
            if same_month:
                resets = self.prometheus.ask("query", query=f"max(resets({metric}[{until - last + HOUR}s])) > 0", time=until)
                faults += [f"{metric}: a reset around the first scrape"] if resets else []
        self.faults.add("counters before and after the first scrape", compared, faults)

    def dashboards(self, border: int) -> None:
        """Expressions of the dashboards that need nothing but these metrics: an answer in the first month and in the last."""
        ends = (self.start + 40 * DAY, border - 2 * DAY)
        known = set()
        for path in (self.folder / "years").glob("*.om"):
            known |= {re.split(r"[{ ]", line, maxsplit=1)[0] for line in path.read_text().splitlines() if not line.startswith("#")}
        compared, faults = 0, []
        for board in boards.load():
            for end in ends:
                def label_values(text: str) -> list[str]:
                    found = re.fullmatch(r"label_values\((.+), (\w+)\)", text)
                    series = self.prometheus.ask("query", query=f"group by ({found[2]}) (last_over_time({found[1]}[30d]))", time=end)
                    return sorted(one["metric"][found[2]] for one in series if one["metric"].get(found[2])) or ["none"]

                setting = next(iter(boards.settings(board, label_values, {}, STEP)))[1]
                for one in boards.asks(board):
                    if not set(METRIC.findall(one.expression)) <= known:
                        continue
                    expression = boards.fill(one.expression, setting | {"__range": "30d", "__interval": f"{STEP}s"})
                    values = {"query": expression, "start": end - 20 * DAY, "end": end, "step": STEP}
                    compared += 1
                    if not self.prometheus.ask("query_range", **values):
                        faults.append(f"{board['uid']}: {one.where}: nothing before {end}: {expression}")
        self.faults.add("dashboards' expressions at both ends of the two years", compared, _unless_empty(faults))
        self.say("dashboards are asked")

    def victoria(self, border: int) -> None:
        counters = only("consumption", "outcomes")
        flags = {"from": self.start, "to": border, "step": f"{STEP}s", "window": "month", "format": "victoriametrics"}
        folder = self.fill("victoria", **(flags | counters))
        port = free_port()
        command = ["victoria-metrics", f"-storageDataPath={self.folder / 'victoria-data'}", f"-httpListenAddr=127.0.0.1:{port}"]
        command += ["-retentionPeriod=100y", "-search.latencyOffset=0s", "-loggerLevel=WARN"]
        process = servers.Process(command, self.folder / "victoria.log")
        self.stack.callback(process.stop)
        url = f"http://127.0.0.1:{port}"
        process.wait_for(f"{url}/health", 60)
        for path in sorted(folder.glob("*.prom")):
            request = urllib.request.Request(f"{url}/api/v1/import/prometheus", data=path.read_bytes(), method="POST")
            urllib.request.urlopen(request, timeout=60).close()
        urllib.request.urlopen(f"{url}/internal/force_flush", timeout=60).close()
        self.say("all is imported into VictoriaMetrics")
        self.months_are_sql("VictoriaMetrics", Database(url), border)


def _bytes(path: pathlib.Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _unless_empty(faults: Sequence[str]) -> list[str]:
    return [fault for fault in faults if not any(re.search(pattern, fault) for pattern in EMPTY)]


# Expressions that may have no answer in this history, and why.
EMPTY = {
    "pending_oldest_eligible|outcomes: By partition [BC]": "at most moments nothing waits in this history",
    "cost: Accounts without a department": "all have one",
}


def unavailable() -> str | None:
    if reason := servers.unavailable():
        return reason
    return None if shutil.which("victoria-metrics") else "victoria-metrics is not installed (deploy/packages.sh test)"


def main(arguments: Sequence[str]) -> int:
    if reason := unavailable():
        print(f"skipped: {reason}")
        return 77
    long = "--long" in arguments
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-backfill-")))
        run = Run(folder, stack, JOBS * 10 if long else JOBS, 24 if long else MOMENTS)
        run.play()
    print(*run.faults.details, sep="\n")
    print(run.faults.table())
    return 1 if run.faults.details else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
