"""A thread that scrapes without a pause, and the rule that counters keep."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from tests.integration.exporter import Exporter
from tests.integration.samples import Labels, Samples

COUNTERS = (
    "slurmdbd_account_tres_seconds_total",
    "slurmdbd_user_tres_seconds_total",
    "slurmdbd_account_energy_joules_total",
    "slurmdbd_jobs_started_total",
    "slurmdbd_jobs_ended_total",
    "slurmdbd_jobs_ended_tres_seconds_total",
    *(f"slurmdbd_job_{what}_{line}" for what in ("wait_seconds", "run_seconds", "timelimit_used_ratio") for line in ("bucket", "sum", "count")),
    "slurmdbd_corrections_tres_seconds_total",
)
# Generous: an answer takes milliseconds, but the machine may be busy with something else.
LONGEST_SCRAPE = 1.0


@dataclass(frozen=True)
class Scrape:
    """One answer: when it was asked for (monotonic seconds), how long it took, what it was. Status 0: none came."""

    began: float
    seconds: float
    status: int
    text: str


class Scraper:
    """Scrapes an exporter from entering to leaving the context. `keep` keeps the pages."""

    def __init__(self, exporter: Exporter, *, pause: float = 0.02, keep: bool = False) -> None:
        self.scrapes: list[Scrape] = []
        self._exporter, self._pause, self._keep = exporter, pause, keep
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Scraper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def worst(self) -> float:
        """Seconds of the slowest answer."""
        return max((scrape.seconds for scrape in self.scrapes), default=0.0)

    def check(self, what: str) -> None:
        """Fails unless every scrape was answered 200, in time. Prints the worst time."""
        bad = [scrape for scrape in self.scrapes if scrape.status != 200]
        times = sorted(scrape.seconds for scrape in self.scrapes)
        print(f"\n{what}: {len(times)} scrapes, median {times[len(times) // 2] * 1e3:.1f} ms, worst {self.worst * 1e3:.1f} ms")
        assert not bad, f"{len(bad)} of {len(self.scrapes)} scrapes failed: {bad[0].status} {bad[0].text[:300]}"
        assert self.worst < LONGEST_SCRAPE, f"a scrape took {self.worst:.3f} s"

    def _run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._exporter.port, timeout=5)
                connection.request("GET", "/metrics")
                answer = connection.getresponse()
                status, text = answer.status, answer.read().decode()
                connection.close()
            except (OSError, http.client.HTTPException) as error:
                status, text = 0, repr(error)
            seconds = time.monotonic() - began
            self.scrapes.append(Scrape(began, seconds, status, text if self._keep or status != 200 else ""))
            self._ended.wait(self._pause)


def fallen(pages: Iterable[Samples], counters: Iterable[str] = COUNTERS) -> list[str]:
    """Counter series that were lower on a page than on an earlier one, or came back lower after an absence.

    All pages have to be of one epoch.
    """
    names = frozenset(counters)
    highest: dict[tuple[str, Labels], float] = {}
    found: list[str] = []
    for number, page in enumerate(pages):
        for key, value in page.values.items():
            if key[0] not in names:
                continue
            if value < highest.get(key, 0.0):
                found.append(f"page {number}: {key[0]}{sorted(key[1])} fell from {highest[key]!r} to {value!r}")
            highest[key] = max(value, highest.get(key, 0.0))
    return found


def vanished(pages: Iterable[Samples], counters: Iterable[str] = COUNTERS) -> list[str]:
    """Counter series that are missing from a page although it has others of the same cluster, and they were there before."""
    names = frozenset(counters)
    known: set[tuple[str, Labels]] = set()
    found: list[str] = []
    for number, page in enumerate(pages):
        here = {key for key in page.values if key[0] in names}
        clusters = {dict(labels)["cluster"] for _, labels in here}
        gone = [key for key in known - here if dict(key[1])["cluster"] in clusters]
        found += [f"page {number}: {name}{sorted(labels)} is gone" for name, labels in gone]
        known |= here
    return found
