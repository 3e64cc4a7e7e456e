"""Costs on the real exporter's page, judged by the calculator that knows docs/cost.md alone, from the job rows themselves."""

from __future__ import annotations

import datetime
import random
import zoneinfo
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cost.calculator import Calculator, Cost, Row
from tests.integration.conftest import SECRETS, RunOnce, Start
from tests.integration.database import Accounting
from tests.integration.exporter import flags_for, run_once
from tests.integration.samples import Samples, check_text
from tests.support import random_jobs
from tests.support.accounting import SlurmdbdWriter
from tests.support.mariadb import PrivateMariaDB
from tests.support.rollup import Rollup
from tests.support.session import ManualClock
from tests.support.values import NO_VAL64, JobState

BOOK = Path(__file__).with_name("price_book.yml")
ZONE = "Europe/Paris"
STATES = {int(state): state.name.lower() for state in JobState}
PARENTS = {"physics": "science", "chemistry": "science", "science": "root", "law": "root", "guests": "root"}
ORGANIZATIONS = {"science": "Faculty", "law": "Law School"}
Amounts = dict[tuple[str, ...], Cost]


def day(text: str) -> int:
    return int(datetime.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(ZONE)).timestamp())


NOW = day("2025-03-19T15:30:00")
MONTHS = [day(f"2025-{month:02}-01") for month in range(1, 5)]
WINDOWS = {"month": MONTHS[2:4], "quarter": MONTHS[0:4:3], "year": MONTHS[0:4:3], "last_month": MONTHS[1:3]}


@pytest.fixture(scope="module")
def accounting(server: PrivateMariaDB) -> Iterator[Accounting]:
    """Three months of jobs of every fate in two clusters."""
    clock = ManualClock(day("2024-12-20"))
    made = Accounting(server, "alpha", "beta", clock=clock)
    chance = random.Random(5)
    for writer in made.writers.values():
        _fill(writer, clock, chance)
    yield made
    made.close()


def _fill(writer: SlurmdbdWriter, clock: ManualClock, chance: random.Random) -> None:
    clock.now = day("2024-12-20")
    writer.add_tres("gres/gpu")
    writer.add_qos("high")
    writer.add_account("science")
    for account, user in (("law", "lex"), ("guests", "guy")):
        writer.add_account(account)
        writer.add_user(user, account)
    for account, parent in PARENTS.items():
        if parent != "root":
            writer.move_account(account, parent)
        writer.execute("update acct_table set organization = %s where name = %s", (ORGANIZATIONS.get(account, "" if account == "physics" else "root"), account))
    people = [writer.association(*pair) for pair in (("physics", "ada"), ("chemistry", "marie"), ("law", "lex"), ("guests", "guy"))]
    random_jobs.run_jobs(writer, [(one, 0) for one in people], chance, clock.now, NOW, 300)
    for number in range(40):  # other fates, some over the first of a month
        at = chance.choice((chance.randrange(clock.now, NOW - 100_000), chance.choice(MONTHS[:3]) - chance.randrange(3000)))
        job = writer.submit(chance.choice(people), at=at, cpus=chance.randrange(1, 9), qos=chance.choice(("normal", "high")))
        writer.start(job, at=at + 3)
        if number % 4 == 0:
            job = writer.requeue(job, at=at + 5000)
            writer.start(job, at=at + 6000)
        elif number % 4 == 1:
            job = writer.resize(job, {"cpu": 3, "mem": 500, "node": 1, "billing": 3}, at=at + 7777)
        state = chance.choice((JobState.NODE_FAIL, JobState.FAILED, JobState.TIMEOUT, JobState.PREEMPTED))
        writer.end(job, state, at=at + 6000 + chance.choice((0, 30, 59, 9999, 80_000)), energy=chance.randrange(10**8))
    clock.now = NOW


def rows_of(writer: SlurmdbdWriter, cluster: str) -> Iterator[Row]:
    """What docs/cost.md says is charged."""
    names = {int(row["id"]): f"{row['type']}/{row['name']}".rstrip("/") for row in writer.select("select id, type, name from tres_table")}
    qos = {int(row["id"]): row["name"] for row in writer.select("select id, name from qos_table")}
    found = writer.select(
        f"select j.*, a.acct from {writer.table('%_job_table')} j join {writer.table('%_assoc_table')} a on a.id_assoc = j.id_assoc"
    )
    for row in found:
        state = STATES[int(row["state"])]
        if not row["tres_alloc"] or not row["time_start"] or state == "pending":
            continue
        accounts = [row["acct"]]
        while accounts[-1] in PARENTS:
            accounts.append(PARENTS[accounts[-1]])
        over = bool(row["time_end"]) and row["time_end"] <= NOW
        end = row["time_end"] if over else NOW
        start = max(row["time_start"], row["time_eligible"])
        pauses = writer.select(
            f"select time_start, time_end from {writer.table('%_suspend_table')} where job_db_inx = %s order by 1", (row["job_db_inx"],)
        )
        counts = (map(int, one.split("=")) for one in row["tres_alloc"].split(","))
        tres = {names[number]: count for number, count in counts if count < NO_VAL64 - 1}  # what is not set is not there
        if start <= end:
            spans = tuple((max(start, one["time_start"]), min(end, one["time_end"] or end)) for one in pauses)
            yield Row(cluster, row["partition"], qos[row["id_qos"]], tuple(accounts), state, over, start, end, spans, tres)


def expected(accounting: Accounting) -> tuple[Amounts, dict[str, Cost]]:
    """Cost by cluster, account, department, period; and of each month and account of all clusters."""
    calculator = Calculator.read(BOOK, ZONE, ORGANIZATIONS)
    sums: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    months: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    met = 0
    for cluster, writer in accounting.writers.items():
        for row in rows_of(writer, cluster):
            met += 1
            for begin, end in zip(MONTHS, MONTHS[1:]):
                if row.end <= begin or (row.start >= end and row.end > end):
                    continue
                cost = calculator.within(row, begin, end)
                department = calculator.department_at(row.accounts, begin)
                keys = [(cluster, row.accounts[0], department, name) for name, (since, until) in WINDOWS.items() if since <= begin < until]
                for key in keys:
                    for place, amount in enumerate((cost.list, cost.billed, cost.subsidy)):
                        sums[key][place] += amount
                months[f"{row.accounts[0]} {MONTHS.index(begin)}"][1] += cost.billed
    assert met > 500
    return {key: Cost(*amounts) for key, amounts in sums.items()}, {key: Cost(*amounts) for key, amounts in months.items()}


def flags(accounting: Accounting, **more: object) -> dict[str, object]:
    wanted = {"as-of": NOW, "timezone": ZONE, "cost.price-book": BOOK, "collector.disable-defaults": "true", "collector.cost": "true"}
    return flags_for(accounting.server, **more) | wanted


@pytest.fixture(scope="module")
def page(accounting: Accounting) -> Samples:
    done = run_once(flags(accounting), SECRETS)
    assert done.code == 0, done.log
    return check_text(done.text)


def shown(page: Samples, metric: str, *labels: str) -> dict[tuple[str, ...], int]:
    """Thousandths by these labels."""
    return {tuple(found[label] for label in labels): round(value * 1000) for found, value in page.matching(metric)}


def test_every_account_costs_what_the_calculator_says(accounting: Accounting, page: Samples) -> None:
    sums, _ = expected(accounting)
    labels = ("cluster", "account", "department", "period")
    assert {key[2] for key in sums} == {"Faculty", "Law School", ""}
    assert shown(page, "slurmdbd_account_list_cost", *labels) == {key: cost.list for key, cost in sums.items()}
    assert shown(page, "slurmdbd_account_cost", *labels) == {key: cost.billed for key, cost in sums.items()}
    assert shown(page, "slurmdbd_account_subsidy", *labels) == {key: cost.subsidy for key, cost in sums.items()}
    assert all(len({cost.list, cost.billed, cost.subsidy}) > 1 for cost in sums.values())


def test_departments_are_the_sums_of_their_accounts(page: Samples) -> None:
    for kind in ("cost", "list_cost", "subsidy"):
        accounts: dict[tuple[str, ...], int] = defaultdict(int)
        for (cluster, department, period, _), amount in shown(page, f"slurmdbd_account_{kind}", "cluster", "department", "period", "account").items():
            accounts[cluster, department, period] += amount
        assert accounts == shown(page, f"slurmdbd_department_{kind}", "cluster", "department", "period")


def test_credits_and_budgets(accounting: Accounting, page: Samples) -> None:
    _, months = expected(accounting)

    def billed(accounts: tuple[str, ...], *wanted: int) -> int:
        return sum(months[f"{account} {month}"].billed for account in accounts for month in wanted if f"{account} {month}" in months)

    law = [min(150_000, billed(("law",), month)) for month in range(3)]
    assert 150_000 in law, "the free quota is used up in some month"
    credits = shown(page, "slurmdbd_account_credit", "cluster", "account", "period")
    assert credits == {("", "law", "month"): law[2], ("", "law", "last_month"): law[1]} | {
        ("", "law", period): sum(law) for period in ("quarter", "year")
    }
    faculty = ("physics", "chemistry", "science")
    until = [min(20_000, billed(faculty, *range(month))) for month in range(4)]
    assert shown(page, "slurmdbd_department_credit", "department", "period") == {
        ("Faculty", "month"): until[3] - until[2], ("Faculty", "last_month"): until[2] - until[1],
        ("Faculty", "quarter"): until[3], ("Faculty", "year"): until[3],
    }  # fmt: skip
    assert shown(page, "slurmdbd_department_budget_used", "cluster", "department", "period") == {
        ("", "Faculty", "year"): billed(faculty, 0, 1, 2)
    }
    assert shown(page, "slurmdbd_department_budget", "period") == {("year",): 5_000_000}
    used = shown(page, "slurmdbd_account_budget_used", "cluster", "account", "period")
    alpha = shown(page, "slurmdbd_account_cost", "cluster", "account", "period")
    assert used == {
        ("alpha", "science", "month"): sum(alpha.get(("alpha", account, "month"), 0) for account in faculty),
        ("", "law", "quarter"): billed(("law",), 0, 1, 2),
    }
    assert shown(page, "slurmdbd_account_budget", "account") == {("science",): 300_000, ("law",): 100_500}


def test_what_has_no_price_and_which_book(accounting: Accounting, page: Samples) -> None:
    # In the rate of beta memory has no price; energy only has one in the first.
    assert {labels["tres"] for labels, _ in page.matching("slurmdbd_cost_unpriced_tres_seconds", cluster="beta", period="month")} == {"mem", "energy"}
    assert {labels["tres"] for labels, _ in page.matching("slurmdbd_cost_unpriced_tres_seconds", cluster="alpha")} == {"energy"}
    (labels, value), = page.matching("slurmdbd_price_book_info")
    assert value == 1 and labels["version"] == "tested" and len(labels["sha256"]) == 64
    starts = {labels["period"]: value for labels, value in page.matching("slurmdbd_cost_period_start_timestamp_seconds", cluster="alpha")}
    assert starts == {period: window[0] for period, window in WINDOWS.items()}


def test_without_a_price_book_nothing_is_read_for_it(accounting: Accounting, once: RunOnce) -> None:
    plain = {name: value for name, value in flags(accounting).items() if not name.endswith(("price-book", "cost"))}
    page = once(plain | {"collector.jobs": "true"})
    assert page.code == 0 and "_cost" not in page.text
    refused = once(plain | {"collector.cost": "true"})
    assert refused.code == 1 and "--collector.cost: needs cost.price-book" in refused.log


def test_a_wrong_price_book_is_named(accounting: Accounting, once: RunOnce, tmp_path: Path) -> None:
    wrong = tmp_path / "prices.yml"
    wrong.write_text(BOOK.read_text().replace("subsidies:", "subsidy:"))
    done = once(flags(accounting) | {"cost.price-book": wrong})
    assert done.code == 1 and "prices.yml:17:1: unknown key \"subsidy\", did you mean subsidies?" in done.log, done.log


def test_a_purged_period_has_no_cost(server: PrivateMariaDB, once: RunOnce) -> None:
    clock = ManualClock(day("2025-01-02"))
    accounting = Accounting(server, clock=clock)
    writer = accounting.writers["alpha"]
    for number in range(75):
        job = writer.submit(writer.association("physics", "ada"), at=clock.now, cpus=2)
        writer.start(job)
        writer.end(job, at=clock.advance(5000))
        clock.advance(81_400)
    clock.now = NOW
    writer.timezone = zoneinfo.ZoneInfo(ZONE)
    Rollup(writer).run()
    whole = check_text(once(flags(accounting)).text)
    assert {labels["period"] for labels, _ in whole.matching("slurmdbd_account_cost")} == set(WINDOWS)
    writer.execute(f"delete from {writer.table('%_job_table')} where time_end < %s", (day("2025-02-10"),))
    page = check_text(once(flags(accounting)).text)
    assert shown(page, "slurmdbd_account_cost", "period") == {("month",): shown(whole, "slurmdbd_account_cost", "period")[("month",)]}
    assert not list(page.matching("slurmdbd_department_budget_used"))
    accounting.close()


def test_the_first_job_of_a_cluster_may_run_over_midnight(server: PrivateMariaDB, once: RunOnce) -> None:
    """Its usage of the day before is no sign of jobs that were purged."""
    clock = ManualClock(day("2025-01-20"))
    accounting = Accounting(server, clock=clock)
    writer = accounting.writers["alpha"]
    long = writer.submit(writer.association("physics", "ada"), cpus=2)
    writer.start(long)
    short = writer.submit(writer.association("chemistry", "marie"), at=clock.advance(2 * 86_400), cpus=1)
    writer.start(short)
    writer.end(short, at=clock.advance(3600))
    writer.end(long, at=clock.advance(86_400))
    clock.now = day("2025-03-19")
    writer.timezone = zoneinfo.ZoneInfo(ZONE)
    Rollup(writer).run()
    page = check_text(once(flags(accounting)).text)
    assert {labels["period"] for labels, _ in page.matching("slurmdbd_cost_period_start_timestamp_seconds")} == set(WINDOWS)
    accounting.close()


def test_costs_follow_what_is_corrected(recent: Accounting, start: Start, once: RunOnce, tmp_path: Path) -> None:
    """Served for a while, as a fresh one has it: late ends, another outcome, a new user, an account that moves."""
    writer = recent.writers["alpha"]
    wanted = flags(recent) | {"poll.interval": "1s", "counter.settle": "0s"}
    del wanted["as-of"]
    exporter = start(wanted)
    ada = writer.association("physics", "ada")

    def cost(page: Samples, account: str) -> float:
        """Not long ago may be last month."""
        return sum(page.total("slurmdbd_account_cost", account=account, period=period) for period in ("month", "last_month"))

    def same(page: Samples) -> bool:
        now = shown(check_text(once(wanted).text), "slurmdbd_account_cost", "cluster", "account", "department", "period")
        return bool(now) and now == shown(page, "slurmdbd_account_cost", "cluster", "account", "department", "period")

    now = int(writer.clock())
    job = writer.submit(ada, at=now - 5000, cpus=4)
    writer.start(job, at=now - 4900)
    writer.end(job, at=now - 60)
    exporter.wait_for(same, "the job's cost")
    writer.modify(job, state=int(JobState.NODE_FAIL))
    exporter.wait_for(lambda page: cost(page, "physics") == 0, "a job that is free after all")
    writer.modify(job, state=int(JobState.COMPLETED))
    writer.add_account("lab", "physics")
    writer.add_user("new", "lab")
    late = writer.submit(writer.association("lab", "new"), at=now - 9000, cpus=2)
    writer.start(late, at=now - 8000)
    writer.end(late, at=now - 7000)
    exporter.wait_for(lambda page: cost(page, "lab") and same(page), "a new account")
    writer.add_account("science")
    writer.move_account("physics", "science")  # and with it a discount
    before = cost(exporter.page(), "lab")
    page = exporter.wait_for(lambda page: cost(page, "lab") != before, "a discount")
    assert same(page)


@pytest.fixture
def recent(server: PrivateMariaDB) -> Iterator[Accounting]:
    made = Accounting(server)
    yield made
    made.close()
