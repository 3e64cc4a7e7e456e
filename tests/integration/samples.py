"""A page of metrics taken apart, and what every page has to be like."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as strict_parser

Labels = frozenset[tuple[str, str]]
SELF = re.compile(r"slurmdbd_(up$|scrape_|exporter_)|process_")  # metrics about the exporter itself
COUNTER = re.compile(r"_(total|bucket|sum|count)$")
# What was held back: there is none of it in a run with --once, which holds nothing.
CORRECTIONS = "slurmdbd_corrections_tres_seconds_total"
# Of clusters that are gone, too, and of none.
OF_ALL_CLUSTERS = ("slurmdbd_transactions_total", "slurmdbd_oldest_record_timestamp_seconds")


def without_beginnings(held: Samples, shown: Samples) -> Samples:
    """A moment of a backfill without the zeros from which counters rise that are not there yet."""
    zeros = [key for key, value in held.values.items() if value == 0 and key not in shown.values and COUNTER.search(key[0])]
    return Samples({key: value for key, value in held.values.items() if key not in set(zeros)})


@dataclass(frozen=True)
class Samples:
    """Every sample of a page by name and labels."""

    values: dict[tuple[str, Labels], float]

    @classmethod
    def parse(cls, text: str) -> Samples:
        values: dict[tuple[str, Labels], float] = {}
        for family in text_parser.text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in values, f"{key} is on the page twice"
                values[key] = sample.value
        return cls(values)

    def matching(self, name: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Samples of a name that carry these labels, among others."""
        wanted = set(labels.items())
        for (sample, have), value in self.values.items():
            if sample == name and wanted <= have:
                yield dict(have), value

    def total(self, name: str, **labels: str) -> float:
        """The sum of the matching samples; 0 if there are none."""
        return sum(value for _, value in self.matching(name, **labels))

    def value(self, name: str, **labels: str) -> float | None:
        """The only matching sample, or None."""
        found = [value for _, value in self.matching(name, **labels)]
        assert len(found) < 2, f"{name}{labels} is not one sample but {len(found)}"
        return found[0] if found else None

    def label_values(self, label: str, name: str = "") -> set[str]:
        """All values of a label, of one metric or of all about jobs."""
        return {
            value
            for (sample, labels) in self.values
            for key, value in labels
            if key == label and (sample == name if name else not SELF.match(sample))
        }

    def clusters(self, apart: tuple[str, ...] = ()) -> set[str]:
        """The clusters with metrics on the page, other than those whose names begin like one of `apart`."""
        kept = {key: value for key, value in self.values.items() if not key[0].startswith((*apart, *OF_ALL_CLUSTERS))}
        return Samples(kept).label_values("cluster")

    def accounting(self) -> dict[tuple[str, Labels], float]:
        """The samples that are not about the exporter itself."""
        return {key: value for key, value in self.values.items() if not SELF.match(key[0])}

    def names(self) -> set[str]:
        return {name for name, _ in self.values}

    def errors(self, collector: str = "jobs") -> dict[str, float]:
        """Failures of a collector by reason, without zeros."""
        found = self.matching("slurmdbd_exporter_collector_errors_total", collector=collector)
        return {labels["reason"]: value for labels, value in found if value}

    def success(self, collector: str = "jobs") -> float | None:
        return self.value("slurmdbd_scrape_collector_success", collector=collector)

    def last_success(self, collector: str = "jobs") -> float:
        return self.value("slurmdbd_exporter_collector_last_success_timestamp_seconds", collector=collector) or 0.0

    def marker(self) -> tuple[float, float]:
        """Something that is different after each poll."""
        return self.last_success(), self.total("slurmdbd_exporter_collector_errors_total", collector="jobs")

    def state(self) -> str:
        """The exporter's state in a line, for messages."""
        return (
            f"up {self.value('slurmdbd_up')}, success {self.success()}, errors {self.errors()}, "
            f"clusters {sorted(self.clusters())}"
        )


def by_moment(text: str) -> dict[int, Samples]:
    """A file of samples with times, in seconds or milliseconds, as a page for each moment."""
    pages: dict[int, dict[tuple[str, Labels], float]] = {}
    parsed: dict[str, tuple[str, Labels]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        series, value, instant = line.rsplit(" ", 2)
        if series not in parsed:
            parsed[series] = next(iter(Samples.parse(f"{series} 0\n").values))
        page = pages.setdefault(int(instant), {})
        assert parsed[series] not in page, f"{line} is there twice"
        page[parsed[series]] = float(value)
    return {instant: Samples(values) for instant, values in sorted(pages.items())}


def check_text(text: str) -> Samples:
    """Fails unless promtool has nothing to say about a page in text format."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True)
    said = (done.stdout + done.stderr).decode().strip()
    assert done.returncode == 0 and not said, said
    return Samples.parse(text)


def check_openmetrics(text: str, family: str = "slurmdbd_up") -> None:
    """Fails unless the strict parser takes a page in OpenMetrics format."""
    families = list(strict_parser.text_string_to_metric_families(text))
    assert any(one.name == family for one in families)
    assert text.endswith("# EOF\n")


def differences(one: Samples, other: Samples) -> list[str]:
    """Samples about jobs that are not the same on two pages, whatever was held back; the server's estimates apart."""
    apart = (CORRECTIONS, "slurmdbd_table_")
    left, right = ({key: value for key, value in page.accounting().items() if not key[0].startswith(apart)} for page in (one, other))
    return [
        f"{name}{sorted(labels)}: {left.get((name, labels), 'absent')} and {right.get((name, labels), 'absent')}"
        for name, labels in sorted(left.keys() | right.keys(), key=lambda key: (key[0], sorted(key[1])))
        if left.get((name, labels)) != right.get((name, labels))
    ]
