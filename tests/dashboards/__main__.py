"""The dashboards on a Prometheus with the demo's history, and their pictures; see history.py, live.py, pictures.py.

    SLURMDBD_EXPORTER=build/release/exporter/slurmdbd_exporter python3 -m tests.dashboards
    python3 -m tests.dashboards --keep --only accounts    takes the history that is there, draws one; for whoever changes dashboards
    python3 -m tests.dashboards --keep --serve            a Prometheus with that history until Ctrl-C, for a Grafana of your own

The pictures are in build/dashboards/pictures.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys

from tests.dashboards import boards, live, pictures, planted
from tests.dashboards.history import Past
from tests.e2e.servers import exporter_binary

LOOKS = [(1920, "dark")]
EVERY_LOOK = [(1920, "dark"), (1920, "light"), (1280, "dark"), (1280, "light")]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.dashboards", description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=float, default=3, help="of history, a page an hour")
    parser.add_argument("--keep", action="store_true", help="take the history in build/dashboards if there is one")
    parser.add_argument("--every-look", action="store_true", help="draw wide and narrow, dark and light")
    parser.add_argument("--only", default="", help="just dashboards whose uid contains this")
    parser.add_argument("--serve", action="store_true", help="only serve the history")
    options = parser.parse_args(arguments)
    exporter = exporter_binary()
    if exporter is None:
        print("set SLURMDBD_EXPORTER to a built slurmdbd_exporter", file=sys.stderr)
        return 2
    folder = boards.ROOT / "build/dashboards"
    if not options.keep:
        shutil.rmtree(folder / "history", ignore_errors=True)
    with Past(folder / "history", exporter, options.days) as past:
        if options.serve:
            print(f"{past.url} until Ctrl-C; the history ends at {past.end} (2026-03-19 15:30 UTC)", flush=True)
            signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
            signal.pause()
        dashboards = [board for board in boards.load() if options.only in board["uid"]]
        faults = live.check(past, dashboards)
        faults += pictures.draw(past, dashboards, folder / "pictures", EVERY_LOOK if options.every_look else LOOKS)
        faults += planted.missed(past, folder / "planted")
    for fault in faults:
        print(fault)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
