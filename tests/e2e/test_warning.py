"""From jobs of a real Slurm to the mail of an account's coordinator, with nothing made up in between.

    python3 -m tests.e2e.test_warning          # 0 well, 1 something differs, 77 it cannot be run here; a minute and a half, needs root

Jobs use up an account's quota. The exporter reads the accounting database, a real Prometheus evaluates the shipped rules, and a real
Alertmanager, with routes that `alertmanager-routes` has made from the database, sends mail: first a warning, then that the quota is
exceeded, when slurmctld holds the next job, and in the end, when the limit is raised and the job starts, that it is over.
"""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import sys
import tempfile

from tests.e2e import monitoring, servers
from tests.rules import alertmanager
from tests.support.mariadb import PrivateMariaDB, free_port
from tests.support.slurm import Account, Cluster, PrivateSlurm, wait_until

ACCOUNTS = (Account("teaching", "root", ("nobody", "games")),)
COORDINATOR = "games@example.org"
SUBJECT = "Quota of account teaching in cluster alpha"
CPUS, LIMIT = 8, 120  # CPU-seconds


def limit(slurm: PrivateSlurm, minutes: int) -> None:
    slurm.sacctmgr("modify", "account", "teaching", "cluster=alpha", "set", f"GrpTRESMins=cpu={minutes}")


def submit(alpha: Cluster, seconds: int) -> int:
    return alpha.sbatch(f"sleep {seconds}", user="nobody", account="teaching", partition="short", ntasks=CPUS, time=1)


def routes(flags: dict[str, object]) -> str:
    """The shipped Alertmanager configuration with the coordinators that the database knows."""
    own = [f"--{name}={value}" for name, value in flags.items() if name.startswith("database.")]
    command = [str(servers.exporter_binary()), "alertmanager-routes", f"--base={alertmanager.BASE}", "--mail-domain=example.org", *own]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert COORDINATOR in done.stdout, done.stdout
    return done.stdout


def run(stack: contextlib.ExitStack) -> None:
    folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurmdbd-warning-")))
    database = stack.enter_context(PrivateMariaDB())
    slurm = stack.enter_context(PrivateSlurm(database.port, password=database.passwords["slurm"], clusters=("alpha",), accounts=ACCOUNTS))
    alpha = slurm.clusters["alpha"]
    slurm.sacctmgr("add", "coordinator", "account=teaching", "names=games")
    limit(slurm, LIMIT // 60)

    flags = servers.database_flags(database, folder) | {"quota.slurm-conf": f"alpha={alpha.env['SLURM_CONF']}"}
    exporter = servers.Exporter(folder, free_port(), flags)
    exporter.start(poll__interval="1s")
    stack.callback(exporter.stop)
    watch = monitoring.Monitoring(folder, stack, [f"127.0.0.1:{exporter.port}"], routes(flags))
    print("Slurm, exporter, Prometheus and Alertmanager are up")

    alpha.wait_for_state(submit(alpha, 13), "COMPLETED", seconds=60)
    mail = watch.wait_for_mail(COORDINATOR, SUBJECT, "Account teaching in cluster alpha has used ", "of its quota of cpu")
    assert not watch.mails_to(monitoring.ACCOUNTING) and not watch.mails_to(monitoring.OPERATORS), watch.mail.mails
    print("warned:", mail.text.splitlines()[0])

    before = len(watch.mail.mails)
    alpha.wait_for_state(submit(alpha, 4), "COMPLETED", seconds=60)
    held = submit(alpha, 1)
    wait_until(lambda: alpha.job(held).get("Reason") == "AssocGrpCPUMinutesLimit", "slurmctld to hold the next job")
    mail = watch.wait_for_mail(COORDINATOR, SUBJECT, "may end the running ones", since=before)
    watch.wait_for_mail(monitoring.OPERATORS, SUBJECT, "Slurm holds its new jobs", since=before)
    print("exceeded:", mail.text.splitlines()[0])

    before = len(watch.mail.mails)
    limit(slurm, 10 * LIMIT // 60)
    alpha.wait_for_state(held, "COMPLETED", seconds=60)
    watch.wait_for_mail(COORDINATOR, f"Over: {SUBJECT[0].lower()}{SUBJECT[1:]}", "No longer so", since=before)
    watch.wait_for_mail(monitoring.OPERATORS, f"Over: {SUBJECT[0].lower()}{SUBJECT[1:]}", "No longer so", since=before)
    print("over: the held job has run, and both were told")


def main() -> int:
    if reason := servers.unavailable() or monitoring.unavailable():
        print(f"skipped: {reason}")
        return 77
    with contextlib.ExitStack() as stack:
        run(stack)
    print("all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
