"""Random rows under random price books, priced by the exporter's code and by the calculator that knows docs/cost.md alone.

    python3 -m tests.cost.judge [--rows 100000] [--seed 1]        # exit code 1 when one digit of one row differs
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import subprocess
import sys
import tempfile
import zoneinfo
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from tests.cost.calculator import Calculator, Cost, Row

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("SLURMDBD_PRICE_ROWS", ROOT / "build/release/tests/cost/price_rows"))
ZONE = "Europe/Paris"
TRES = {
    "cpu": 1, "mem": 2, "energy": 3, "node": 4, "billing": 5,
    "gres/gpu": 1001, "gres/gpu:a100": 1002, "license/matlab": 1003, "bb/burst": 1004,
}  # fmt: skip
TREE = {
    "science": "root", "physics": "science", "Optics": "physics", "maths": "science",
    "law": "root", "teaching": "law", "guests": "root",
}  # fmt: skip
ORGANIZATIONS = {"science": "Faculty of Science", "maths": "Institute, \"M\"", "law": "", "teaching": "School", "guests": "root"}
CLUSTERS, PARTITIONS, QOS = ("alpha", "beta"), ("main", "gpu", "long"), ("normal", "high", "low")
STATES = (
    "completed", "cancelled", "failed", "timeout", "node_fail", "preempted", "boot_fail", "deadline", "out_of_memory", "requeued", "resizing",
)  # fmt: skip
DEPARTMENTS = {
    "organization": ["Faculty of Science", "School", ""],
    "accounts": ["science", "Physics", "law", ""],
    "file": ["Old", "New", "Art", ""],
}
CSV = 'account,department,from,to\nphysics,Old,,2025-05-10\nphysics,New,2025-05-10T12:30:00Z,\nlaw,Art,2025-01-01,2025-09-01\nroot,"Rest, all",2025-10-01,\n'


def instant(chance: random.Random) -> str:
    day = datetime.date(2025, 1, 1) + datetime.timedelta(days=chance.randrange(365))
    return day.isoformat() if chance.random() < 0.7 else f"{day.isoformat()}T{chance.randrange(24):02}:{chance.randrange(60):02}:17Z"


def some(chance: random.Random, names: tuple[str, ...] | list[str]) -> str | list[str]:
    picked = chance.sample(names, chance.randrange(1, 3))
    return picked[0] if len(picked) == 1 else picked


def match(chance: random.Random, way: str) -> dict[str, Any]:
    """For whom and when, narrow enough that others come after it."""
    keys = {"cluster": CLUSTERS, "partition": PARTITIONS, "qos": QOS, "account": [*TREE, "PHYSICS"], "department": DEPARTMENTS[way]}
    rule: dict[str, Any] = {}
    for key in chance.sample(sorted(keys), chance.randrange(0, 3)):
        rule[key] = some(chance, keys[key])
    times = sorted({instant(chance)[:10] + "T00:00:01Z" if chance.random() < 0.2 else instant(chance)[:10] for _ in range(2)})
    if chance.random() < 0.7 or not rule:
        rule["from"] = times[0]
    if chance.random() < 0.5 and len(times) == 2 and times[0][:10] != times[1][:10]:
        rule["to"] = times[1]
    return rule


def prices(chance: random.Random) -> dict[str, dict[str, str]]:
    names = [name for name in TRES if chance.random() < 0.6] or ["cpu"]
    made: dict[str, dict[str, str]] = {}
    for name in names:
        kind = "sum" if name == "energy" else chance.choice(("sum", "max", "min"))
        price = chance.choice(("0.05", "0.013", "1.2", "0", "0.000333", "7")) if name == "energy" else chance.choice(
            ("0.05", "0.013", "1.2", "0", "0.000000001", "0.333333333", "7", "123.456789"))
        made.setdefault(kind, {})[name] = price
    return made


def percent(chance: random.Random) -> str:
    return chance.choice(("0", "10", "12.5", "33.33", "50", "99.99", "100"))


def book(chance: random.Random) -> dict[str, Any]:
    way = chance.choice(list(DEPARTMENTS))
    departments = {"by": way} | ({"accounts": ["science", "Physics", "law"]} if way == "accounts" else {})
    departments |= {"file": "departments.csv"} if way == "file" else {}
    return {
        "version": "random", "currency": "EUR", "digits": chance.choice(("0", "2", "2", "3", "6")),
        "free-of-charge": chance.sample(sorted(TRES), 2), "departments": departments,
        "rates": [match(chance, way) | prices(chance) for _ in range(chance.randrange(1, 6))] + ([prices(chance)] if chance.random() < 0.9 else []),
        "outcomes": [
            match(chance, way)
            | ({"state": some(chance, STATES)} if chance.random() < 0.6 else {"shorter-than": chance.choice(("1m", "90s", "1h30m"))})
            | {"charged-percent": percent(chance)}
            for _ in range(chance.randrange(0, 5))
        ],
        "discounts": [match(chance, way) | {"percent": percent(chance)} for _ in range(chance.randrange(0, 4))],
        "subsidies": [match(chance, way) | {"percent": percent(chance)} for _ in range(chance.randrange(0, 4))],
    }  # fmt: skip


def row(chance: random.Random, first: int, last: int, notable: list[int]) -> Row:
    """Short and long, at borders and away from them, suspended, open."""
    account: str = chance.choice(list(TREE))
    accounts = [account]
    while accounts[-1] in TREE:
        accounts.append(TREE[accounts[-1]])
    length = chance.choice((0, 1, 30, 59, 60, 61, 89, 90, 3600, 5400, 20_000, 100_000, 400_000, 3_000_000))
    length += chance.choice((0, 0, chance.randrange(1000)))
    start = chance.choice((chance.randrange(first, last), chance.choice(notable) - chance.choice((0, 1, length, length // 2))))
    pauses: list[tuple[int, int]] = []
    at = start
    while chance.random() < 0.2 and length > 100:
        since = at + chance.randrange(length // 4)
        until = since + chance.randrange(1, length // 3)
        if until > start + length:
            break
        pauses.append((since, until))
        at = until
    gpus = chance.randrange(5) if chance.random() < 0.4 else 0
    counts = {
        "cpu": chance.choice((1, 2, 7, 128, 100_000)), "mem": chance.choice((1, 1000, 1024, 123_457, 9_000_000)),
        "node": chance.randrange(1, 4), "billing": chance.randrange(0, 1000), "gres/gpu": gpus,
        "gres/gpu:a100": chance.randrange(gpus + 1), "license/matlab": chance.choice((0, 0, 3)), "bb/burst": chance.choice((0, 0, 5000)),
        "energy": chance.choice((0, 0, 1, 123_456_789)),
    }  # fmt: skip
    return Row(
        chance.choice(CLUSTERS), chance.choice(PARTITIONS), chance.choice(QOS), tuple(accounts), chance.choice(STATES),
        chance.random() < 0.9, start, start + length, tuple(pauses), {name: count for name, count in counts.items() if count},
    )  # fmt: skip


def line_of(one: Row) -> str:
    fields = ("row", one.cluster, one.partition, one.qos, "/".join(one.accounts), one.state, str(int(one.over)), str(one.start), str(one.end),
              ",".join(f"{since}-{until}" for since, until in one.pauses), ",".join(f"{TRES[name]}={count}" for name, count in one.tres.items()))
    return "\t".join(fields)  # fmt: skip


def months() -> list[int]:
    zone = zoneinfo.ZoneInfo(ZONE)
    return [int(datetime.datetime(2025 + month // 12, month % 12 + 1, 1, tzinfo=zone).timestamp()) for month in range(15)]


def round_of(task: tuple[int, int]) -> tuple[Counter[str], list[str]]:
    """Rows under one book: what was met, and what differs."""
    seed, count = task
    chance = random.Random(seed)
    met: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="slurmdbd-cost-") as folder:
        (Path(folder) / "departments.csv").write_text(CSV)
        path = Path(folder) / "prices.yml"
        # A book in which a rule never holds is refused.
        while True:
            path.write_text(yaml.safe_dump(book(chance)))
            tried = subprocess.run([PROGRAM, path, ZONE, "0", "1"], input="", capture_output=True, text=True)
            if tried.returncode == 0:
                break
            if "this never holds" not in tried.stderr:
                return met, [f"seed {seed}: {tried.stderr}"]
            met["books refused"] += 1
        calculator = Calculator.read(path, ZONE, ORGANIZATIONS)
        borders = months()
        notable = [*borders, *(time for one in calculator.book["rates"] for time in calculator.span_of(one) if 0 < time < 2**40)]
        rows = [row(chance, borders[0] - 90_000, borders[-1], notable) for _ in range(count)]
        text = "".join(f"org\t{account}\t{name}\n" for account, name in ORGANIZATIONS.items())
        text += "".join(line_of(one) + "\n" for one in rows)
        done = subprocess.run([PROGRAM, path, ZONE, *map(str, borders)], input=text, capture_output=True, text=True, check=True)
        priced: dict[tuple[int, int], tuple[Cost, dict[str, int]]] = {}
        names = {str(number): name for name, number in TRES.items()}
        for line in done.stdout.splitlines():
            number, window, listed, billed, subsidy, unpriced = line.split("\t")
            amounts = {names[part.split("=")[0]]: int(part.split("=")[1]) for part in unpriced.split(",") if part}
            priced[int(number), int(window)] = Cost(int(listed), int(billed), int(subsidy)), amounts
        wrong = []
        for number, one in enumerate(rows):
            met["rows"] += 1
            for window, (begin, end) in enumerate(zip(borders, borders[1:])):
                if one.start >= end or one.end < begin:
                    expected: tuple[Cost, dict[str, int]] = Cost(), {}
                    if one.start == one.end == end:
                        expected = calculator.within(one, begin, end), calculator.unpriced(one, begin, end)
                else:
                    expected = calculator.within(one, begin, end), calculator.unpriced(one, begin, end)
                got = priced.get((number, window), (Cost(), {}))
                met["windows with a cost"] += expected[0].list != 0
                met["reduced"] += expected[0].billed != expected[0].list
                met["subsidised"] += expected[0].subsidy != 0
                met["without a price"] += bool(expected[1])
                met["cut by a price"] += any(begin < border < end for border in calculator.borders(one))
                if got != expected:
                    wrong.append(f"seed {seed} row {number} window {window}: {got}, not {expected}: {one}")
        return met, wrong


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.cost.judge", description="Judge the pricing of rows.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    each = 500
    tasks = [(options.seed * 1_000_000 + number, each) for number in range(-(-options.rows // each))]
    met: Counter[str] = Counter()
    wrong: list[str] = []
    with ProcessPoolExecutor() as pool:
        for some_met, some_wrong in pool.map(round_of, tasks):
            met += some_met
            wrong += some_wrong
    for line in wrong[:10]:
        print(line)
    print(f"{len(tasks)} price books; " + ", ".join(f"{count:,} {what}" for what, count in met.items()))
    kinds = ("rows", "windows with a cost", "reduced", "subsidised", "without a price", "cut by a price")
    unmet = [kind for kind in kinds if met[kind] == 0]
    print(f"{len(wrong)} differences" + (f"; never met: {', '.join(unmet)}" if unmet else ""))
    return 1 if wrong or unmet else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
