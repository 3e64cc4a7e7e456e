"""slurmdbd_exporter report: on every release, by index, and what it says when it cannot."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import json
import os
import pty
import re
import subprocess
import time
import zoneinfo
from pathlib import Path

import pytest

from tests.e2e.servers import exporter_binary, rfc3339
from tests.integration import history
from tests.integration.conftest import SECRETS
from tests.integration.database import Accounting, GeneralLog, database_user, execute, run_jobs
from tests.integration.exporter import Flags, flags_for, run_once
from tests.integration.releases import Released
from tests.integration.samples import check_text
from tests.integration.test_explain import LARGE, OPTIMISED_AWAY, explain, purpose_of, sample
from tests.support.releases import RELEASES, at_least
from tests.support.values import JobState

Done = subprocess.CompletedProcess[str]
LONG_AGO = "--from=2000-01-01"
ROOT = Path(__file__).resolve().parents[2]
# Purpose -> the index.
INDEXES = {
    "report-open": "rollup2|sacct_def2",
    "report-ended": "rollup2|sacct_def2",
    "report-later": "rollup2|sacct_def2",
    "report-ends": "rollup2|sacct_def2",
    "report-user": "association",
    "report-transactions": "PRIMARY",
    "suspensions": "PRIMARY",
    "hours": "PRIMARY",
    "jobs-oldest": "rollup2",
    "usage-within-by-id": "PRIMARY",
    "usage-within": "time_start",  # of associations, in 22.05
}


def report(flags: Flags, *arguments: str) -> Done:
    database = [f"--{key}={value}" for key, value in flags.items() if key.startswith("database.")]
    zone = [] if any(one.startswith("--timezone=") for one in arguments) else ["--timezone=UTC"]
    command = [str(exporter_binary()), "report", *arguments, *database, *zone, "--log.level=warn"]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | SECRETS, timeout=60)


def made(flags: Flags, *arguments: str) -> dict:
    done = report(flags, *arguments, "--format=json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("release", RELEASES)
def test_every_release_is_read_by_index(released: dict[str, Released], release: str) -> None:
    one = released[release]
    with GeneralLog(one.server) as log:
        by_qos = made(one.flags, "usage", LONG_AGO, "--by=account,qos")
        made(one.flags, "usage", LONG_AGO, "--tree", "--by=account")
        made(one.flags, "usage", LONG_AGO, f"--to={history.MIDNIGHT}", "--by=partition,month")
        jobs = made(one.flags, "jobs", LONG_AGO, "-u", "ada", "--truncate", f"--fields={','.join(FIELDS)}")
        made(one.flags, "transactions", LONG_AGO)
        statements = [text for text in log.of_kind("Query") if "SELECT" in text]
    assert jobs["lines"] and by_qos["lines"]
    assert {line[FIELDS.index("User")] for line in jobs["lines"]} == {"ada"}
    # Usage by QOS is rolled up from 24.11 on.
    assert by_qos["provenance"]["request"]["source"] == ("rollups" if at_least(release, "24.11") else "jobs")
    seen = set()
    for statement in sample(statements):
        purpose = purpose_of(statement)
        if purpose not in INDEXES:
            continue  # of other readers, which have their own tests
        for step in explain(one, statement):
            if step.extra in OPTIMISED_AWAY:
                seen.add(purpose)
            elif LARGE.search(step.table):
                seen.add(purpose)
                assert step.access in ("range", "ref", "eq_ref", "const"), f"{step}: {statement}"
                assert re.fullmatch(INDEXES[purpose], step.index), f"{step}: {statement}"
                assert "filesort" not in step.extra, f"{step}: {statement}"
    elsewhere = {"usage-within-by-id"} if release == "22.05" else {"usage-within"}
    assert seen == INDEXES.keys() - elsewhere, "some statements were not seen"


FIELDS = [
    "Account", "AllocTRES", "ArrayJob", "CPUTimeRAW", "DBIndex", "ElapsedRaw", "End", "ExitCode", "JobID", "JobName", "NodeList",
    "Planned", "QOS", "ReqTRES", "Start", "State", "Submit", "Suspended", "Timelimit", "UID", "User", "WCKey",
]  # fmt: skip
FIELDS.remove("ArrayJob")


def test_totals_of_job_rows_are_those_of_their_parts(released: dict[str, Released]) -> None:
    one = released[RELEASES[-1]]
    totals, now = [], int(time.time())
    for by in ("cluster", "account,user", "partition", "qos,wckey", "day", "month,account"):
        told = made(one.flags, "usage", LONG_AGO, f"--to={now}", "--source=jobs", f"--by={by}")
        integers = [i for i, column in enumerate(told["columns"]) if column["kind"] == "integer"]
        assert [sum(line[i] for line in told["lines"]) for i in integers] == [told["totals"][i] for i in integers]
        totals.append({told["columns"][i]["name"]: told["totals"][i] for i in integers})
    assert totals[0]["cpu"] > 0
    assert [one_of_them for one_of_them in totals if one_of_them != totals[0]] == []


def test_an_account_with_what_is_below_it(accounting: Accounting) -> None:
    writer = accounting.writers["alpha"]
    writer.add_account("optics", "physics")
    bob = writer.add_user("bob", "optics")
    run_jobs(writer, 2, 100, cpus=3)
    now = int(writer.clock())
    job = writer.submit(bob, at=now - 300, cpus=5)
    writer.start(job, at=now - 250)
    writer.end(job, at=now - 200)
    flags = flags_for(accounting.server)
    window = ("usage", f"--from={now - 1000}", f"--to={now - 45}", "--by=account", "--tres=cpu", "--source=jobs")
    flat = {line[0]: line[1] for line in made(flags, *window)["lines"]}
    told = made(flags, *window, "--tree")
    tree = {line[0]: line[1] for line in told["lines"]}
    assert flat["optics"] == 250
    assert tree["physics"] == flat["physics"] + 250 and tree["root"] == told["totals"][1] == sum(flat.values())
    of_physics = made(flags, *window, "--tree", "-A", "physics")
    assert {line[0] for line in of_physics["lines"]} == {"physics", "optics"}, "what is above is not part of it"
    assert made(flags, *window, "-A", "physics")["totals"][1] == flat["physics"]


def test_a_job_report_streams_and_has_odd_text(accounting: Accounting) -> None:
    writer = accounting.writers["alpha"]
    run_jobs(writer, 3)
    writer.execute("update alpha_job_table set job_name = %s where time_end > 0", ('=cmd|"x",\n<b>é',))
    flags = flags_for(accounting.server)
    since = f"--from={int(time.time()) - 3600}"
    csv = report(flags, "jobs", since, "--fields=JobName,State", "--format=csv").stdout
    assert csv.count('"\'=cmd|""x"",\n<b>é",COMPLETED') == 3, csv
    html = report(flags, "jobs", since, "--fields=JobName", "--format=html").stdout
    assert "&lt;b&gt;é" in html and "<b>" not in html
    assert [line[0] for line in made(flags, "jobs", since, "--fields=JobName")["lines"]].count('=cmd|"x",\n<b>é') == 3


def test_totals_of_pages_count_everything_once(accounting: Accounting) -> None:
    writer = accounting.writers["alpha"]
    writer.add_account("optics", "physics")
    writer.execute("update acct_table set organization = 'Faculty' where name = 'physics'")
    job = writer.submit(writer.add_user("bob", "optics"), at=int(writer.clock()) - 300, cpus=5)
    writer.start(job, at=int(writer.clock()) - 250)
    writer.end(job, at=int(writer.clock()) - 200)
    flags = flags_for(accounting.server)
    since = f"--from={int(time.time()) - 3600}"
    for tree in ((), ("--tree",)):
        html = report(flags, "usage", since, "--by=department,account", "--tres=cpu", "--source=jobs", *tree, "--format=html").stdout
        assert html.count("<h2>") == 2, "the department and all of it"
        assert re.findall(r"<tfoot>.*?>(\d+)</td></tr>\n</tfoot>", html) == ["250", "250"], tree
        assert html.count("<tr><td>physics</td>") == len(tree)


def test_names_with_commas_are_quoted(accounting: Accounting) -> None:
    writer = accounting.writers["alpha"]
    run_jobs(writer, 1)
    writer.execute("""update acct_table set organization = 'Law, "Arts" and Music' where name = 'physics'""")
    flags = flags_for(accounting.server)
    window = ("usage", f"--from={int(time.time()) - 3600}", "--source=jobs", "--by=department,account")
    for names in ('"Law, ""Arts"" and Music"', 'nothing,"Law, ""Arts"" and Music"'):
        assert [line[:2] for line in made(flags, *window, f"--department={names}")["lines"]] == [['Law, "Arts" and Music', "physics"]]
    for wrong in ('"Law', '"Law"x', '""', 'a,""'):
        assert "--department:" in report(flags, *window, f"--department={wrong}").stderr


def test_a_pipe_is_written_to_and_not_replaced(steady: Accounting, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True) as reader:
        try:
            assert report(flags_for(steady.server), "usage", f"--from={int(time.time()) - 3600}", "--source=jobs", f"--output={pipe}").returncode == 0
            assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]
            assert reader.communicate(timeout=20)[0].startswith("Usage ")
        finally:
            reader.kill()


def test_on_a_terminal_progress_is_gone_before_the_report_comes(steady: Accounting) -> None:
    for what in ("usage", "jobs"):
        ours, theirs = pty.openpty()
        database = [f"--{key}={value}" for key, value in flags_for(steady.server).items() if key.startswith("database.")]
        command = [str(exporter_binary()), "report", what, f"--from={int(time.time()) - 3600}", *database]
        if what == "usage":
            command.append("--source=jobs")
        with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=os.environ | SECRETS) as process:
            os.close(theirs)
            shown = b""
            with contextlib.suppress(OSError):  # the other end is closed
                while part := os.read(ours, 65536):
                    shown += part
            assert process.wait() == 0
        os.close(ours)
        text = shown.decode()
        bars = re.findall(r"\r\[[# ]+\] .*? job rows\x1b\[K(.)", text, re.DOTALL)
        assert (bars or what == "jobs") and set(bars) <= {"\r"}, text
        assert text.count("\r\x1b[K") <= 1 and (what == "jobs" or f"\r\x1b[K{what.capitalize()} 2" in text), text


def test_hours_are_whole_where_clocks_change_by_half_an_hour(accounting: Accounting) -> None:
    """Lord Howe, 2025-10-05: at 2:00 it is 2:30. slurmdbd's hours begin with those of the clock."""
    zone = zoneinfo.ZoneInfo("Australia/Lord_Howe")
    midnight = int(datetime.datetime(2025, 10, 5, tzinfo=zone).timestamp())
    changed = midnight + 2 * 3600
    starts = [*range(midnight, changed + 1, 3600), *range(changed + 1800, int(datetime.datetime(2025, 10, 7, tzinfo=zone).timestamp()), 3600)]
    writer = accounting.writers["alpha"]
    rows = [(1, 1, 1, start, 64) for start in starts]
    writer.insert_many("%_usage_hour_table", ("creation_time", "mod_time", "id_tres", "time_start", "count"), rows)
    flags = flags_for(accounting.server)

    def gaps() -> list[str]:
        told = made(flags, "usage", "--from=2025-10-05", "--to=2025-10-07", "--timezone=Australia/Lord_Howe", "--source=rollups")
        return [check["text"] for check in told["provenance"]["checks"] if check["check"] == "gaps"]

    assert gaps() == ["alpha: no hour of the period is missing"]
    writer.execute("delete from alpha_usage_hour_table where time_start in (%s, %s)", (starts[30], starts[31]))
    assert gaps() == ["alpha: 2 hours of the period have no usage, the first 2025-10-06T06:00:00"]


def test_job_rows_tell_of_a_period_of_which_nothing_is_rolled_up_yet(accounting: Accounting) -> None:
    run_jobs(accounting.writers["alpha"], 1)
    flags = flags_for(accounting.server)
    told = made(flags, "usage", "--period=year", "--by=cluster", "--tres=cpu")
    assert told["provenance"]["request"]["source"] == "jobs" and told["lines"][0][1] > 0
    assert told["provenance"]["request"]["to"] <= time.time(), "what is to come is no part of it"
    assert "--source=rollups: nothing of the period is rolled up" in report(flags, "usage", "--period=year", "--source=rollups").stderr


def test_a_removed_account_keeps_its_department(accounting: Accounting) -> None:
    writer = accounting.writers["alpha"]
    run_jobs(writer, 1)
    writer.execute("update acct_table set organization = 'Faculty' where name = 'physics'")
    flags = flags_for(accounting.server)
    window = ("usage", f"--from={int(time.time()) - 3600}", f"--to={int(time.time()) - 1}", "--source=jobs", "--by=department,account")
    there = made(flags, *window)["lines"]
    assert [line[:2] for line in there] == [["Faculty", "physics"]]
    writer.execute("update acct_table set deleted = 1 where name = 'physics'")
    writer.execute("update alpha_assoc_table set deleted = 1 where acct = 'physics'")
    assert made(flags, *window)["lines"] == there


def test_departments_that_cannot_be_known_are_refused(accounting: Accounting, tmp_path: Path) -> None:
    writer = accounting.writers["alpha"]
    run_jobs(writer, 1)
    flags = flags_for(accounting.server)
    book = tmp_path / "book.yml"
    book.write_text(BOOK)
    since = f"--from={int(time.time()) - 3600}"
    file = tmp_path / "report.json"
    assert report(flags, "cost", since, f"--cost.price-book={book}", "--format=json", f"--output={file}").returncode == 0
    writer.execute("drop table acct_table")
    for arguments in (
        ("usage", since, "--by=department"), ("usage", since, "--department=x"), ("cost", since, "--by=account", f"--cost.price-book={book}"),
        ("verify", str(file), f"--cost.price-book={book}"),
    ):  # fmt: skip
        done = report(flags, *arguments)
        wanted = 2 if arguments[0] == "verify" else 1
        assert done.returncode == wanted and "acct_table" in done.stderr, (arguments, done.stdout, done.stderr)
    assert made(flags, "usage", since, "--by=account")["lines"]
    book.write_text(BOOK.replace("{by: organization}", "{by: accounts, accounts: [physics]}"))
    assert made(flags, "cost", since, f"--cost.price-book={book}")["lines"]


def test_a_job_that_waits_for_long_is_no_runaway_of_a_report(accounting: Accounting) -> None:
    writer = accounting.writers["alpha"]
    writer.submit(writer.association("physics", "ada"), at=int(time.time()) - 400 * 86400)
    flags = flags_for(accounting.server)
    assert 'slurmdbd_runaway_jobs{cluster="alpha",reason="pending_for_long"} 1' in run_once(flags, SECRETS).text
    checks = made(flags, "jobs", "--period=last-month")["provenance"]["checks"]
    assert [check["ok"] for check in checks if check["check"] == "runaways"] == [True]


def test_a_report_of_costs_tells_what_has_no_price(accounting: Accounting, tmp_path: Path) -> None:
    writer = accounting.writers["alpha"]
    writer.add_tres("gres/gpu")
    run_jobs(writer, 1, tres={"gres/gpu": 2})
    book = tmp_path / "book.yml"
    flags = flags_for(accounting.server)
    for prices, well, said in (("{cpu: 1}", False, "jobs held what has no price: gres/gpu"), ("{cpu: 1, gres/gpu: 0}", True, "all that jobs held has a price")):
        book.write_text(f"{{version: '1', currency: EUR, free-of-charge: [mem, node, billing, energy], rates: [{{sum: {prices}}}]}}")
        provenance = made(flags, "cost", f"--from={int(time.time()) - 3600}", f"--cost.price-book={book}")["provenance"]
        assert [(check["ok"], check["text"]) for check in provenance["checks"] if check["check"] == "prices"] == [(well, f"alpha: {said}")]
        assert well or provenance["verdict"] == "incomplete"
    # A line that is not selected says nothing of others.
    book.write_text("{version: '1', currency: EUR, free-of-charge: [mem, node, billing, energy], rates: [{sum: {cpu: 1}}]}")
    provenance = made(flags, "cost", f"--from={int(time.time()) - 3600}", f"--cost.price-book={book}", "-A", "chemistry")["provenance"]
    assert [check["ok"] for check in provenance["checks"] if check["check"] == "prices"] == [True]


def test_what_was_kept_is_verified(accounting: Accounting, tmp_path: Path) -> None:
    writer = accounting.writers["alpha"]
    run_jobs(writer, 3)
    flags = flags_for(accounting.server)
    now = int(time.time())
    for form in ("json", "csv"):
        file = tmp_path / f"report.{form}"
        assert report(flags, "usage", f"--from={now - 3600}", "--by=account,user", "--source=jobs", f"--format={form}", f"--output={file}").returncode == 0
        assert not file.with_name(file.name + ".part").exists()
        done = report(flags, "verify", str(file))
        assert (done.returncode, done.stdout.split(":")[0]) == (0, "holds"), done.stdout + done.stderr
    writer.execute("update alpha_job_table set time_end = time_end - 1 where time_end > 0 limit 1")
    done = report(flags, "verify", str(tmp_path / "report.json"))
    assert done.returncode == 1
    assert re.search(r'^- \["physics","ada",\d+', done.stdout, re.MULTILINE) and re.search(r'^\+ \["physics","ada",\d+', done.stdout, re.MULTILINE), done.stdout


def test_an_incomplete_period_says_so(accounting: Accounting) -> None:
    run_jobs(accounting.writers["alpha"])
    provenance = made(flags_for(accounting.server), "usage", "--period=month", "--source=jobs")["provenance"]
    assert provenance["verdict"] == "incomplete"
    assert any("goes on" in check["text"] for check in provenance["checks"])
    assert any(check["check"] == "runaways" for check in provenance["checks"])
    assert provenance["database"] == "slurm_acct_db" and provenance["request"]["report"] == "usage"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("usage", "--period=2025-13"), "--period:"),
        (("usage", "--from=yesterday"), "--from:"),
        (("usage", "--to=2025-01-01"), "--to needs --from"),
        (("usage", "--from=2025-02-01", "--to=2025-01-01"), "--to:"),
        (("usage", "--from=2125-02-01", "--to=2125-03-01"), "--from:"),
        (("usage", "--period=2025", "--from=2025-01-01"), "--period and --from"),
        (("usage", "--by=colour"), "--by:"),
        (("usage", "--by=user,user"), "--by:"),
        (("usage", "--by="), "--by needs a value"),
        (("usage", "--by=user,"), "--by:"),
        (("usage", "--tres=unobtainium"), "--tres:"),
        (("usage", "--source=rollups", "--by=partition"), "--source=rollups: usage is not rolled up by partition"),
        (("usage", "--source=magic"), "--source:"),
        (("usage", "--period", "--tree"), "--period needs a value"),
        (("verify", "/"), 'cannot read "/": Is a directory'),
        (("usage", "--cluster=nowhere"), "--cluster:"),
        (("usage", "--fields=User"), "--fields"),
        (("jobs", "--by=user"), "--by"),
        (("jobs", "--fields=Colour"), "--fields:"),
        (("jobs", "--format=xml"), "--format:"),
        (("jobs", "--output=/nowhere/at/all"), "--output:"),
        (("transactions", "--tree"), "--tree"),
        (("quota", "--period=month"), "--period"),
        (("efficiency", "--by=day"), "--by:"),
        (("quota", "--partition=cpu"), "--partition"),
        (("verify",), "needs a file"),
        (("verify", "/nowhere"), "/nowhere"),
        (("nonsense",), "report needs one of"),
        ((), "report needs one of"),
    ],
)
def test_what_is_wrong_is_named(steady: Accounting, arguments: tuple[str, ...], said: str) -> None:
    done = report(flags_for(steady.server), *arguments) if arguments else subprocess.run([str(exporter_binary()), "report"], capture_output=True, text=True)
    # Of a verification, 1 is an answer.
    wanted = 2 if arguments[:1] == ("verify",) and len(arguments) > 1 else 1
    assert done.returncode == wanted and said in done.stderr, done.stderr
    assert done.stdout == ""


def test_a_young_cluster_is_complete_and_a_purged_one_is_not(accounting: Accounting) -> None:
    """Before the oldest job there were none, or they are gone: usage tells."""
    flags, now = flags_for(accounting.server), int(time.time())
    writer = accounting.writers["alpha"]
    window = ("usage", f"--from={now - 20 * 86400}", f"--to={now - 3600}", "--source=jobs", "--by=account")

    def history_check() -> dict:
        return next(check for check in made(flags, *window)["provenance"]["checks"] if check["check"] == "history")

    assert history_check()["ok"]
    run_jobs(writer, 2)
    assert history_check()["ok"]
    association = writer.association("physics", "ada")
    writer.execute(
        f"insert into {writer.table('%_assoc_usage_day_table')} (creation_time, mod_time, id, id_tres, time_start, alloc_secs) values (1, 1, %s, 1, %s, 99)",
        (association.id, (now - 10 * 86400) // 86400 * 86400),
    )
    hour = now - now % 3600
    writer.execute(f"delete from {writer.table('%_last_ran_table')}")
    writer.execute(f"insert into {writer.table('%_last_ran_table')} values (%s, %s, %s)", (hour, hour // 86400 * 86400, hour // 86400 * 86400))
    check = history_check()
    assert not check["ok"] and "rows were purged" in check["text"], check


def test_columns_that_are_not_granted_are_done_without(steady: Accounting) -> None:
    """job_name and the like are nobody's business at some sites."""
    columns = "job_db_inx, id_job, time_submit, id_assoc, id_qos, id_wckey, id_user, state, time_eligible, time_start, time_end, time_suspended, account, `partition`, tres_alloc, id_resv"
    others = ("cluster_table", "tres_table", "qos_table", "acct_table", "txn_table", "alpha_assoc_table", "alpha_suspend_table", "alpha_last_ran_table", "alpha_usage_hour_table",
              "alpha_usage_day_table", "alpha_usage_month_table", "alpha_assoc_usage_hour_table", "alpha_assoc_usage_day_table", "alpha_assoc_usage_month_table")  # fmt: skip
    with database_user(steady.server, "narrow", SECRETS["SLURMDBD_EXPORTER_DATABASE_PASSWORD"], rights="select on slurm_acct_db.cluster_table"):
        for host in ("127.0.0.1", "localhost"):
            execute(steady.server, f"grant select ({columns}) on slurm_acct_db.alpha_job_table to narrow@'{host}'", *(f"grant select on slurm_acct_db.{table} to narrow@'{host}'" for table in others))
        flags = flags_for(steady.server) | {"database.user": "narrow"}
        told = made(flags, "jobs", f"--from={int(time.time()) - 3600}", "--fields=User,JobName,State")
    assert told["lines"] and all(line[:2] == ["ada", ""] for line in told["lines"])


def test_connections_that_are_granted_suffice_beside_an_exporter_and_a_backfill(steady: Accounting) -> None:
    granted = int(re.findall(r"MAX_USER_CONNECTIONS (\d+)", (ROOT / "deploy/sql/grants.sql").read_text())[0])
    password = SECRETS["SLURMDBD_EXPORTER_DATABASE_PASSWORD"]
    with database_user(steady.server, "counted", password, require=f"with max_user_connections {granted}"):
        steady.server.passwords["counted"] = password
        others = [steady.server.connect("counted", tcp=True) for _ in range(2)]
        flags = flags_for(steady.server) | {"database.user": "counted"}
        for arguments in (("usage", "--period=month"), ("efficiency", "--period=month"), ("quota",), ("jobs",), ("transactions", "--period=month")):
            done = report(flags, *arguments)
            assert done.returncode == 0, done.stderr
        for one in others:
            one.close()
    del steady.server.passwords["counted"]


def test_the_documented_way_to_the_hash(accounting: Accounting, tmp_path: Path) -> None:
    writer = accounting.writers["alpha"]
    run_jobs(writer, 2)
    writer.execute("update alpha_job_table set job_name = 'del\x7f', tres_alloc = '1=1,2=9007199254740993' where time_end > 0")
    command = next(line.strip() for line in (ROOT / "docs/reports.md").read_text().splitlines() if line.endswith("report.json | sha256sum"))
    flags = flags_for(accounting.server)
    for arguments in (("jobs", "--fields=JobID,JobName"), ("usage", "--source=jobs")):
        done = report(flags, *arguments, f"--from={int(time.time()) - 3600}", "--format=json", f"--output={tmp_path / 'report.json'}")
        assert done.returncode == 0, done.stderr
        shown = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path).stdout.split()[0]
        assert shown == json.loads((tmp_path / "report.json").read_text())["provenance"]["lines_sha256"], arguments


def test_help_tells_the_flags() -> None:
    for arguments in (("--help",), ("usage", "--help"), ("verify", "-h")):
        done = subprocess.run([str(exporter_binary()), "report", *arguments], capture_output=True, text=True)
        assert done.returncode == 0 and "--period" in done.stdout
    usage = subprocess.run([str(exporter_binary()), "--help"], capture_output=True, text=True).stdout.splitlines()[1]
    for command in ("report", "backfill", "alertmanager-routes"):
        assert command in usage and subprocess.run([str(exporter_binary()), command, "--help"], capture_output=True).returncode == 0


BOOK = """
version: test
currency: EUR
digits: 4
departments: {by: organization}
free-of-charge: [mem, node, billing, energy]
rates:
  - sum: {cpu: 0.75}
outcomes:
  - {state: failed, charged-percent: 10}
discounts:
  - {account: chemistry, percent: 30}
subsidies:
  - {account: physics, percent: 20}
free-quotas:
  - {account: physics, period: month, amount: 0.01}
"""


def examples() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/reports.md").read_text(), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_what_the_documentation_shows_works(steady: Accounting, tmp_path: Path) -> None:
    assert len(examples()) >= 8
    database = [f"--{key}={value}" for key, value in flags_for(steady.server).items() if key.startswith("database.")]
    for example in examples():
        program, *arguments = example.split()
        assert program == "slurmdbd_exporter"
        done = subprocess.run([str(exporter_binary()), *arguments, *database], capture_output=True, text=True, env=os.environ | SECRETS, timeout=60, cwd=tmp_path)
        assert done.returncode == 0, f"{example}: {done.stderr}"


def test_costs_are_those_of_the_page(accounting: Accounting, tmp_path: Path) -> None:
    writer = accounting.writers["alpha"]
    run_jobs(writer, 5, 120, cpus=3)
    marie, now = writer.association("chemistry", "marie"), int(time.time())
    for number, state in enumerate((3, 5, 5, 3)):  # completed, failed
        job = writer.submit(marie, at=now - 900, cpus=2 + number)
        writer.start(job, at=now - 800)
        writer.end(job, at=now - 100 - number, state=JobState(state))
    book = tmp_path / "book.yml"
    book.write_text(BOOK)
    as_of = int(time.time()) - 20
    flags = flags_for(accounting.server) | {"cost.price-book": book, "timezone": "UTC"}
    page = run_once(flags | {"as-of": rfc3339(as_of)}, SECRETS)
    assert page.code == 0, page.log

    def metric(name: str) -> dict[str, int]:
        samples = re.findall(rf'^{name}{{cluster="[^"]*",account="(\w+)".*period="month".*}} (\S+)$', page.text, re.MULTILINE)
        return {account: round(float(value) * 10**4) for account, value in samples}

    month = datetime.datetime.fromtimestamp(as_of, datetime.UTC).replace(day=1, hour=0, minute=0, second=0)
    window = ("cost", f"--from={int(month.timestamp())}", f"--to={as_of}", f"--cost.price-book={book}")
    told = made(flags, *window, "--by=account")
    column = {entry["name"]: i for i, entry in enumerate(told["columns"])}

    def amounts(report_of: dict, name: str, charge: str = "usage") -> dict[str, int]:
        return {line[0]: round(float(line[column[name]]) * 10**4) for line in report_of["lines"] if line[column["charge"]] == charge}

    for name, family in (("billed", "cost"), ("list", "list_cost"), ("subsidy", "subsidy")):
        assert amounts(told, name) == metric(f"slurmdbd_account_{family}"), name
    assert amounts(told, "free", "free quota") == metric("slurmdbd_account_credit") == {"physics": 100}
    # By whatever it is parted, it comes to the same; and lines add up to the total.
    for by in ("user", "department,account", "partition,day", "qos,month", "account,user,day"):
        parted = made(flags, *window, f"--by={by}")
        for name in ("list", "reduction", "subsidy", "billed", "free", "due"):
            at = [entry["name"] for entry in parted["columns"]].index(name)
            assert parted["totals"][at] == told["totals"][column[name]], (by, name)
            assert sum(round(float(line[at]) * 10**4) for line in parted["lines"]) == round(float(parted["totals"][at]) * 10**4), (by, name)
    focus = list(csv.DictReader(io.StringIO(report(flags, *window, "--by=department,account", "--format=focus").stdout)))
    assert {row["ChargeCategory"] for row in focus} == {"Usage", "Credit"}
    assert sum(round(float(row["BilledCost"]) * 10**4) for row in focus) == round(float(told["totals"][column["due"]]) * 10**4)
    assert "needs --cost.price-book" in report(flags_for(accounting.server), "cost", "--period=month").stderr
    file = tmp_path / "cost.json"
    assert report(flags, *window, "--format=json", f"--output={file}").returncode == 0
    assert report(flags, "verify", str(file), f"--cost.price-book={book}").stdout.startswith("holds")
    book.write_text(BOOK.replace("0.75", "0.76"))
    done = report(flags, "verify", str(file), f"--cost.price-book={book}")
    assert done.returncode == 1 and "the price book is another one now" in done.stdout


def test_quotas_are_those_of_the_page(accounting: Accounting, tmp_path: Path) -> None:
    writer = accounting.writers["alpha"]
    run_jobs(writer, 3, 100, cpus=3)
    now = int(time.time())
    writer.start(writer.submit(writer.association("physics", "ada"), at=now - 300, cpus=2, timelimit=60), at=now - 200)
    settings = {"quota.decay-half-life": "0", "quota.reset-period": "monthly", "timezone": "UTC"}
    flags = flags_for(accounting.server)
    arguments = [f"--{key}={value}" for key, value in settings.items() if key != "timezone"]
    told = made(flags, "quota", *arguments)
    page = run_once(flags | settings | {"as-of": rfc3339(told["provenance"]["request"]["as_of"])}, SECRETS)
    assert page.code == 0, page.log
    samples = check_text(page.text)
    compared = 0
    for cluster, account, user, partition, qos, tres, limit, used, committed, percent in told["lines"]:
        labels = {"cluster": cluster, "qos": qos} if qos else {"cluster": cluster, "account": account, "user": user, "partition": partition}
        unit = 2**20 if tres == "mem" else 1
        for name, value in (("limit", limit), ("used", used), ("committed", committed)):
            shown = samples.value(f"slurmdbd_{'qos_' if qos else ''}quota_{name}_tres_seconds", **labels, tres=tres)
            assert shown is not None and round(shown / unit) == value, (labels, tres, name)
            compared += 1
        assert limit == 0 or abs(float(percent) - 100 * used / limit) <= 0.051
    assert compared >= 6
    cpu = next(line for line in told["lines"] if line[1] == "physics" and not line[2] and line[5] == "cpu")
    assert cpu[7] >= 900 and cpu[8] > 0
    assert [(check["check"], check["ok"]) for check in told["provenance"]["checks"] if check["check"] == "exact"] == [("exact", True)]
    assert told["provenance"]["request"]["report"] == "quota"
    nobody = made(flags, "quota", *arguments, "-A", "nobody")
    assert nobody["lines"] == []
    file = tmp_path / "quota.json"
    assert report(flags, "quota", *arguments, "--format=json", f"--output={file}").returncode == 0
    assert report(flags, "verify", str(file), *arguments).stdout.startswith("holds")


@pytest.mark.parametrize("release", (RELEASES[0], RELEASES[-1]))
def test_efficiency_is_that_of_the_page(released: dict[str, Released], release: str) -> None:
    one = released[release]
    epoch, as_of = history.MIDNIGHT - 86400, history.END
    page = run_once(one.flags | history.FLAGS | {"counter.epoch": rfc3339(epoch), "as-of": rfc3339(as_of)}, SECRETS)
    assert page.code == 0, page.log
    samples = check_text(page.text)
    window = ("efficiency", f"--from={epoch}", f"--to={as_of + 1}")
    told = made(one.flags, *window, "--by=cluster,account")
    names = [column["name"] for column in told["columns"]]
    for name, family in (
        ("measured", "slurmdbd_job_cpu_efficiency_ratio_count"), ("unmeasured", "slurmdbd_jobs_unmeasured_total"),
        ("cpu_used", "slurmdbd_account_cpu_used_seconds_total"), ("cpu_idle", "slurmdbd_account_cpu_idle_seconds_total"),
        ("memory_used", "slurmdbd_account_memory_used_byte_seconds_total"), ("memory_idle", "slurmdbd_account_memory_idle_byte_seconds_total"),
    ):  # fmt: skip
        at = names.index(name)
        shown = {(line[0], line[1]): float(line[at]) for line in told["lines"]}
        assert shown == {key: pytest.approx(samples.total(family, cluster=key[0], account=key[1])) for key in shown}, name
        assert float(told["totals"][at]) == pytest.approx(samples.total(family)) and samples.total(family) > 0, name
        by_user = made(one.flags, *window, "--by=partition,user")
        assert by_user["totals"][at] == told["totals"][at], name
    assert all(0 < float(line[names.index("cpu_percent")]) <= 100 for line in told["lines"] if line[names.index("measured")])
