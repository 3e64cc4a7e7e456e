"""Job arrays and heterogeneous jobs: several rows that belong together."""

from __future__ import annotations

from typing import Any, Iterable, Sequence

from tests.support.accounts import Association
from tests.support.jobs import Job, JobRecords
from tests.support.values import INFINITE


class ArrayRecords(JobRecords):
    """A pending array is one row that stands for all its waiting tasks; each started task gets a row of its own."""

    def submit_array(self, association: Association, tasks: Iterable[int], *, max_running: int = 0, **request: Any) -> Job:
        """Inserts the one row of a new array. tasks: task numbers. max_running: the throttle, 0 for none."""
        waiting = sorted(tasks)
        number = self.next_job_id()
        shape = {"id_job": number, "id_array_job": number, "array_max_tasks": max_running}
        shape |= {"array_task_pending": len(waiting), "array_task_str": task_mask(waiting)}
        job = self.submit(association, **(request | shape))
        job.waiting = waiting
        return job

    def start_task(self, array: Job, **start: Any) -> Job:
        """Starts the lowest waiting task and returns its row; the last one uses the array's own row."""
        if not array.waiting:
            raise ValueError(f"array {array.id} has no waiting tasks")
        task = array.waiting.pop(0)
        with self.bundle():
            if not array.waiting:
                self.modify(array, id_array_task=task, array_task_str=None, array_task_pending=0)
                self.start(array, **start)
                return array
            self.modify(array, array_task_str=task_mask(array.waiting), array_task_pending=len(array.waiting))
            row = array.row | {"id_job": self.next_job_id(), "id_array_task": task, "array_task_str": None, "array_task_pending": 0}
            started = self._again(row)
            self.start(started, **start)
            return started

    def throttle(self, array: Job) -> None:
        """The array's limit of running tasks is reached: the waiting rest is no longer eligible."""
        self.modify(array, time_eligible=INFINITE)

    def submit_heterogeneous(self, association: Association, components: Sequence[dict[str, Any]], **request: Any) -> list[Job]:
        """One row per component, each with its own id_job; the first is the leader."""
        leader = self.next_job_id(len(components))
        with self.bundle():
            return [
                self.submit(association, **(request | part | {"id_job": leader + n, "het_job_id": leader, "het_job_offset": n}))
                for n, part in enumerate(components)
            ]


def task_mask(tasks: Iterable[int]) -> str | None:
    """Task numbers as slurmctld's bit mask: tasks 1 to 9 are '0x3FE'. None without tasks."""
    mask = sum(1 << task for task in tasks)
    return f"0x{mask:X}" if mask else None
