"""Hours of usage: cutting intervals into them, writing their rows."""

from __future__ import annotations

from typing import Iterable

from tests.support.session import Session

HOUR = 3600  # seconds


def slices(begin: int, end: int, origin: int) -> Iterable[tuple[int, int]]:
    """(hour's start, seconds in it) of the interval [begin, end); hours begin at origin + n hours."""
    hour = origin + (begin - origin) // HOUR * HOUR
    while begin < end:
        stop = min(hour + HOUR, end)
        yield hour, stop - begin
        begin = hour = hour + HOUR


def overlap(a: int, b: int, c: int, d: int) -> int:
    """Seconds that [a, b) and [c, d) have in common."""
    return max(0, min(b, d) - max(a, c))


def upsert(session: Session, table: str, names: tuple[str, ...], rows: Iterable[tuple[int, ...]], batch: int = 5000) -> None:
    """Inserts rows of integers, replacing all but the creation time of those that exist."""
    kept = [place for place, name in enumerate(names) if session.has(table, name)]
    head = f"insert into {session.table(table)} ({', '.join(f'`{names[p]}`' for p in kept)}) values "
    tail = " on duplicate key update " + ", ".join(f"`{names[p]}` = values(`{names[p]}`)" for p in kept[1:])
    whole = len(kept) == len(names)
    parts: list[str] = []
    for row in rows:
        parts.append(str(row if whole else tuple(row[place] for place in kept)))
        if len(parts) == batch:
            session.execute(head + ",".join(parts) + tail)
            parts = []
    if parts:
        session.execute(head + ",".join(parts) + tail)
