"""The past as files: what they hold is what --once --as-of shows, in every release; what is refused; how it goes on."""

from __future__ import annotations

import datetime
import os
import random
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.servers import exporter_binary
from tests.integration import history
from tests.integration.conftest import SECRETS
from tests.integration.database import Accounting
from tests.integration.exporter import NOT_OF_THE_PAST, PRICES, Once, flags_for, only, page_of_the_past, run_backfill, run_once
from tests.integration.releases import Released
from tests.integration.samples import COUNTER, Samples, by_moment, check_openmetrics, differences, without_beginnings
from tests.support.mariadb import PrivateMariaDB
from tests.support.releases import RELEASES
from tests.support.rollup import Rollup
from tests.support.session import ManualClock

# Days that begin within an hour of UTC's, and while a job of the history runs.
MONTHLY = {"counter.epoch": "month", "timezone": "Asia/Kolkata"}
DAYS = {"from": "2025-05-28", "to": history.END, "step": "35m", "format": "victoriametrics"}
COUNTED = "slurmdbd_account_tres_seconds_total"
# Something that is told by each collector that can tell of the past.
OF_EACH_BOOK = {
    "slurmdbd_transactions_total", "slurmdbd_jobs_without_association", "slurmdbd_cluster_usage_tres_seconds", COUNTED, "slurmdbd_account_cost",
    "slurmdbd_account_cpu_used_seconds_total", "slurmdbd_jobs", "slurmdbd_node_unavailable_info", "slurmdbd_jobs_started_total",
    "slurmdbd_account_info", "slurmdbd_user_jobs",
}  # fmt: skip


def filled(one: Released, folder: Path, **flags: object) -> dict[str, str]:
    """The files of a backfill by name."""
    done = run(one, folder, **flags)
    assert done.code == 0, done.log
    return {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.suffix != ".json"}


def run(one: Released, folder: Path, **flags: object) -> Once:
    given = {name.replace("__", "."): value for name, value in flags.items()}
    return run_backfill(one.flags | {"output": folder} | given, SECRETS)


def day(text: str) -> int:
    """Midnight of UTC."""
    return int(datetime.datetime.fromisoformat(text + "T00:00:00+00:00").timestamp())


def pages(files: Mapping[str, str], parts: int = 1000) -> dict[int, Samples]:
    """A page a moment; `parts` of a second are what times are told in."""
    found: dict[int, Samples] = {}
    for text in files.values():
        for instant, page in by_moment(text).items():
            assert instant % parts == 0 and instant // parts not in found
            found[instant // parts] = page
    return found


@pytest.fixture(scope="module")
def newest(released: dict[str, Released]) -> Iterator[Released]:
    yield released[RELEASES[-1]]


@pytest.mark.parametrize("release", RELEASES)
def test_it_is_the_page_of_each_moment(released: dict[str, Released], tmp_path: Path, release: str) -> None:
    one, chance = released[release], random.Random(release)
    # Where counters begin is the same matter in every release.
    epochs = (MONTHLY, {"counter.epoch": history.EPOCH}) if release in (RELEASES[0], RELEASES[-1]) else (MONTHLY,)
    for epoch in epochs:
        start = {"from": history.EPOCH} if "timezone" not in epoch else {}
        past = pages(filled(one, tmp_path / epoch["counter.epoch"], **(DAYS | PRICES | epoch | start)))
        assert len(past) > 15
        # Of counters' periods, a second after which they stand at 0.
        ends = [time for time in past if time + 1 in past]
        moments = [max(past), *ends, *chance.sample(sorted(time for time in past if time % 60 == 0), 3)]
        assert len(ends) == ("timezone" in epoch)
        for moment in moments:
            shown = page_of_the_past(one.flags | epoch, SECRETS, moment)
            assert differences(shown, without_beginnings(past[moment], shown)) == [], f"{release} at {moment}, {epoch}"
        told = {name for page in past.values() for name in page.names()}
        assert told >= OF_EACH_BOOK and not told & set(NOT_OF_THE_PAST)


@pytest.mark.parametrize("release", (RELEASES[0], RELEASES[-1]))
def test_steps_that_have_not_finished_are_waited_for(released: dict[str, Released], tmp_path: Path, release: str) -> None:
    """For as long as a page waits for them: until then the row counts for nothing."""
    one = released[release]
    (row,) = one.writer.select(
        "select j.time_end from alpha_step_table s join alpha_job_table j on j.job_db_inx = s.job_db_inx where s.state = 1 and j.time_end > 0"
    )
    end = int(row["time_end"])
    flags = {"from": end - 60, "to": end + 600, "step": "1m", "format": "victoriametrics", "counter.epoch": history.EPOCH} | only("efficiency")
    past = pages(filled(one, tmp_path / "to", **flags))
    for moment, page in past.items():
        shown = run_once(one.flags | only("efficiency") | {"as-of": moment}, SECRETS).samples
        assert differences(shown, without_beginnings(page, shown)) == [], f"{moment - end} s after its end"
    counted = [page.total("slurmdbd_job_cpu_efficiency_ratio_count") for page in past.values()]
    assert counted[0] < counted[-1] and sum(one < other for one, other in zip(counted, counted[1:])) > 1


def test_costs_of_what_was_purged(server: PrivateMariaDB, tmp_path: Path) -> None:
    """They are left out from when on there is usage without jobs, as on a page, however long ago that is."""
    clock = ManualClock(day("2025-02-02"))
    accounting = Accounting(server, clock=clock)
    writer = accounting.writers["alpha"]
    for _ in range(60):
        job = writer.submit(writer.association("physics", "ada"), at=clock.advance(20_000), cpus=2)
        writer.start(job)
        writer.end(job, at=clock.advance(66_400))
    clock.now = day("2025-04-05")
    Rollup(writer).run()
    writer.execute(f"delete from {writer.table('%_job_table')} where time_end < %s", (day("2025-02-10"),))
    one = flags_for(server, timezone="UTC", counter__epoch="month")
    flags = {"from": "2025-01-20", "to": clock.now, "step": "3h", "format": "victoriametrics", "window": "month", "output": tmp_path / "to"}
    done = run_backfill(one | PRICES | only("cost") | flags, SECRETS)
    assert done.code == 0, done.log
    past = pages({path.name: path.read_text() for path in (tmp_path / "to").glob("*.prom")})
    near = [moment for moment in past if day("2025-02-02") <= moment <= day("2025-02-03")]
    for moment in (*near, *random.Random(4).sample(sorted(past), 8), max(past)):
        shown = page_of_the_past(one, SECRETS, moment)
        assert {key: value for key, value in shown.values.items() if "cost" in key[0]} == {
            key: value for key, value in past[moment].values.items() if "cost" in key[0]
        }, moment
    begun = {moment: {labels["period"] for labels, _ in past[moment].matching("slurmdbd_cost_period_start_timestamp_seconds")} for moment in past}
    assert begun[near[0]] == {"month", "last_month", "quarter", "year"} and begun[near[-1]] == set()
    assert begun[max(past)] == {"month", "last_month", "quarter"}
    accounting.close()


JUNE = 1_748_716_200  # in Kolkata


def test_a_period_is_there_as_a_whole_and_the_next_begins_at_zero(newest: Released, tmp_path: Path) -> None:
    past = pages(filled(newest, tmp_path / "to", **(DAYS | MONTHLY | {"step": "5h"})))
    assert [moment for moment in past if moment % (5 * 3600)] == [JUNE, JUNE + 1]
    begun = min(time for time in past if time > JUNE + 1)
    assert past[JUNE].total(COUNTED, tres="cpu") > 100 * past[begun].total(COUNTED, tres="cpu")
    assert set(past[JUNE + 1].values.values()) == {0}
    of_june = {key for key, value in past[begun].values.items() if value and COUNTER.search(key[0])}
    assert of_june and of_june <= past[JUNE + 1].values.keys()


@pytest.mark.parametrize("size", ["day", "month"])
def test_counters_rise_from_zero(newest: Released, tmp_path: Path, size: str) -> None:
    """The first sample of a series in a period that is seen from its beginning, whatever file it is in."""
    flags = {"from": "2025-06-01", "to": history.END, "step": "1h", "format": "victoriametrics", "window": size}
    past = pages(filled(newest, tmp_path / "to", **(flags | MONTHLY)))
    first: dict[object, int] = {}
    last: dict[object, float] = {}
    for moment, page in sorted(past.items()):
        for key, value in page.values.items():
            if not COUNTER.search(key[0]):
                continue
            if first.setdefault(key, moment) == moment:
                assert value == 0, f"{key} begins with {value} at {moment}"
            assert value >= last.get(key, 0), f"{key} falls to {value} at {moment}"
            last[key] = value
    assert len(set(first.values())) > 2, "all begin at once"


def test_openmetrics(newest: Released, tmp_path: Path) -> None:
    flags = {"from": "2025-06-14", "to": history.END, "step": "1h", "label": ["job=slurmdbd", "instance=here:1"], "counter__epoch": "month"}
    files = filled(newest, tmp_path / "to", **flags)
    assert list(files) == ["2025-06-14.om", "2025-06-15.om"]
    for text in files.values():
        # Moment by moment: this parser loses buckets of a histogram's second one. promtool takes them all.
        for moment in by_moment(text):
            lines = [line for line in text.splitlines() if line.startswith("#") or line.endswith(f" {moment}")]
            check_openmetrics("\n".join(lines) + "\n", "slurmdbd_jobs")
        assert len(set(re.findall(r"^# TYPE (\S+)", text, re.M))) == len(re.findall(r"^# TYPE", text, re.M))
    past = pages(files, 1)
    assert list(past) == list(range(1_749_859_200, history.END + 1, 3600))
    assert {labels for _, labels in past[history.END].values if not {("job", "slurmdbd"), ("instance", "here:1")} <= labels} == set()


def test_families_and_months(newest: Released, tmp_path: Path) -> None:
    flags = DAYS | MONTHLY | {"families": f"{COUNTED},slurmdbd_jobs", "window": "month", "step": "1d"}
    files = filled(newest, tmp_path / "to", **flags)
    assert list(files) == ["2025-05.prom", "2025-06.prom"]
    assert {name for page in pages(files).values() for name in page.names()} == {COUNTED, "slurmdbd_jobs"}


def test_it_goes_on_where_it_was_broken_off(newest: Released, tmp_path: Path) -> None:
    flags = DAYS | MONTHLY | {"step": "2h"}
    whole = filled(newest, tmp_path / "whole", **flags)
    again = tmp_path / "again"
    assert filled(newest, again, **flags) == whole
    kept = sorted(whole)[3]
    for name in whole:
        if name != kept:
            (again / name).unlink()
    (again / f"{kept}.new").write_text("half")  # of a run that was killed
    before = os.stat(again / kept).st_mtime_ns
    del flags["from"], flags["to"]  # those of the first run
    assert {name: text for name, text in filled(newest, again, **flags).items() if not name.endswith(".new")} == whole
    assert os.stat(again / kept).st_mtime_ns == before


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"step": "1h"}, 'was begun with step "7200", not "3600"'),
        ({"label": "job=other"}, "was begun with label"),
        ({"from": "2025-05-29"}, "was begun with from"),
        ({"collector.users": "false"}, "was begun with collectors"),
        ({"timezone": "Europe/Paris", "from": "2025-06-13T18:30:00Z"}, "was begun with timezone"),
    ],
    ids=str,
)
def test_other_parameters_are_refused(newest: Released, tmp_path_factory: pytest.TempPathFactory, flags: dict[str, object], said: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "begun"
    began = DAYS | MONTHLY | {"from": "2025-06-14", "step": "2h"}
    if not folder.exists():
        filled(newest, folder, **began)
    files = sorted(path.name for path in folder.iterdir())
    done = run(newest, folder, **(began | flags))
    assert done.code == 1 and said in done.log, done.log
    assert sorted(path.name for path in folder.iterdir()) == files


def test_other_prices_are_refused(newest: Released, tmp_path: Path) -> None:
    book = tmp_path / "prices.yml"
    book.write_text(PRICES["cost.price-book"].read_text())
    flags = DAYS | MONTHLY | only("cost") | {"from": "2025-06-14", "step": "2h", "cost.price-book": book}
    filled(newest, tmp_path / "to", **flags)
    book.write_text(book.read_text().replace("amount: 300", "amount: 301"))
    done = run(newest, tmp_path / "to", **flags)
    assert done.code == 1 and "was begun with price book" in done.log, done.log


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"from": None}, "needs --from"),
        ({"output": None}, "needs --output"),
        ({"step": "1ms"}, "--step: has to be whole seconds"),
        ({"step": "often"}, "--step:"),
        ({"from": "yesterday"}, "--from:"),
        ({"to": "2090-01-01"}, "is not over, or has not settled"),
        ({"to": "2025-06-01"}, "--from: lies after the last moment"),
        ({"head": history.END, "counter.settle": "60s"}, "--to: 1749988800 overlaps what is there from --head on"),
        ({"format": "csv"}, '"csv" is not openmetrics or victoriametrics'),
        ({"window": "week"}, '"week" is not day or month'),
        ({"families": "slurmdbd_nothing"}, "none of the collectors has slurmdbd_nothing"),
        ({"label": "cluster=x"}, "has a label cluster of its own"),
        ({"label": "__name__=x"}, '"__name__" cannot be a label'),
        ({"label": "x"}, "is not NAME=VALUE"),
        ({"counter.epoch": "2025-06-15"}, "counters begin after the first moment"),
        ({"once": "true"}, "does not go together with backfill"),
        (only("quota", "reservations", "storage"), "no collector is enabled that can be backfilled"),
        ({"families": "slurmdbd_runaway_jobs"}, "none of the collectors has slurmdbd_runaway_jobs"),
        ({"cluster-include": "("}, "--cluster-include"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(newest: Released, tmp_path: Path, flags: dict[str, object], said: str) -> None:
    folder = tmp_path / "to"
    given = {"output": folder, "from": "2025-06-14", "to": history.END, "step": "1h", "counter.epoch": "month"} | flags
    done = run_backfill({name: value for name, value in (newest.flags | given).items() if value is not None}, SECRETS)
    assert done.code == 1 and said in done.log, done.log
    assert not [path.name for path in folder.glob("*") if path.suffix != ".json"]


def test_up_to_the_head(newest: Released, tmp_path: Path) -> None:
    """The last moment is one from which counters can only have grown until the first scrape."""
    flags = {"from": "2025-06-15", "step": "10m", "format": "victoriametrics", "counter.settle": "60s", "window": "month"}
    for head, last in ((history.END, history.END - 600), (history.END + 60, history.END), (history.END + 59, history.END - 600)):
        past = pages(filled(newest, tmp_path / str(head), head=head, **flags))
        assert max(past) == last


def test_a_folder_with_something_else_is_left_alone(newest: Released, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("")
    done = run(newest, tmp_path, **(DAYS | MONTHLY))
    assert done.code == 1 and "is not empty, and no backfill began in it" in done.log


def test_help() -> None:
    done = subprocess.run([str(exporter_binary()), "backfill", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("usage: slurmdbd_exporter backfill --from=TIME"), done


def test_a_month_and_a_day_hold_the_same(newest: Released, tmp_path: Path) -> None:
    flags = DAYS | MONTHLY | {"step": "3h"}
    by_day, by_month = (pages(filled(newest, tmp_path / size, window=size, **flags)) for size in ("day", "month"))
    assert by_day == by_month and len(by_day) > 8 * 17
