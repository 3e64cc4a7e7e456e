"""Figures of a judge beside the exporter's: counted, told about where they differ, and shown as a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

SHOWN = 6  # differences of a kind that are told about
Key = tuple[str, ...]


@dataclasses.dataclass
class Kind:
    """One line of the table."""

    least: int
    compared: int = 0
    differ: int = 0


class Comparison:
    """Figures compared and those that differ, by what they are."""

    def __init__(self, zeros: bool = False) -> None:
        """zeros: a figure that is 0 for both, or absent from one, counts as compared."""
        self.zeros = zeros
        self.kinds: dict[str, Kind] = {}
        self.details: list[str] = []

    def compare(
        self,
        what: str,
        judged: Mapping[Key, int],
        actual: Mapping[Key, int],
        least: int = 1,
        moment: str = "",
        evidence: Callable[[Key], str] | None = None,
    ) -> None:
        """What is 0 in one and absent in the other is equal. `least`: so many have to be compared in all, by all calls of the same `what`.
        `evidence` tells more about a figure that differs."""
        kind = self.kinds.setdefault(what, Kind(least))
        for key in sorted(judged.keys() | actual.keys()):
            want, have = judged.get(key, 0), actual.get(key, 0)
            if want == have == 0 and not self.zeros:
                continue
            kind.compared += 1
            if want != have:
                kind.differ += 1
                if kind.differ <= SHOWN:
                    told = f"judge {judged.get(key, 'absent')}, exporter {actual.get(key, 'absent')}"
                    self.details.append(" ".join([what, moment]).strip() + f": {'/'.join(key)}: {told}")
                    self.details += [evidence(key)] if evidence else []

    def check(self, what: str, right: bool, detail: str = "") -> None:
        """Something other than figures."""
        kind = self.kinds.setdefault(what, Kind(1))
        kind.compared += 1
        if not right:
            kind.differ += 1
            self.details.append(f"{what}: {detail}")

    def table(self) -> str:
        width = max([len(what) for what in self.kinds], default=0)
        rows = [(what, kind.compared, kind.differ) for what, kind in self.kinds.items()]
        everything = ("all", sum(row[1] for row in rows), sum(row[2] for row in rows))
        rule = "-" * (width + 18)
        lines = [f"{what:<{width}}  {compared:>8}  {differ:>6}" for what, compared, differ in [("what", "compared", "differ"), *rows, everything]]
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def failures(self) -> list[str]:
        """What differs, and what was compared too little to tell anything."""
        found = [f"{what}: {kind.differ} of {kind.compared} differ" for what, kind in self.kinds.items() if kind.differ]
        found += [f"{what}: only {kind.compared} compared, fewer than {kind.least}" for what, kind in self.kinds.items() if kind.compared < kind.least]
        return found if self.kinds else ["nothing was compared"]

    def report(self) -> int:
        """Prints all of it; the exit code of the test."""
        print(*self.details, self.table(), *self.failures(), sep="\n")
        return 1 if self.failures() else 0
