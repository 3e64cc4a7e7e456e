"""Kills the exporter over and over, at any moment, while the database changes, and looks for a counter that falls or lies.

    python3 -m tests.storm.kills                  # 60 kills, about a minute and a half
    python3 -m tests.storm.kills --kills 1000
    python3 -m tests.storm.kills --without-state  # to see it fail

Every scrape is kept. Checked are, for every series of every counter about jobs:
- no value is below an earlier one, and none that was there is gone;
- no value is above an SQL recount made after the scrape, plus what was taken back from that series until then;
- in the end each is the recount, plus what is held back of it according to the high-water file, and nothing is held back
  where nothing was taken back.

Exit code 77: it cannot be run here.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import http.client
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping

from tests.e2e.servers import exporter_binary
from tests.e2e.judge import le
from tests.storm.recount import LABELS, Counts, Key, recount
from tests.storm.busy_site import CLUSTERS, Site
from tests.support.mariadb import PASSWORDS, MariaDBError, PrivateMariaDB, free_port
from tests.support.slurm import die_with_parent

CORRECTIONS = "slurmdbd_corrections_tres_seconds_total"
KILLS = 60
SETTLE = 2
DAY = 86400
LINE = re.compile(r"(\w+)\{(.*)\} (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclasses.dataclass
class Scrape:
    at: float  # epoch seconds
    life: int  # of which process, counted from 0
    counters: Counts


@functools.cache
def key_of(metric: str, labels: str) -> Key | None:
    """(metric, label values...) of a sample that is checked here, or None."""
    found = dict(LABEL.findall(labels))
    if metric == CORRECTIONS:
        return (metric, found["cluster"], found["tres"])
    wanted = LABELS.get(metric)
    return (metric, found["cluster"], *(found[label] for label in wanted)) if wanted else None


def counters_on(page: str) -> Counts:
    counters: Counts = {}
    for line in page.splitlines():
        if (match := LINE.match(line)) and (key := key_of(match[1], match[2])):
            value = float(match[3])
            if value != int(value) or key in counters:
                raise AssertionError(f"{line}: a fraction, or twice on the page")
            counters[key] = int(value)
    return counters


class Exporter:
    """One process after the other on the same port and state folder. `changes` are flags, None leaves one out."""

    def __init__(self, server: PrivateMariaDB, folder: pathlib.Path, epoch: int, state: bool, changes: Mapping[str, object] | None = None) -> None:
        self.port = free_port()
        self.log = folder / "exporter.log"
        self.state = folder / "state"
        self.state.mkdir()
        self.lives = 0
        flags: dict[str, object] = {
            "web.listen-address": f"127.0.0.1:{self.port}",
            "database.socket": server.socket,
            "database.name": server.database,
            "database.user": "slurmdbd_exporter",
            "timezone": "UTC",
            "counter.epoch": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch)),
            "counter.settle": f"{SETTLE}s",
            "counter.wide-interval": "4s",
            "counter.recount-interval": "12s",
            "poll.interval": "1s",
        }
        if state:
            flags["state.directory"] = self.state
        flags |= changes or {}
        self._command = [str(exporter_binary()), *(f"--{name}={value}" for name, value in flags.items() if value is not None)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.lives += 1
        environment = dict(os.environ) | {"SLURMDBD_EXPORTER_DATABASE_PASSWORD": PASSWORDS["slurmdbd_exporter"]}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, preexec_fn=die_with_parent
            )

    def scrape(self) -> str | None:
        """The page, or None while nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            page = answer.read().decode()
            return page if answer.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL; an exporter that has ended by itself is an error."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the exporter has ended with {self._process.returncode}:\n{self.log_tail()}")
        self._process.kill()
        self._process.wait()
        self._process = None

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def held(self) -> Counts:
        """What the high-water file says is held back, by series."""
        header, *rows = map(json.loads, (self.state / "high-water.jsonl").read_text().splitlines())
        held: Counts = {}
        for family, _, _, back, values in rows:
            if not back or (family.endswith("_ratio") and values[-1] == "sum"):
                continue
            if header["labels"][family][-1] != "le":
                key = (family, *values)
            elif values[-1] == "sum":  # in place of a bound
                key = (f"{family}_sum", *values[:-1])
            else:
                key = (f"{family}_bucket", *values[:-1], le(float(values[-1])))
            held[key] = int(back)
        return held

    def log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


class Judge:
    def __init__(self, server: PrivateMariaDB, site: Site) -> None:
        self.site = site
        self.wrong: dict[str, list[str]] = {"falls": [], "gone": [], "above the recount": [], "mismatches in the end": []}
        self.last: dict[Key, tuple[int, Scrape]] = {}
        self._gone: set[Key] = set()
        self._connection = server.connect("slurmdbd_exporter")
        with self._connection.cursor() as cursor:
            cursor.execute("set session sql_mode = 'NO_UNSIGNED_SUBTRACTION'")

    def note(self, kind: str, text: str) -> None:
        self.wrong[kind].append(text)
        if len(self.wrong[kind]) <= 5:
            print(f"!! {kind}: {text}", flush=True)

    def recount(self) -> Counts:
        """Of now, all clusters in one view."""
        counts: Counts = {}
        with self._connection.cursor() as cursor:
            cursor.execute("start transaction with consistent snapshot, read only")
            for cluster in CLUSTERS:
                counts |= recount(cursor, cluster, self.site.epoch, int(time.time()))
            cursor.execute("commit")
        return counts

    def look_at(self, scrapes: list[Scrape]) -> None:
        """Judges the scrapes of one life, in order, by those before and by a recount that is later than all of them."""
        if not any(scrape.counters for scrape in scrapes):
            return
        truth = self.recount()
        taken = self.site.corrected()  # read after the view was made: it holds all that the view shows, and maybe more
        for scrape in scrapes:
            for key, value in scrape.counters.items():
                before = self.last.get(key)
                if before and value < before[0]:
                    self.note("falls", f"{key}: {before[0]} in life {before[1].life}, {value} in life {scrape.life}")
                if key[0] != CORRECTIONS and value > (limit := truth.get(key, 0) + taken[key]):
                    self.note("above the recount", f"{key}: {value} in life {scrape.life}, at most {limit} is possible")
                self.last[key] = (value, scrape)
            if scrape.counters:
                for key in self.last.keys() - scrape.counters.keys() - self._gone:
                    value, before = self.last[key]
                    self._gone.add(key)
                    self.note("gone", f"{key}: {value} in life {before.life}, not there in life {scrape.life}")

    def final(self, page: Counts, held: Counts) -> int:
        """How many series were compared."""
        truth, taken = self.recount(), self.site.corrected()
        compared = [key for key in page.keys() | truth.keys() if key[0] != CORRECTIONS]
        for key in compared:
            value, back = page.get(key, 0), held.get(key, 0)
            if value - back != truth.get(key, 0):
                self.note("mismatches in the end", f"{key}: {value} less {back} held back, by SQL {truth.get(key, 0)}")
            if back > taken[key]:
                self.note("mismatches in the end", f"{key}: {back} is held back, but only {taken[key]} was taken back")
        account = "slurmdbd_account_tres_seconds_total"
        for cluster, tres in {(key[1], key[-1]) for key in page if key[0] == account}:
            def total(counts: Counts) -> int:
                return sum(amount for key, amount in counts.items() if (key[0], key[1], key[-1]) == (account, cluster, tres))

            shown = page.get((CORRECTIONS, cluster, tres), 0)
            if not total(held) <= shown <= total(taken):
                text = f"{shown} corrections shown, {total(held)} held back, {total(taken)} taken back"
                self.note("mismatches in the end", f"{cluster} {tres}: {text}")
        return len(compared)


def live_once(exporter: Exporter, seconds: float, kept: list[Scrape], answers: float = 20) -> list[Scrape]:
    """Scrapes for so long, and keeps them. Returns those of this life."""
    life: list[Scrape] = []
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        page = exporter.scrape()
        if page is not None:
            life.append(Scrape(time.time(), exporter.lives - 1, counters_on(page)))
        time.sleep(min(max(left, 0), 1 / answers))
    kept += life
    return life


def run(options: argparse.Namespace) -> int:
    draw = random.Random(options.seed)
    print(f"seed {options.seed}", flush=True)
    begun = time.monotonic()
    kept: list[Scrape] = []
    with PrivateMariaDB() as server, tempfile.TemporaryDirectory(prefix="slurmdbd-kills-") as folder:
        epoch = int(time.time()) - DAY
        site = Site(server, epoch, options.seed, options.rate)
        for _ in range(300):  # a history, so that there is something to count at start
            site.change()
        exporter = Exporter(server, pathlib.Path(folder), epoch, not options.without_state)
        judge = Judge(server, site)
        site.start()
        try:
            for kill in range(options.kills):
                exporter.start()
                # While it starts, in the first polls, and now and then after many.
                chance = draw.random()
                seconds = draw.uniform(0, 0.15) if chance < 0.3 else draw.uniform(0.1, 2.1) if chance < 0.95 else draw.uniform(2, 8)
                life = live_once(exporter, seconds, kept)
                exporter.kill()
                judge.look_at(life)
                if (kill + 1) % 50 == 0:
                    print(f"{kill + 1} kills, {time.monotonic() - begun:.0f} s, {len(kept)} scrapes", flush=True)
            # One that is left alone notices everything, without another start.
            exporter.start()
            judge.look_at(live_once(exporter, 5, kept))
            site.stop()
            judge.look_at(live_once(exporter, SETTLE + 15, kept, answers=2))
            page = counters_on(exporter.scrape() or "")
            compared = judge.final(page, exporter.held() if not options.without_state else {})
            unreadable = exporter.log.read_text(errors="replace").count("not understood")
        finally:
            exporter.close()
            if site.error is None:
                site._ending.set()
        taken = site.corrected()
    rows = {
        "kills": options.kills,
        "changes written": sum(site.done.values()),
        "scrapes kept": len(kept),
        "... with counters": sum(bool(scrape.counters) for scrape in kept),
        "samples": sum(len(scrape.counters) for scrape in kept),
        "series compared in the end": compared,
        "... from which something was taken back": sum(taken[key] > 0 for key in judge.last),
        **{kind: len(found) for kind, found in judge.wrong.items()},
        "high-water files not understood": unreadable,
    }
    print(f"\n| kills, {time.monotonic() - begun:.0f} s | |\n|---|---:|")
    for name, count in rows.items():
        print(f"| {name} | {count} |")
    print("changes:", ", ".join(f"{name} {count}" for name, count in sorted(site.done.items())))
    return 1 if unreadable or any(judge.wrong.values()) or not compared else 0


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.storm.kills", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="default: random, and printed")
    parser.add_argument("--rate", type=float, default=25, help="changes of the database a second")
    parser.add_argument("--without-state", action="store_true", help="no --state.directory: counters will fall")
    options = parser.parse_args(words)
    binary = exporter_binary()
    if binary is None or not binary.exists():
        print("no exporter: build it, or name it in SLURMDBD_EXPORTER")
        return 77
    try:
        return run(options)
    except MariaDBError as error:
        print(f"kills: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
