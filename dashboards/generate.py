"""Writes the dashboards' JSON from sources/.

    python3 -m dashboards.generate            writes dashboards/*.json
    python3 -m dashboards.generate --check    says which are not up to date; 1 if any
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
BOARDS = ("overview", "accounts", "users", "outcomes", "efficiency", "capacity", "cost", "audit", "exporter")


def generated() -> dict[Path, str]:
    """Each file and what it should hold."""
    pages = {}
    for name in BOARDS:
        board = importlib.import_module(f"dashboards.sources.{name}").dashboard()
        pages[FOLDER / f"{board['uid']}.json"] = json.dumps(board, indent=1, ensure_ascii=False) + "\n"
    return pages


def stale() -> list[str]:
    """Names of files that are missing, differ, or come from no source."""
    pages = generated()
    differ = [path.name for path, page in pages.items() if not path.exists() or path.read_text() != page]
    return differ + [path.name for path in FOLDER.glob("*.json") if path not in pages]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m dashboards.generate", description="Write the dashboards from their sources.")
    parser.add_argument("--check", action="store_true", help="only say what is not up to date")
    if parser.parse_args(arguments).check:
        differ = stale()
        for name in differ:
            print(f"dashboards/{name} is not what its source says: run python3 -m dashboards.generate", file=sys.stderr)
        return bool(differ)
    pages = generated()
    for path in FOLDER.glob("*.json"):
        if path not in pages:
            path.unlink()
    for path, page in pages.items():
        path.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
