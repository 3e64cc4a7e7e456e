"""What a row costs, worked out from docs/cost.md in the plainest way: fractions, and no thought of speed."""

from __future__ import annotations

import csv
import datetime
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

EVER = 2**62
KWH = 3_600_000
IN_GIB = ("mem", "bb/")  # what Slurm counts in MiB


@dataclass(frozen=True)
class Row:
    """A job row: accounts from its own up to the root, times in epoch seconds, TRES by name in Slurm's units."""

    cluster: str
    partition: str
    qos: str
    accounts: tuple[str, ...]
    state: str
    over: bool
    start: int
    end: int
    pauses: tuple[tuple[int, int], ...]
    tres: Mapping[str, int]


@dataclass(frozen=True)
class Cost:
    """Whole numbers of the unit that is rounded to."""

    list: int = 0
    billed: int = 0
    subsidy: int = 0

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.list - other.list, self.billed - other.billed, self.subsidy - other.subsidy)


def as_list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def seconds_of(duration: str) -> int:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    total, number = 0, ""
    for letter in duration:
        if letter.isdigit():
            number += letter
        else:
            total, number = total + int(number) * units[letter], ""
    return total


@dataclass
class Calculator:
    book: dict[str, Any]
    zone: zoneinfo.ZoneInfo
    organizations: Mapping[str, str] = field(default_factory=dict)
    listed: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, zone: str, organizations: Mapping[str, str] | None = None) -> Calculator:
        """Numbers stay text, as they are written."""
        book = yaml.load(path.read_text(), yaml.BaseLoader)
        listed: list[dict[str, str]] = []
        if book.get("departments", {}).get("by") == "file":
            with (path.parent / book["departments"]["file"]).open(newline="") as lines:
                listed = list(csv.DictReader(lines))
        return cls(book, zoneinfo.ZoneInfo(zone), organizations or {}, listed)

    @property
    def digits(self) -> int:
        return int(self.book.get("digits", 2))

    def time_of(self, text: str) -> int:
        if len(text) == 10:
            return int(datetime.datetime.fromisoformat(text).replace(tzinfo=self.zone).timestamp())
        return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())

    def span_of(self, rule: Mapping[str, Any]) -> tuple[int, int]:
        begin, end = rule.get("from"), rule.get("to")
        return self.time_of(begin) if begin else 0, self.time_of(end) if end else EVER

    def department_at(self, accounts: Sequence[str], time: int) -> str:
        by = self.book.get("departments", {})
        for account in accounts:
            if by.get("by") == "organization" and self.organizations.get(account, "root").lower() not in ("", "root"):
                return self.organizations[account]
            if by.get("by") == "accounts":
                for name in as_list(by["accounts"]):
                    if name.lower() == account.lower():
                        return name
            for line in self.listed:
                begin, end = self.span_of(line)
                if line["account"].lower() == account.lower() and begin <= time < end:
                    return line["department"]
        return ""

    def matches(self, rule: Mapping[str, Any], row: Row, time: int) -> bool:
        begin, end = self.span_of(rule)
        if not begin <= time < end:
            return False
        lower = {"cluster": row.cluster.lower(), "qos": row.qos.lower()}
        for key, value in lower.items():
            if key in rule and value not in [name.lower() for name in as_list(rule[key])]:
                return False
        if "partition" in rule and row.partition not in as_list(rule["partition"]):
            return False
        if "account" in rule:
            named = {name.lower() for name in as_list(rule["account"])}
            if not named & {name.lower() for name in row.accounts}:
                return False
        return "department" not in rule or self.department_at(row.accounts, time) in as_list(rule["department"])

    def first(self, rules: str, row: Row, time: int) -> Mapping[str, Any] | None:
        return next((rule for rule in self.book.get(rules, []) if self.matches(rule, row, time)), None)

    def held(self, rate: Mapping[str, Any], row: Row) -> dict[str, int]:
        """How many of each TRES its price is for: those of a kind without the types that have their own."""
        priced = {name for kind in ("sum", "max", "min") for name in rate.get(kind, {})}
        counts = {}
        for name in priced:
            types = [other for other in priced if other.startswith(name + ":")]
            counts[name] = max(0, row.tres.get(name, 0) - sum(row.tres.get(other, 0) for other in types))
        return counts

    def hourly(self, rate: Mapping[str, Any], row: Row) -> Fraction:
        counts = self.held(rate, row)

        def prices(kind: str) -> list[Fraction]:
            found = []
            for name, price in rate.get(kind, {}).items():
                if name == "energy" or counts[name] == 0:
                    continue
                amount = Fraction(price) * counts[name]
                found.append(amount / 1024 if name.startswith(IN_GIB) else amount)
            return found

        return sum(prices("sum"), Fraction(0)) + max(prices("max"), default=Fraction(0)) + min(prices("min"), default=Fraction(0))

    def ran(self, row: Row, begin: int, end: int) -> int:
        paused = sum(max(0, min(end, until) - max(begin, since)) for since, until in row.pauses)
        return max(0, end - begin - paused)

    def share_charged(self, row: Row, time: int) -> Fraction:
        state = row.state if row.over else "completed"
        length = self.ran(row, row.start, row.end)
        for rule in self.book.get("outcomes", []):
            if not self.matches(rule, row, time):
                continue
            if "state" in rule and state not in as_list(rule["state"]):
                continue
            if "shorter-than" in rule and length >= seconds_of(rule["shorter-than"]):
                continue
            return Fraction(rule["charged-percent"]) / 100
        return Fraction(1)

    def borders(self, row: Row) -> list[int]:
        """When something about its price may change."""
        rules = [rule for kind in ("rates", "outcomes", "discounts", "subsidies") for rule in self.book.get(kind, [])]
        times = {time for rule in [*rules, *self.listed] for time in self.span_of(rule)}
        return sorted(time for time in times if row.start < time < row.end)

    def until(self, row: Row, time: int) -> Cost:
        """From its start to `time`."""
        exact = [Fraction(0)] * 3

        def add(price: Fraction, at: int) -> None:
            if not price:
                return
            charged = price * self.share_charged(row, at)
            discount, subsidy = self.first("discounts", row, at), self.first("subsidies", row, at)
            if discount:
                charged *= 1 - Fraction(discount["percent"]) / 100
            paid = Fraction(subsidy["percent"]) / 100 if subsidy else Fraction(0)
            exact[0] += price
            exact[1] += charged * (1 - paid)
            exact[2] += charged * paid

        stop = min(time, row.end)
        cuts = [row.start, *(border for border in self.borders(row) if border < stop), stop]
        for begin, end in zip(cuts, cuts[1:]):
            rate = self.first("rates", row, begin)
            if begin < end and rate is not None:
                add(self.hourly(rate, row) * self.ran(row, begin, end) / 3600, begin)
        if row.over and time >= row.end:
            last = max(row.start, row.end - 1)
            rate = self.first("rates", row, last)
            if rate is not None and "energy" in rate.get("sum", {}):
                add(Fraction(rate["sum"]["energy"]) * row.tres.get("energy", 0) / KWH, last)
        return Cost(*(round(amount * 10**self.digits) for amount in exact))

    def within(self, row: Row, begin: int, end: int) -> Cost:
        """What it costs in a window; a row that ends with the window is in it."""
        before = self.until(row, begin) if row.start < begin else Cost()
        if row.end <= begin or (row.start >= end and row.end > end):
            return Cost()
        return self.until(row, end) - before

    def is_free(self, name: str, rate: Mapping[str, Any] | None) -> bool:
        priced = {one for kind in ("sum", "max", "min") for one in (rate or {}).get(kind, {})}
        return name in self.book.get("free-of-charge", []) or name in priced or name.split(":")[0] in priced

    def unpriced(self, row: Row, begin: int, end: int) -> dict[str, int]:
        """TRES-seconds of what has no price, in a window."""
        found: dict[str, int] = {}
        low, high = max(begin, row.start), min(end, row.end)
        cuts = [low, *(border for border in self.borders(row) if low < border < high), high]
        for since, until in zip(cuts, cuts[1:]):
            rate = self.first("rates", row, since)
            for name, count in row.tres.items():
                if name == "energy" or self.is_free(name, rate):
                    continue
                priced = {one for kind in ("sum", "max", "min") for one in (rate or {}).get(kind, {})}
                count -= min(count, sum(row.tres.get(one, 0) for one in priced if one.startswith(name + ":")))
                if since < until and count * self.ran(row, since, until):
                    found[name] = found.get(name, 0) + count * self.ran(row, since, until)
        if row.over and begin < row.end <= end and row.tres.get("energy", 0):
            if not self.is_free("energy", self.first("rates", row, max(row.start, row.end - 1))):
                found["energy"] = row.tres["energy"]
        return found
