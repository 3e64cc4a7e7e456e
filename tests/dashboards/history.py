"""A Prometheus with days of the demo's history, as the exporter would have shown it at each hour.

    with Past(Path("build/dashboards/past"), exporter) as past:   # made when the folder has none yet
        past.url, past.end, past.step

The demo's database ends at a fixed instant, so the same history comes out each time. From there it is turned back hour by hour;
`slurmdbd_exporter --once --as-of` gives each hour's page. Prometheus gets the pages as blocks, with the results of the recording
rules and alerts that are shipped with the exporter. What the exporter says about itself is scraped from one that serves meanwhile.
"""

from __future__ import annotations

import calendar
import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable

import yaml

from deploy.demo import history, site
from tests.dashboards import past as turned
from tests.e2e.servers import Process, ServerError, database_flags
from tests.support.accounting import SlurmdbdWriter
from tests.support.mariadb import PrivateMariaDB, free_port
from tests.support.rollup import Rollup

ROOT = Path(__file__).resolve().parents[2]
RELEASE = "24.11"  # the first one whose roll-ups know QOS
END = calendar.timegm((2026, 3, 19, 15, 30, 0))
STEP = 3600  # seconds between pages
SCALE = 0.3
WITHOUT_QUOTA = "econometrics"
TARGET = 'job="slurmdbd",instance="localhost:19341"'
SELF = re.compile(r"(slurmdbd_exporter_|slurmdbd_scrape_|slurmdbd_up|process_)")  # about the exporter, not about a cluster
UNUSED = re.compile(r"slurmdbd_(wckey_usage|user_usage_rolled_up|qos_usage_rolled_up)_")  # many series that no dashboard asks for
Samples = dict[int, list[str]]  # by time: lines of OpenMetrics, one or more in a string
SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)")


class Past:
    """The folder keeps the blocks; `days` is how much there is."""

    def __init__(self, folder: Path, exporter: Path, days: float) -> None:
        self.folder, self.end, self.step = folder, END, STEP
        self.start = END - round(days * 86_400) // STEP * STEP
        self._exporter = exporter
        self._tsdb = folder / "tsdb"
        self._server: Process | None = None
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Past:
        done = self.folder / "done"
        if not done.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self._tsdb.mkdir(parents=True)
            self._make()
            done.touch()
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def query(self, expression: str, at: int | None = None) -> list[dict[str, Any]]:
        """An instant query's series."""
        return self._ask("query", query=expression, time=str(self.end if at is None else at))

    def over_time(self, expression: str, since: int | None = None) -> list[dict[str, Any]]:
        """A range query's series, by default over all that there is."""
        start = self.start if since is None else max(since, self.start)
        return self._ask("query_range", query=expression, start=str(start), end=str(self.end), step=str(self.step))

    def _ask(self, kind: str, **arguments: str) -> list[dict[str, Any]]:
        body = urllib.parse.urlencode(arguments).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{kind}", body, timeout=60) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise ServerError(json.load(error)["error"]) from None

    def _start(self) -> None:
        config = self.folder / "prometheus.yml"
        config.write_text("global: {}\n")
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self._tsdb}", "--log.level=warn"]
        command += ["--storage.tsdb.retention.time=100y", f"--query.lookback-delta={self.step // 2}s"]
        command += [f"--web.listen-address=127.0.0.1:{self._port}"]
        self._server = Process(command, self.folder / "prometheus.log")
        self._server.wait_for(f"{self.url}/-/ready", 60)

    def _stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None

    def _import(self, samples: Samples) -> None:
        """Samples as blocks. Prometheus must not run."""
        page = self.folder / "samples.om"
        with page.open("w") as file:
            for instant in sorted(samples):
                file.writelines(samples[instant])
            file.write("# EOF\n")
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=2400h", page, self._tsdb]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ServerError(f"promtool: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        page.unlink()

    def _make(self) -> None:
        began = time.monotonic()
        with PrivateMariaDB() as server:
            plan = history.Plan(self.end, months=2, scale=SCALE)
            print(f"history: {history.fill(server.connect, RELEASE, plan)}", flush=True)
            self._import(self._pages(server))
        print(f"history: {(self.end - self.start) // self.step + 1} pages, {time.monotonic() - began:.0f} s so far", flush=True)
        self._evaluate_rules()
        print(f"history: made in {time.monotonic() - began:.0f} s", flush=True)

    def _pages(self, server: PrivateMariaDB) -> Samples:
        sessions = [SlurmdbdWriter(server.connect(), RELEASE, one.name, lambda: self.end) for one in site.CLUSTERS]
        for session in sessions:
            turned.prepare(session)
        self._trouble(*sessions)
        command = self._command(server)
        port = free_port()
        serving = [*command, f"--web.listen-address=127.0.0.1:{port}", "--poll.interval=2s", "--counter.epoch=2026-03-01"]
        instants = range(self.end, self.start - 1, -self.step)
        samples: Samples = defaultdict(list)
        of_itself: list[tuple[float, str]] = []
        served = Process(serving, self.folder / "exporter.log")
        try:
            served.wait_for(f"http://127.0.0.1:{port}/-/ready", 60)
            for instant in instants:
                for session in sessions:
                    turned.rewind(session, instant)
                once = subprocess.run([*command, "--once", f"--as-of={instant}"], capture_output=True, text=True)
                if once.returncode:
                    raise ServerError(f"--once --as-of={instant}: {once.stderr[-2000:]}")
                samples[instant].append(_stamped(once.stdout, instant, wants=lambda name: not _of_itself(name)))
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                    of_itself.append((time.time(), answer.read().decode()))
        finally:
            served.stop()
        for instant, (scraped, page) in zip(reversed(instants), of_itself):
            samples[instant].append(_stamped(page, instant, _of_itself, instant - scraped))
            samples[instant].append(f"up{{{TARGET}}} 1 {instant}\n")
        return samples

    def _trouble(self, *sessions: SlurmdbdWriter) -> None:
        """What an auditor looks for: an idle reservation that is charged, jobs that nobody ended, and a row that somebody altered."""
        began, yesterday = self.end - 26 * 3600, self.end // 86_400 * 86_400 - 86_400
        alpine, summit = sessions
        alpine.add_reservation(
            "teaching", began, self.end + 46 * 3600, {"cpu": 128, "node": 2}, [alpine.association(WITHOUT_QUOTA)], nodelist="b[01-02]"
        )
        alpine.trigger_reroll(began)
        for session, cluster in zip(sessions, site.CLUSTERS):
            people = site.load(session, cluster).people
            someone = next(person.association for person in people if person.association.account == WITHOUT_QUOTA)
            for part, hours in zip(cluster.partitions, (14, 9)):
                lost = session.submit(someone, at=self.end - hours * 3600, partition=part.name, cpus=16, timelimit=60)
                session.start(lost, at=self.end - hours * 3600)
            again = session.submit(someone, at=self.end - 18_000, partition=part.name, id_job=lost.id)
            session.start(again, at=self.end - 18_000)
            session.end(again, at=self.end - 17_000)
            Rollup(session).run()
        days = summit.table("%_assoc_usage_day_table")
        summit.execute(f"update {days} set alloc_secs = alloc_secs + 360000 where id_tres = 1 and time_start = %s order by alloc_secs desc limit 1", (yesterday,))

    def _command(self, server: PrivateMariaDB) -> list[str]:
        flags = database_flags(server, self.folder) | {"quota.decay-half-life": "0", "quota.reset-period": "monthly"}
        flags |= {"cost.price-book": ROOT / "deploy/price_book.yml"}
        return [str(self._exporter), *(f"--{name}={value}" for name, value in flags.items())]

    def _evaluate_rules(self) -> None:
        """Each shipped rule at each step: those that ask for others' results come after them."""
        groups = [group for file in (ROOT / "deploy/prometheus/rules").glob("*.yml") for group in yaml.safe_load(file.read_text())["groups"]]
        rules = [rule for group in groups for rule in group["rules"]]
        while rules:
            results = {rule["record"] for rule in rules if "record" in rule}
            ready = [rule for rule in rules if not any(name in rule["expr"] for name in results - {rule.get("record")})]
            self._start()
            samples: Samples = defaultdict(list)
            for rule in ready:
                self._evaluate(rule, samples)
            self._stop()
            if samples:
                self._import(samples)
            rules = [rule for rule in rules if rule not in ready]

    def _evaluate(self, rule: dict[str, Any], samples: Samples) -> None:
        for series in self.over_time(rule["expr"]):
            labels = {name: text for name, text in series["metric"].items() if name != "__name__"} | rule.get("labels", {})
            name, constant = rule.get("record"), None
            if name is None:
                name, constant = "ALERTS", "1"
                labels |= {"alertname": rule["alert"], "alertstate": "firing"}
            text = ",".join(f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in sorted(labels.items()))
            for instant, value in series["values"]:
                samples[int(instant)].append(f"{name}{{{text}}} {constant or value} {int(instant)}\n")


def _of_itself(name: str) -> bool:
    return bool(SELF.match(name)) and name != "slurmdbd_exporter_cluster_success"


def _stamped(page: str, instant: int, wants: Callable[[str], bool], shift: float = 0.0) -> str:
    """A page's samples with the target's labels and a timestamp; times in values are moved by `shift` seconds."""
    lines = []
    for line in page.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        if not wants(name) or UNUSED.match(name):
            continue
        if shift and name.endswith(("_timestamp_seconds", "_start_time_seconds")) and float(value) > 0:
            value = repr(float(value) + shift)
        lines.append(f"{name}{{{labels + ',' if labels else ''}{TARGET}}} {value} {instant}\n")
    return "".join(lines)
