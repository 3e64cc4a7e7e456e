"""Looks at every scrape of an exporter: no counter falls, none is above what is possible; and compares pages with a judge's figures."""

from __future__ import annotations

from collections import Counter

from tests.storm.kills import CORRECTIONS, LABEL, counters_on
from tests.storm.recount import LABELS, Counts, Key
from tests.storm.truth import Truth
from tests.storm.watcher import Scrape, Watcher

Usage = dict[tuple[str, ...], int]  # (cluster, account, user or "", tres, period) -> base units


def usage_on(page: str, name: str = "usage_rolled_up") -> Usage:
    """Of accounts and users, zeros left out."""
    found: Usage = {}
    starts = tuple(f"slurmdbd_{kind}_{name}_tres_seconds{{" for kind in ("account", "user"))
    for line in page.splitlines():
        if line.startswith(starts):
            sample, _, value = line.rpartition(" ")
            labels = dict(LABEL.findall(sample))
            if number := int(float(value)):
                found[labels["cluster"], labels["account"], labels.get("user", ""), labels["tres"], labels["period"]] = number
    return found


def differences(here: Usage | Counts, there: Usage | Counts) -> list[str]:
    return [f"{key}: {here.get(key, 0)} instead of {there.get(key, 0)}" for key in sorted(here.keys() | there.keys()) if here.get(key, 0) != there.get(key, 0)]


def from_steps(key: Key) -> bool:
    """What jobs used of what they held: the copies of the tables have no steps, so nobody knows what was taken back of it."""
    return key[0].startswith(("slurmdbd_job_cpu_efficiency", "slurmdbd_job_memory_", "slurmdbd_job_gpu_", "slurmdbd_jobs_unmeasured_",
                              "slurmdbd_account_cpu_", "slurmdbd_account_memory_"))  # fmt: skip


def unfinished(key: Key) -> bool:
    """Of rows that slurmdbd made up from an end whose start had not come, with neither partition nor QOS: a moment later they have
    both. A copy of the tables that falls between two such moments does not hold them, a poll may."""
    labels = ("cluster", *LABELS.get(key[0], ()))
    return "partition" in labels and not key[1 + labels.index("partition")]


class Judge:
    """Looks at every scrape of one exporter, in their order."""

    def __init__(self, watcher: Watcher, truth: Truth, keeps_state: bool) -> None:
        self.watcher, self.truth, self.keeps_state = watcher, truth, keeps_state
        self.wrong: dict[str, list[str]] = {"falls": [], "above the recount": [], "below the recount": [], "differ in the end": []}
        self.explained: Counter[str] = Counter()  # falls without state, by what took it back
        self.last: dict[Key, tuple[int, Scrape]] = {}
        self.seen = 0

    def note(self, kind: str, text: str) -> None:
        self.wrong[kind].append(text)
        if len(self.wrong[kind]) <= 5:
            print(f"!! {self.watcher.name}: {kind}: {text}", flush=True)

    def look(self) -> None:
        """To be called after each step of the truth: at the scrapes that are older than it."""
        scrapes = [scrape for scrape in self.watcher.take(self.truth.steps[-1].read) if scrape.counters]
        while scrapes:  # by life, as what was taken back depends on when it began
            life = [scrape for scrape in scrapes if scrape.life == scrapes[0].life]
            scrapes = scrapes[len(life) :]
            counts = self.truth.steps[-1].counts
            taken: Counter[Key] = sum(self.truth.taken(0 if self.keeps_state else life[0].born).values(), Counter())
            for scrape in life:
                self.seen += 1
                self._look_at(scrape, counts, taken)

    def _look_at(self, scrape: Scrape, counts: Counts, taken: Counter[Key]) -> None:
        for key, value in scrape.counters.items():
            if unfinished(key):
                continue
            if key[0] == CORRECTIONS:
                if not self.keeps_state:
                    continue
            elif value > (limit := counts.get(key, 0) + taken[key]):
                self.note("above the recount", f"{key}: {value} in life {scrape.life}, at most {limit} is possible")
            before = self.last.get(key)
            if before and value < before[0]:
                self._fallen(key, *before, value, scrape)
            self.last[key] = (value, scrape)
        for key in self.last.keys() - scrape.counters.keys():
            value, before = self.last.pop(key)
            if key[0] != CORRECTIONS or self.keeps_state:
                self._fallen(key, value, before, 0, scrape)

    def _fallen(self, key: Key, value: int, before: Scrape, now: int, scrape: Scrape) -> None:
        text = f"{key}: {value} in life {before.life}, {now} in life {scrape.life}"
        if self.keeps_state or before.life == scrape.life:
            return self.note("falls", text)
        reasons = {reason: amount for reason, series in self.truth.taken(before.born, scrape.ended).items() if (amount := series[key])}
        if value - now > sum(reasons.values()):
            return self.note("falls", f"{text}; taken back: {reasons}")
        for reason in reasons:
            self.explained[reason] += 1

    def nothing_lost(self, scrape: Scrape, counts: Counts) -> None:
        """`counts` are of an instant that the scrape has passed."""
        for key, least in counts.items():
            if (value := scrape.counters.get(key, 0)) < least:
                self.note("below the recount", f"{key}: {value} in life {scrape.life}, {least} by SQL before")

    def final(self, judged: Counts, held: Counts, what: str) -> int:
        """How many series were compared; `judged` has whole metrics."""
        page = counters_on(self.watcher.exporter.scrape() or "")
        metrics = {key[0] for key in judged}
        shown = {key: value - held.get(key, 0) for key, value in page.items() if key[0] in metrics}
        for text in differences(shown, judged):
            self.note("differ in the end", f"{what}: {text}")
        return len(judged)
