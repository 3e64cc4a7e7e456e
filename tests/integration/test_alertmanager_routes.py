"""slurmdbd_exporter alertmanager-routes: what amtool makes of its configuration, and what makes it fail."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.servers import exporter_binary
from tests.integration.conftest import SECRETS
from tests.integration.database import Accounting, execute
from tests.integration.exporter import flags_for
from tests.support.mariadb import free_port

BASE = """\
# Kept: byte for byte.
global: {smtp_smarthost: 'localhost:25', smtp_from: 'slurm@example.org'}
route:
  receiver: operators
  routes:
    - matchers: ['account!=""']
      receiver: accounting
      routes:
        # slurmdbd_exporter: coordinator routes
receivers:
  - name: operators
  - name: accounting
  # slurmdbd_exporter: coordinator receivers
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yml").write_text(BASE)
    return tmp_path


def routes(accounting: Accounting, folder: Path, *more: str, base: str = "base.yml", **flags: object) -> subprocess.CompletedProcess[str]:
    database = {key: value for key, value in flags_for(accounting.server).items() if key.startswith("database.")}
    given = [f"--{name}={value}" for name, value in (database | {key.replace("__", "."): value for key, value in flags.items()}).items()]
    command = [str(exporter_binary()), "alertmanager-routes", f"--base={folder / base}", *given, *more]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | SECRETS, timeout=60)


def told(file: Path, **labels: str) -> str:
    """The receiver of an alert, as Alertmanager finds it."""
    command = ["amtool", "config", "routes", "test", f"--config.file={file}", *(f"{name}={value}" for name, value in labels.items())]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_coordinators_get_the_alerts_of_their_accounts(accounting: Accounting, folder: Path) -> None:
    writer = accounting.writers["alpha"]
    writer.add_account("astro.x", "physics")
    for account, user in (("physics", "ada"), ("physics", "bob"), ("chemistry", "ghost")):
        writer.add_coordinator(account, user)
    output = folder / "alertmanager.yml"
    done = routes(accounting, folder, "--mail-domain=example.org", f"--output={output}")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    subprocess.run(["amtool", "check-config", output], check=True, capture_output=True)
    assert [line for line in output.read_text().splitlines() if line in BASE.splitlines()] == BASE.splitlines()
    assert told(output, cluster="alpha", account="physics") == "coordinators ada, bob"
    assert told(output, cluster="alpha", account="astro.x") == "coordinators ada, bob"
    assert told(output, cluster="alpha", account="astroxx") == "accounting"
    assert told(output, cluster="beta", account="physics") == "accounting"
    assert told(output, cluster="alpha", account="chemistry") == "coordinators ghost"
    assert told(output, cluster="alpha") == "operators"
    assert "to: 'ada@example.org, bob@example.org'" in output.read_text()
    # The same again leaves the file alone; standard output has the same bytes.
    before = output.stat()
    assert routes(accounting, folder, "--mail-domain=example.org", f"--output={output}").returncode == 0
    assert (output.stat().st_ino, output.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert routes(accounting, folder, "--mail-domain", "example.org").stdout == output.read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["alertmanager.yml", "base.yml"]


def test_the_map_wins_and_may_be_silent(accounting: Accounting, folder: Path) -> None:
    writer = accounting.writers["alpha"]
    for account, user in (("root", "boss"), ("physics", "ada"), ("chemistry", "marie"), ("chemistry", "ghost")):
        writer.add_coordinator(account, user)
    (folder / "map.yml").write_text("ada: ''\nmarie: marie@curie.example\nboss: it@example.org\n")
    done = routes(accounting, folder, f"--mail-map={folder / 'map.yml'}")
    assert done.returncode == 0, done.stderr
    assert "to: 'marie@curie.example'\n" in done.stdout and "to: 'it@example.org'\n" in done.stdout
    assert "ada" not in done.stdout and "ghost" not in done.stdout
    assert """account=~"physics|root"']\n          receiver: 'coordinators boss'""" in done.stdout
    assert done.stderr.count("no address") == 1 and "ghost" in done.stderr


def test_what_fails_writes_nothing(accounting: Accounting, folder: Path) -> None:
    accounting.writers["alpha"].add_coordinator("physics", "ada")
    output = folder / "alertmanager.yml"
    output.write_text("old")
    (folder / "no-marker.yml").write_text("route: {}\n")
    (folder / "list.yml").write_text("- ada\n")
    (folder / "two.yml").write_text("ada: a@b\nada: c@d\n")
    (folder / "wrong.yml").write_text("ada: 'a@b, c@d'\n")
    to = f"--output={output}"

    def fails(*more: str, why: str, **kwargs: object) -> None:
        done = routes(accounting, folder, to, *more, **kwargs)
        assert done.returncode == 1 and done.stdout == "", done
        assert why in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
        assert output.read_text() == "old"

    fails(base="none.yml", why="none.yml")
    fails(base="no-marker.yml", why="no-marker.yml: the line")
    fails(f"--mail-map={folder / 'nowhere.yml'}", why="nowhere.yml")
    fails(f"--mail-map={folder / 'list.yml'}", why="list.yml:1: ")
    fails(f"--mail-map={folder / 'two.yml'}", why="is there twice")
    fails(f"--mail-map={folder / 'wrong.yml'}", why="wrong.yml:1: ")
    fails("--mail-domain=two words", why="--mail-domain")
    fails("--nonsense=1", why="nonsense")
    fails("--once", why="does not go together")
    fails("--base=again", why="given twice")
    fails("--mail-domain=example.org", why="", database__port=free_port())
    execute(accounting.server, f"drop table {accounting.server.database}.acct_coord_table")
    fails("--mail-domain=example.org", why="acct_coord_table")
