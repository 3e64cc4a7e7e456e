"""An exporter that is scraped all the time and killed at random moments, with every page kept."""

from __future__ import annotations

import dataclasses
import gzip
import pathlib
import random
import threading
import time
from collections.abc import Callable

from tests.storm.kills import Exporter, counters_on
from tests.storm.recount import Counts

POLLED = 'slurmdbd_exporter_collector_last_success_timestamp_seconds{collector="usage"} '


@dataclasses.dataclass
class Scrape:
    began: float  # epoch seconds
    ended: float
    life: int  # of which process, counted from 1
    born: float  # when that process was started
    counters: Counts


class Watcher(threading.Thread):
    """Starts, scrapes and kills `exporter` until end(). Pages go into a file of the folder, one after the other.

    All but its own methods is left to the thread.
    """

    def __init__(self, name: str, exporter: Exporter, folder: pathlib.Path, seed: str, answers: float = 4) -> None:
        super().__init__(daemon=True)
        self.name, self.exporter = name, exporter
        self.kills = self.scrapes = self.samples = 0
        self.error: BaseException | None = None
        self._draw = random.Random(seed)
        self._answers = answers
        self._pages = gzip.open(folder / f"{name}.pages.gz", "wt", compresslevel=1)
        self._lock = threading.Lock()
        self._waiting: list[Scrape] = []
        self.page = ""  # the last one of this life
        self.born = 0.0  # when this life was started
        self._calm = threading.Event()
        self._ending = threading.Event()
        self._again = threading.Event()

    @property
    def is_calm(self) -> bool:
        return self._calm.is_set()

    def calm(self, yes: bool) -> None:
        """While calm it is not killed."""
        self._calm.set() if yes else self._calm.clear()

    def take(self, until: float) -> list[Scrape]:
        """The scrapes that were over by then and have not been taken before."""
        with self._lock:
            taken = [scrape for scrape in self._waiting if scrape.ended <= until]
            del self._waiting[: len(taken)]
        return taken

    def wait_for(self, condition: Callable[[str], object], polled_after: float, seconds: float) -> tuple[str, object]:
        """The first page of a poll after that instant for which the condition holds, or the last there was, and its answer."""
        deadline = time.monotonic() + seconds
        seen, answer = "", None
        while True:
            if self.error:
                raise self.error
            page = self.page
            if page != seen and polled(page) > polled_after:
                seen, answer = page, condition(page)
                if answer:
                    return seen, answer
            if time.monotonic() > deadline:
                return seen, answer
            time.sleep(0.1)

    def restart(self) -> None:
        """A kill, calm or not, and another life begun."""
        life = self.exporter.lives
        self._again.set()
        while self.exporter.lives == life and self.error is None:
            time.sleep(0.05)

    def end(self) -> None:
        self._ending.set()
        self.join()
        self.exporter.close()
        self._pages.close()
        if self.error:
            raise self.error

    def run(self) -> None:
        try:
            while not self._ending.is_set():
                self.page = ""
                self.born = time.time()
                self.exporter.start()
                # While it starts, in the first polls, and now and then after many.
                chance = self._draw.random()
                seconds = self._draw.uniform(0, 0.15) if chance < 0.3 else self._draw.uniform(0.1, 3) if chance < 0.9 else self._draw.uniform(3, 12)
                until = time.monotonic() + seconds
                while not self._ending.is_set() and not self._again.is_set() and (self._calm.is_set() or time.monotonic() < until):
                    self._scrape()
                    left = max(0.0, until - time.monotonic())
                    time.sleep(1 / self._answers if self._calm.is_set() else min(left, 1 / self._answers))
                self._again.clear()
                if not self._ending.is_set():
                    self.exporter.kill()
                    self.kills += 1
        except BaseException as error:  # handed over by end() and wait_for()
            self.error = error

    def _scrape(self) -> None:
        began = time.time()
        page = self.exporter.scrape()
        if page is None:
            return
        scrape = Scrape(began, time.time(), self.exporter.lives, self.born, counters_on(page))
        print(f"# scrape {self.scrapes} life {scrape.life} at {began:.3f}", page, sep="\n", file=self._pages)
        self.scrapes += 1
        self.samples += len(scrape.counters)
        self.page = page
        with self._lock:
            self._waiting.append(scrape)


def polled(page: str) -> float:
    """When usage was read last, epoch seconds; 0 for never."""
    at = page.find(POLLED)
    return float(page[at + len(POLLED) : page.index("\n", at)]) if at >= 0 else 0.0
