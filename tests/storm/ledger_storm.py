"""Brings a private MariaDB with empty tables of two clusters, and runs ledger_storm on it.

    python3 -m tests.storm.ledger_storm                  # a minute or so
    python3 -m tests.storm.ledger_storm --long           # 10,000 histories
    python3 -m tests.storm.ledger_storm --seed 7 --histories 1
    python3 -m tests.storm.ledger_storm --only tests/storm/cases/late-end.txt

The program is $LEDGER_STORM, or the one in build/release, or the newest build. Exit code 77: it cannot be run here.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys

from tests.support import schema
from tests.support.mariadb import DATABASE, PASSWORDS, MariaDBError, PrivateMariaDB

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = "22.05"
CLUSTERS = ("alpha", "beta")
HISTORIES, LONG_HISTORIES = 1000, 10_000


def program() -> pathlib.Path | None:
    """$LEDGER_STORM, or the release build, or the newest build there is."""
    if given := os.environ.get("LEDGER_STORM"):
        return pathlib.Path(given)
    release = ROOT / "build/release/tests/storm/ledger_storm"
    built = sorted(ROOT.glob("build/*/tests/storm/ledger_storm"), key=lambda path: path.stat().st_mtime)
    return release if release.exists() else built[-1] if built else None


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.storm.ledger_storm", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--long", action="store_true", help=f"{LONG_HISTORIES} histories instead of {HISTORIES}")
    parser.add_argument("--histories", type=int, help="how many")
    parser.add_argument("--seed", type=int, help="of the first history; the next ones count up (default: random, and printed)")
    parser.add_argument("--only", type=pathlib.Path, help="play one case again")
    parser.add_argument("--show", type=int, help="print the history of a seed and play nothing")
    parser.add_argument("--print-needed", action="store_true", help="print the histories that need a mechanism, as cases to keep")
    options = parser.parse_args(words)
    storm = program()
    if storm is None or not storm.exists():
        print("no ledger_storm: build it, or name it in LEDGER_STORM")
        return 77
    try:
        with PrivateMariaDB() as server:
            connection = server.connect()
            schema.create_database(connection, RELEASE)
            for cluster in CLUSTERS:
                schema.create_cluster(connection, RELEASE, cluster)
            connection.close()
            command = [str(storm), "--socket", str(server.socket), "--database", DATABASE, "--folder", str(server.folder)]
            command += ["--user", "slurmdbd_exporter", "--password", PASSWORDS["slurmdbd_exporter"]]
            command += ["--writer", "slurm", "--writer-password", PASSWORDS["slurm"], "--cases", str(ROOT / "tests/storm/cases")]
            command += ["--histories", str(options.histories or (LONG_HISTORIES if options.long else HISTORIES))]
            for name in ("seed", "only", "show"):
                if (value := getattr(options, name)) is not None:
                    command += [f"--{name}", str(value)]
            if options.print_needed:
                command += ["--print", "yes"]
            return subprocess.run(command, stdin=subprocess.DEVNULL).returncode
    except MariaDBError as error:
        print(f"ledger_storm: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
