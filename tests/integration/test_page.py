"""The page as a whole: golden, well-formed, documented; and the exit codes of --once."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import history
from tests.integration.conftest import ROOT, SECRETS, RunOnce, Start
from tests.integration.database import Accounting, run_jobs
from tests.integration.exporter import OPENMETRICS, UNREADABLE, Once, command_line, flags_for, lines_with, run_once
from tests.integration.samples import SELF, check_openmetrics, check_text, differences
from tests.support.mariadb import PrivateMariaDB, free_port
from tests.support.session import ManualClock

GOLDEN = Path(__file__).with_name("golden") / "page.prom"
# Values of these change from run to run; their names and labels do not.
VOLATILE = re.compile(
    r"(process_\w+|slurmdbd_table_\w+|slurmdbd_exporter_build_info|slurmdbd_scrape_collector_duration_seconds|slurmdbd_exporter_\w+_timestamp_seconds)\b"
)


@pytest.fixture(scope="module")
def told(server: PrivateMariaDB) -> Iterator[Accounting]:
    """The fixed history in the newest release."""
    clock = ManualClock(history.MIDNIGHT - 86_400)
    accounting = Accounting(server, clock=clock)
    history.write(accounting.writers["alpha"], clock)
    yield accounting
    accounting.close()


@pytest.fixture(scope="module")
def page(told: Accounting) -> Once:
    done = run_once(flags_for(told.server) | history.FLAGS, SECRETS)
    assert done.code == 0, done.log
    return done


def without_volatile(text: str) -> list[str]:
    """The lines of a page; values that change are left out, and what the build's labels say."""
    lines = []
    for line in text.splitlines():
        if VOLATILE.match(line):
            line = re.sub(r"\{.*\}", "{…}", line) if "build_info" in line else line
            line = line.rsplit(" ", 1)[0] + " …"
        lines.append(line)
    return lines


def test_golden(page: Once) -> None:
    """UPDATE_GOLDEN=1 writes the file anew."""
    lines = without_volatile(page.text)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text("\n".join(lines) + "\n")
    known = GOLDEN.read_text().splitlines()
    difference = list(difflib.unified_diff(known, lines, "golden/page.prom", "this page", lineterm=""))
    assert not difference, "\n".join(difference[:80])


def test_the_same_again(told: Accounting, page: Once, once: RunOnce) -> None:
    again = once(flags_for(told.server) | history.FLAGS)
    assert without_volatile(again.text) == without_volatile(page.text)


def test_promtool_is_silent(page: Once) -> None:
    check_text(page.text)


def test_both_formats_say_the_same(steady_serving) -> None:
    exporter = steady_serving
    check_openmetrics(exporter.fetch(OPENMETRICS)[1])
    check_text(exporter.fetch()[1])


@pytest.fixture
def steady_serving(told: Accounting, start: Start):
    return start(flags_for(told.server, counter__epoch=history.EPOCH))


def test_collect_chooses_collectors(steady_serving) -> None:
    status, text = steady_serving.fetch(query="?collect[]=users")
    names = check_text(text).names()
    assert status == 200
    assert names == {"slurmdbd_user_jobs", "slurmdbd_user_jobs_tres"}  # nothing about the exporter either
    assert steady_serving.fetch(query="?collect[]=nonsense")[0] == 400


def test_once_with_the_database_down(told: Accounting, once: RunOnce) -> None:
    down = once(flags_for(told.server, database__port=free_port()))
    assert down.code == 1
    page = check_text(down.text)
    assert page.value("slurmdbd_up") == 0
    assert page.success() == 0 and page.last_success() == 0
    assert page.errors() == {"connect": 1}
    assert not page.accounting()
    assert lines_with(down.log.splitlines(), UNREADABLE)
    assert "level=" not in down.text, "log lines are on the page"


@pytest.mark.parametrize(
    "flags",
    [{"nonsense": "1"}, {"poll.interval": "0s"}, {"as-of": "yesterday"}, {"counter.epoch": "soon"}, {"cluster-include": "("}],
    ids=lambda flags: next(iter(flags)),
)
def test_once_with_a_wrong_flag(told: Accounting, once: RunOnce, flags: dict[str, str]) -> None:
    wrong = once(flags_for(told.server) | flags)
    assert wrong.code not in (0, -6, -11)
    assert not wrong.text
    assert next(iter(flags)) in wrong.log and len(wrong.log.splitlines()) == 1


def test_once_prints_to_a_closed_pipe(told: Accounting) -> None:
    """`slurmdbd_exporter --once | head -1` ends, and not as a crash."""
    command = [*command_line(flags_for(told.server) | history.FLAGS), "--once"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | SECRETS)
    running.stdout.close()
    assert running.wait(20) in (0, 1, -13)


def test_as_of_tells_what_was_served(server: PrivateMariaDB, start: Start, once: RunOnce) -> None:
    """Counters of an earlier instant, worked out later, equal those that were shown then."""
    accounting = Accounting(server)
    writer = accounting.writers["alpha"]
    run_jobs(writer, 3, cpus=2)
    flags = flags_for(server, counter__epoch="2026-01-01" if time.time() < 1_798_761_600 else "2027-01-01")
    exporter = start(flags)
    at = int(time.time())
    served = exporter.wait_for(lambda page: page.last_success() > at + 1, "a poll")
    polled = served.last_success()
    time.sleep(1.1)  # what happens now is of a later second
    ada = writer.association("physics", "ada")
    for job in writer.open_jobs():
        writer.end(job)
    writer.start(writer.submit(ada))
    # The poll was in that second or in the one before.
    candidates = [once(flags | {"as-of": int(polled) - back}).samples for back in (0, 1)]
    found = [differences(served, candidate) for candidate in candidates]
    assert [] in found, found[0][:5]
    assert served.total("slurmdbd_jobs", state="running") == 1
    # Another instant is another page: the check could fail.
    assert differences(served, once(flags | {"as-of": int(polled) - 30}).samples)
    accounting.close()


def families(page: Once) -> set[str]:
    return set(re.findall(r"^# TYPE (\S+)", page.text, re.MULTILINE))


def documented() -> dict[str, str]:
    """Names of metrics in the tables of docs/metrics.md, and the rest of their rows. process_* are named in the text."""
    lines = (ROOT / "docs/metrics.md").read_text().splitlines()
    found = {name: row for row in lines if row.startswith("|") for name in re.findall(r"`(slurmdbd_\w+)`", row.split("|")[1])}
    return found | {name: line for line in lines for name in re.findall(r"`(process_\w+)`", line)}


def test_every_family_is_documented(page: Once) -> None:
    missing = families(page) - documented().keys()
    assert not missing, f"not in docs/metrics.md: {sorted(missing)}"


def test_every_documented_family_is_there(told: Accounting, page: Once, steady_serving) -> None:
    """Those that only a serving exporter has are looked for there."""
    served = set(re.findall(r"^# TYPE (\S+)", steady_serving.fetch()[1], re.MULTILINE))
    planned = re.compile(r"planned|not yet|later", re.IGNORECASE)
    missing = {name for name, row in documented().items() if not planned.search(row)} - families(page) - served
    assert not missing, f"described in docs/metrics.md as if they were there: {sorted(missing)}"


def test_every_flag_is_in_the_readme() -> None:
    told = subprocess.run([*command_line({}), "--help"], capture_output=True, text=True, check=True).stdout
    flags = set(re.findall(r"^  (?:-h, )?--(?:\[no-\])?([\w.-]+)", told, re.MULTILINE))
    assert len(flags) > 30
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    described = {name for row in rows for name in re.findall(r"`--(?:\[no-\])?([\w.-]+)`", row.split("|")[1])}
    assert flags - described == set(), "flags without a row in README.md"
    assert described - flags == set(), "rows in README.md for flags that do not exist"


def test_names_and_help_keep_the_rules(page: Once) -> None:
    for line in page.text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, text = line.split(" ", 3)
            assert text[0].isupper() and text.endswith((".", "1")), line
            assert SELF.match(name) or name.startswith("slurmdbd_"), line
    text = re.sub(r"^slurmdbd_account_info.*", "", page.text, flags=re.MULTILINE)  # its path is one of accounts, not of files
    labels = set(re.findall(r'[{,](\w+)="', text))
    assert not labels & {"job", "instance", "type", "service", "env", "job_id", "job_name", "path"}, labels
