"""Step rows: inserted at the start, filled with what was used at the end."""

from __future__ import annotations

from tests.support.jobs import Job
from tests.support.session import Row, Session, Tres, parse_tres
from tests.support.values import JobState

STEP = "%_step_table"


class StepRecords(Session):
    """Steps of jobs; ids below zero are StepId's."""

    def start_step(
        self, job: Job, step: int, *, name: str = "", tasks: int = 1, tres: Tres | None = None, at: int | None = None
    ) -> None:
        """A running step: no usage yet. tres: the step's allocation, by default the job's."""
        allocated = {n: c for n, c in parse_tres(job.tres_alloc).items() if n in (1, 2, 4)}
        row: Row = {
            "job_db_inx": job.key,
            "id_step": int(step),
            "step_name": name or {-4: "extern", -5: "batch", -6: "interactive"}.get(int(step), "srun"),
            "nodelist": job.nodelist,
            "nodes_alloc": job.nodes_alloc,
            "state": int(JobState.RUNNING),
            "task_cnt": tasks,
            "time_start": self.clock() if at is None else at,
            "tres_alloc": self.tres_string(tres) if tres else ",".join(f"{n}={c}" for n, c in allocated.items()),
        }
        with self.bundle():
            self.insert(STEP, row, "time_end = greatest(time_end, values(time_end))")

    def end_step(
        self,
        job: Job,
        step: int,
        state: JobState = JobState.COMPLETED,
        *,
        at: int | None = None,
        user_cpu: float = 0.0,
        system_cpu: float = 0.0,
        peak_memory: int = 0,
        total_memory: int | None = None,
        tasks: int = 1,
        exit_code: int = 0,
        energy: int = 0,
        more: Tres | None = None,
    ) -> None:
        """user_cpu, system_cpu: seconds of all tasks. peak_memory: bytes of the largest task; total_memory: of all, at their peaks.

        more: what else is gathered, of all tasks, e.g. {'gres/gpuutil': 150, 'gres/gpumem': 2**30}."""
        row = usage_columns(user_cpu, system_cpu, peak_memory, peak_memory * tasks if total_memory is None else total_memory, tasks)
        if more:
            row["tres_usage_in_tot"] += "," + self.tres_string(more)
        row |= {"state": int(state), "time_end": self.clock() if at is None else at, "exit_code": exit_code, "consumed_energy": energy}
        with self.bundle():
            self.update(STEP, row, "job_db_inx = %s and id_step = %s", (job.key, int(step)))


def usage_columns(user_cpu: float, system_cpu: float, peak_memory: int, total_memory: int, tasks: int) -> Row:
    """CPU and usage columns of a finished step; cpu in the strings is in milliseconds, memory in bytes."""
    cpu_ms = round((user_cpu + system_cpu) * 1000)
    tasks = max(tasks, 1)
    return {
        "user_sec": int(user_cpu),
        "user_usec": int(user_cpu % 1 * 1e6),
        "sys_sec": int(system_cpu),
        "sys_usec": int(system_cpu % 1 * 1e6),
        "tres_usage_in_tot": f"1={cpu_ms},2={total_memory}",
        "tres_usage_in_max": f"1={cpu_ms // tasks},2={peak_memory}",
        "tres_usage_in_max_taskid": "1=0,2=0",
        "tres_usage_in_max_nodeid": "1=0,2=0",
        "tres_usage_in_min": f"1={cpu_ms // tasks},2={total_memory // tasks}",
        "tres_usage_in_ave": f"1={cpu_ms // tasks},2={total_memory // tasks}",
    }
