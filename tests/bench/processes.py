"""Programs that are measured: started, fed, watched through /proc and the process's CPU clock, and stopped."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.slurm import die_with_parent


class ProgramError(RuntimeError):
    """A program ended, or could not be started; the message has the end of what it said."""


class Program:
    """A child process, stopped at the end of the context. stdin stays open; stderr, and unless it is to be read stdout, go to a log."""

    def __init__(self, command: Sequence[object], env: Mapping[str, str] | None = None, *, read_stdout: bool = False) -> None:
        self.command = [str(word) for word in command]
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if read_stdout else self._log,
            stderr=self._log,
            env=env,
            preexec_fn=die_with_parent,
        )

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """The next line of stdout."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if not line:
            self._process.wait()
            raise ProgramError(self._ended())
        return line.strip()

    def check(self) -> None:
        """Raises if it is not running any more."""
        if self._process.poll() is not None:
            raise ProgramError(self._ended())

    def _ended(self) -> str:
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")[-2000:]
        return f"{self.command[0]} ended with {self._process.returncode}:\n{said}"

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far, user and system."""
        return cpu_seconds(self.pid)

    def resident(self) -> int:
        """Resident bytes now."""
        return self._status("VmRSS")

    def peak_resident(self) -> int:
        """Most resident bytes since reset_peak, or the start."""
        return self._status("VmHWM")

    def reset_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        found = memory_of(self.pid, name)
        if found is None:
            raise ProgramError(self._ended())
        return found


def memory_of(pid: int, name: str = "VmHWM") -> int | None:
    """Bytes, by the kernel's name for them; none of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name + ":")), None)


def cpu_seconds(pid: int) -> float:
    """A process's CPU clock, as clock_getcpuclockid(3) names it."""
    return time.clock_gettime((~pid << 3) | 2)


def run_timed(command: Sequence[object], env: Mapping[str, str] | None = None, stdout: int = subprocess.DEVNULL) -> tuple[float, bytes]:
    """Runs a command to its end: seconds it took, and its stdout if that is a pipe."""
    began = time.perf_counter()
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, env=env, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        raise ProgramError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return seconds, done.stdout or b""


@dataclass(frozen=True)
class Run:
    """What a program took from its start to its end."""

    seconds: float
    memory: int  # bytes, the most it had


def run_watched(command: Sequence[object], env: Mapping[str, str] | None = None, stdout: Path | None = None, limit: int | None = None) -> Run:
    """Runs a command to its end, its output into a file or nowhere, with a limit in bytes for its address space."""
    # Of a process of its own, for the kernel keeps the highest of all that have ended; its own 10 MB are the least that it can tell.
    script = (
        "import resource, subprocess, sys, time; began = time.perf_counter();"
        "code = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=open(sys.argv[1], 'wb')).returncode;"
        "print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024); sys.exit(min(code % 256, 255))"
    )
    limited = ["prlimit", f"--as={limit}"] if limit else []
    words = [*limited, "/usr/bin/python3", "-c", script, stdout or "/dev/null", *command]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=env, check=False)
    if done.returncode != 0:
        raise ProgramError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    seconds, memory = done.stdout.split()
    return Run(float(seconds), int(memory))
