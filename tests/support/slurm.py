"""A private Slurm on one machine: munged, slurmdbd, and for each cluster a slurmctld and a few slurmd.

    with PrivateMariaDB() as database, PrivateSlurm(database.port, password="...") as slurm:
        job = slurm.sbatch("sleep 60", user="games", account="physics", partition="cpu")
        slurm.wait_for_state(job, "RUNNING")
        rows = slurm.sacct("-D", "-S", "now-1hour", fields=["JobIDRaw", "State", "ElapsedRaw"])

Needs root and Debian's slurm packages; `unavailable()` tells what is missing. Everything lives in one private folder and
on ports chosen free, a munge of its own included, so that a Slurm of the machine is neither used nor touched.

The nodes pretend to have 8 CPUs and 16 GB each: n1, n2 (partitions cpu and short) and, in the first cluster, g1, g2
(partition gpu) with two fake GPUs each, a100 in g1 and v100 in g2. Further clusters have one node, n1.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

PROGRAMS = ("munged", "slurmdbd", "slurmctld", "slurmd", "sbatch", "scontrol", "sacct", "sacctmgr", "squeue")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
COMMAND_TIMEOUT = 30
PLACES = {"cpu": "n[1-2]", "gpu": "g[1-2]"}


class SlurmError(RuntimeError):
    """A daemon did not come up, a command failed, or something waited for did not happen."""


@dataclasses.dataclass(frozen=True)
class Account:
    """An account below another, and the users of the machine that may use it."""

    name: str
    parent: str = "root"
    users: tuple[str, ...] = ()


# Users that every Debian has.
ACCOUNTS = (
    Account("science"),
    Account("physics", "science", ("games", "mail")),
    Account("chemistry", "science", ("mail", "daemon")),
    Account("teaching", "root", ("nobody", "daemon")),
)
# QOS besides "normal"; high preempts low, and what is preempted is requeued if it may be.
QOS = {"low": ("Priority=0",), "high": ("Priority=100", "Preempt=low")}


def unavailable() -> str | None:
    """Why no private Slurm can be started here, or None."""
    if os.geteuid() != 0:
        return "needs root (slurmd starts jobs of several users)"
    missing = [program for program in PROGRAMS if shutil.which(program, path=SEARCH_PATH) is None]
    if missing:
        return f"{', '.join(missing)} not installed (deploy/packages.sh test)"
    return None


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30, every: float = 0.1) -> object:
    """Calls condition until it answers something true, and returns that. Raises SlurmError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise SlurmError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(every)


def free_port(taken: set[int]) -> int:
    """A TCP port nobody listens on, below the range from which the kernel takes ports of outgoing connections."""
    while True:
        port = random.randint(20000, 32000)
        if port in taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        taken.add(port)
        return port


def die_with_parent() -> None:
    """For Popen's preexec_fn: the child is killed when this process ends, however it ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Daemon:
    """A daemon in the foreground, its output in a file. Nothing is left of it if the test itself is killed."""

    def __init__(self, command: Sequence[str], log: pathlib.Path, env: Mapping[str, str]) -> None:
        self.command, self.log, self.env = list(command), log, dict(env)
        self.name = os.path.basename(command[0])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, preexec_fn=die_with_parent
            )

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def check(self) -> None:
        """Raises SlurmError with the end of the log if the daemon is gone."""
        if self.process is not None and self.process.poll() is not None:
            tail = self.log.read_text(errors="replace").splitlines()[-15:]
            raise SlurmError("\n".join([f"{self.name} ended with {self.process.returncode}:", *tail]))


def listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Cluster:
    """One slurmctld and its nodes. Made by PrivateSlurm."""

    def __init__(self, slurm: PrivateSlurm, name: str, nodes: Mapping[str, int], slurm_conf: str) -> None:
        self.slurm, self.name, self.nodes = slurm, name, dict(nodes)
        self.folder = slurm.folder / f"cluster-{name}"
        self.folder.mkdir(mode=0o755)
        self.port = free_port(slurm.ports)
        self.env = slurm.environment | {"SLURM_CONF": str(self.folder / "slurm.conf")}
        self._configure(slurm_conf)
        self.slurmctld = Daemon(
            ["/usr/sbin/slurmctld", "-D", "-f", self.env["SLURM_CONF"]], self.folder / "slurmctld.out", self.env
        )
        self.slurmds = [
            Daemon(
                ["/usr/sbin/slurmd", "-D", "-N", node, "-f", self.env["SLURM_CONF"]],
                self.folder / f"slurmd-{node}.out",
                self.env,
            )
            for node in self.nodes
        ]

    # What users and operators do.

    def run(self, *command: str, check: bool = True) -> str:
        """Runs a command of Slurm against this cluster and returns what it prints."""
        return self.slurm._run(self.env, command, check)

    def sbatch(self, script: str, *args: str, user: str | None = None, **options: object) -> int:
        """Submits a job and returns its id.

        Options are sbatch's long ones, `time_min=5` for --time-min=5 and `hold=True` for --hold; args go before them, as
        they are: `"--ntasks=1", ":", "--ntasks=2"` makes a heterogeneous job.
        """
        command = ["sbatch", "--parsable", "--output=/dev/null", "--chdir=/", *args]
        for option, value in options.items():
            name = option.replace("_", "-")
            command += [f"--{name}"] if value is True else [f"--{name}={value}"]
        if user is not None:
            command.append(f"--uid={user}")
        return int(self.run(*command, f"--wrap={script}").strip().split(";")[0])

    def scontrol(self, *args: str, check: bool = True) -> str:
        return self.run("scontrol", *args, check=check)

    def scancel(self, *args: str) -> str:
        return self.run("scancel", *args)

    def run_out_of_memory(self, job: int) -> None:
        """Tells slurmctld what slurmd tells it when the kernel has killed a job for its memory; real killing needs cgroups.

        slurmctld and slurmdbd do the rest as ever. Slurm's library has a call for it and no command.
        """
        library = next(pathlib.Path("/usr/lib").glob("*/slurm-wlm/libslurmfull.so"))
        sig_oom = 253  # slurm.h
        call = f"l = ctypes.CDLL('{library}', ctypes.RTLD_GLOBAL); l.slurm_init(None); exit(l.slurm_complete_job({job}, {sig_oom}))"
        self.run("/usr/bin/python3", "-c", f"import ctypes; {call}")

    def squeue(self, *args: str, fields: Sequence[str] = ("JobID", "State")) -> list[dict[str, str]]:
        """The jobs slurmctld knows, one task of an array a row; fields as squeue --Format names them."""
        # A width that nothing reaches: squeue cuts what is longer, and has no separator of its own.
        layout = ",".join(f"{field}:200" for field in fields)
        out = self.run("squeue", "-h", "-a", "-r", f"--Format={layout}", *args)
        return [
            {field: line[200 * i : 200 * (i + 1)].strip() for i, field in enumerate(fields)} for line in out.splitlines()
        ]

    def job(self, job: int | str) -> dict[str, str]:
        """What `scontrol show job` says, by its own names; empty if slurmctld has forgotten the job."""
        out = self.scontrol("-o", "show", "job", str(job), check=False)
        return dict(re.findall(r"(\S+?)=(\S*)", out.splitlines()[0])) if "JobId=" in out else {}

    def highest_job_id(self) -> int:
        """No job has a higher id. Tasks of an array take new ids when they start."""
        return int(re.search(r"^NEXT_JOB_ID\s*=\s*(\d+)", self.scontrol("show", "config"), re.MULTILINE)[1]) - 1

    def wait_for_state(self, job: int | str, *states: str, seconds: float = 30) -> str:
        """Waits until slurmctld says that the job is in one of the states (PENDING, RUNNING, COMPLETED, …)."""
        seen = ""

        def reached() -> bool:
            nonlocal seen
            seen = self.job(job).get("JobState", "")
            return seen in states

        try:
            wait_until(reached, f"job {job} to be {' or '.join(states)}", seconds)
        except SlurmError as error:
            raise SlurmError(f"{error}: it is {seen or 'unknown'}: {self.job(job)}") from None
        return seen

    # Starting and stopping.

    def start(self) -> None:
        self.slurmctld.start()
        for daemon in self.slurmds:
            daemon.start()

    def wait_until_up(self, seconds: float = 30) -> None:
        def idle() -> bool:
            for daemon in (self.slurmctld, *self.slurmds):
                daemon.check()
            states = self.run("sinfo", "-h", "-N", "-o", "%N %t", check=False).splitlines()
            return {line for line in states if line.endswith(" idle")} >= {f"{node} idle" for node in self.nodes}

        try:
            wait_until(idle, f"the nodes of {self.name} to be idle", seconds)
        except SlurmError as error:
            raise SlurmError(f"{error}: {self.run('sinfo', '-N', '-l', '-R', check=False)}") from None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        for daemon in (self.slurmctld, *self.slurmds):
            daemon.stop(how)

    # Files.

    def _configure(self, extra: str) -> None:
        host = socket.gethostname().split(".")[0]
        for name in ("state", "spool"):
            (self.folder / name).mkdir(mode=0o755)
        gpus = []
        for node, count in self.nodes.items():
            for i in range(count):
                device = self.folder / f"gpu-{node}-{i}"
                os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
                gpus.append(f"NodeName={node} Name=gpu Type={_gpu_type(node)} File={device}")
        (self.folder / "gres.conf").write_text("AutoDetect=off\n" + "\n".join(gpus) + "\n")
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")

        lines = [
            f"ClusterName={self.name}",
            f"SlurmctldHost={host}(127.0.0.1)",
            f"SlurmctldPort={self.port}",
            "SlurmUser=root",
            "AuthType=auth/munge",
            # A requeued job waits for its old credential to expire: not two minutes here.
            f"AuthInfo=socket={self.slurm.munge_socket},cred_expire=5",
            "CredType=cred/munge",
            f"StateSaveLocation={self.folder}/state",
            f"SlurmdSpoolDir={self.folder}/spool/%n",
            f"SlurmctldPidFile={self.folder}/slurmctld.pid",
            f"SlurmdPidFile={self.folder}/slurmd-%n.pid",
            "ProctrackType=proctrack/linuxproc",
            "TaskPlugin=task/none",
            "JobAcctGatherType=jobacct_gather/linux",
            "JobAcctGatherFrequency=5",
            "SelectType=select/cons_tres",
            "SelectTypeParameters=CR_Core_Memory",
            "SchedulerType=sched/backfill",
            "SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0,sched_min_interval=100000",
            "AccountingStorageType=accounting_storage/slurmdbd",
            "AccountingStorageHost=localhost",
            f"AccountingStoragePort={self.slurm.slurmdbd_port}",
            f"AccountingStoragePass={self.slurm.munge_socket}",
            "AccountingStorageEnforce=associations,limits,qos",
            "AccountingStorageTRES=gres/gpu,gres/gpu:a100,gres/gpu:v100,license/solver",
            "TrackWCKey=yes",
            "PriorityType=priority/multifactor",
            "PriorityCalcPeriod=1",
            "PriorityDecayHalfLife=0",
            "PriorityUsageResetPeriod=NONE",
            "PriorityWeightQOS=1000",
            "PreemptType=preempt/qos",
            "PreemptMode=REQUEUE",
            "JobRequeue=1",
            "OverTimeLimit=0",
            "KillWait=2",
            "CompleteWait=0",
            "MinJobAge=600",
            "ReturnToService=2",
            "SlurmdParameters=config_overrides",
            "MpiDefault=none",
            "DefMemPerCPU=500",
            "GresTypes=gpu",
            "Licenses=solver:10",
        ]
        for node, count in self.nodes.items():
            gres = f" Gres=gpu:{_gpu_type(node)}:{count}" if count else ""
            lines.append(
                f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={free_port(self.slurm.ports)}"
                f" Sockets=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=16000{gres} State=UNKNOWN"
            )
        plain = ",".join(node for node, count in self.nodes.items() if not count)
        with_gpu = ",".join(node for node, count in self.nodes.items() if count)
        limits = "MaxTime=1-0 DefaultTime=60 State=UP"
        if plain:
            lines.append(f"PartitionName=cpu Nodes={plain} Default=YES TRESBillingWeights=CPU=1.0,Mem=0.25G {limits}")
            lines.append(f"PartitionName=short Nodes={plain} PriorityTier=10 {limits}")
        if with_gpu:
            lines.append(f"PartitionName=gpu Nodes={with_gpu} TRESBillingWeights=CPU=1.0,GRES/gpu=8.0 {limits}")
        (self.folder / "slurm.conf").write_text("\n".join(lines) + "\n" + extra + "\n")


def _gpu_type(node: str) -> str:
    return "a100" if node.endswith("1") else "v100"


class PrivateSlurm:
    """munged, slurmdbd and the clusters that report to it; a context manager.

    The first cluster is the one that sbatch(), scontrol(), squeue() and their like talk to; the others are in `clusters`.
    """

    def __init__(
        self,
        database_port: int,
        *,
        database_user: str = "slurm",
        password: str,
        database_name: str = "slurm_acct_db",
        clusters: Sequence[str] = ("alpha",),
        tz: str = "UTC",
        accounts: Sequence[Account] = ACCOUNTS,
        qos: Mapping[str, Sequence[str]] = QOS,
        slurmdbd_conf: Mapping[str, object] | None = None,
        slurm_conf: str = "",
        controllers: bool = True,
        environment: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> None:
        """Without controllers there is only slurmdbd, and the clusters are known to it. tz is the zone of all daemons and commands, environment
        what else they find in theirs; slurmdbd_conf adds options to slurmdbd.conf or changes them; slurm_conf is text added to each cluster's
        slurm.conf; keep leaves the folder for a look afterwards."""
        reason = unavailable()
        if reason is not None:
            raise SlurmError(reason)
        self.tz, self.accounts, self.qos, self.keep = tz, tuple(accounts), dict(qos), keep
        self.controllers, self._environment = controllers, dict(environment or {})
        self.ports: set[int] = set()
        self.slurmdbd_port = free_port(self.ports)
        self.slurmdbd_conf: dict[str, object] = {
            "AuthType": "auth/munge",
            "DbdHost": "localhost",
            "DbdPort": self.slurmdbd_port,
            "SlurmUser": "root",
            "StorageType": "accounting_storage/mysql",
            "StorageHost": "127.0.0.1",
            "StoragePort": database_port,
            "StorageUser": database_user,
            "StoragePass": password,
            "StorageLoc": database_name,
            "TrackWCKey": "yes",
        } | dict(slurmdbd_conf or {})
        self._names, self._slurm_conf = tuple(clusters), slurm_conf
        self.clusters: dict[str, Cluster] = {}

    def __enter__(self) -> PrivateSlurm:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="private-slurm-"))
        self.folder.chmod(0o755)  # jobs of other users reach munge's socket
        self.munge_socket = self.folder / "munge" / "socket"
        # Times in seconds since the epoch, whatever prints them.
        self.environment = {"PATH": SEARCH_PATH, "TZ": self.tz, "LC_ALL": "C.UTF-8", "SLURM_TIME_FORMAT": "%s"} | self._environment
        try:
            self._start_munge()
            self.clusters = {
                name: Cluster(self, name, {"n1": 0, "n2": 0, "g1": 2, "g2": 2} if i == 0 else {"n1": 0}, self._slurm_conf)
                for i, name in enumerate(self._names)
            }
            self.environment["SLURM_CONF"] = self.first.env["SLURM_CONF"]
            self._slurmdbd = Daemon(
                ["/usr/sbin/slurmdbd", "-D"],
                self.folder / "slurmdbd.out",
                self.environment | {"SLURM_CONF": str(self.folder / "slurm.conf")},
            )
            self.start_slurmdbd()
            self._add_associations()
            for cluster in self.clusters.values() if self.controllers else ():
                cluster.start()
            for cluster in self.clusters.values() if self.controllers else ():
                cluster.wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # Nothing is worth saving, so nobody is asked to.
        for cluster in self.clusters.values():
            cluster.stop(signal.SIGKILL)
        for daemon in (getattr(self, "_slurmdbd", None), getattr(self, "_munged", None)):
            if daemon is not None:
                daemon.stop(signal.SIGKILL)
        self._kill_jobs()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def first(self) -> Cluster:
        return self.clusters[self._names[0]]

    # The first cluster's own.

    def sbatch(self, script: str, *args: str, user: str | None = None, **options: object) -> int:
        return self.first.sbatch(script, *args, user=user, **options)

    def scontrol(self, *args: str, check: bool = True) -> str:
        return self.first.scontrol(*args, check=check)

    def scancel(self, *args: str) -> str:
        return self.first.scancel(*args)

    def squeue(self, *args: str, fields: Sequence[str] = ("JobID", "State")) -> list[dict[str, str]]:
        return self.first.squeue(*args, fields=fields)

    def wait_for_state(self, job: int | str, *states: str, seconds: float = 30) -> str:
        return self.first.wait_for_state(job, *states, seconds=seconds)

    # The accounting database's.

    def sacct(self, *args: str, fields: Sequence[str]) -> list[dict[str, str]]:
        """sacct of all users and clusters, a row a dictionary. Times are seconds since the epoch, or sacct's words."""
        out = self._run(self.environment, ("sacct", "-a", "-L", "-n", "-P", "-o", ",".join(fields), *args), True)
        return [dict(zip(fields, line.split("|"), strict=True)) for line in out.splitlines()]

    def sacctmgr(self, *args: str, check: bool = True, seconds: float = COMMAND_TIMEOUT) -> str:
        return self._run(self.environment, ("sacctmgr", "-i", *args), check, seconds)

    def sreport(self, *args: str) -> list[list[str]]:
        out = self._run(self.environment, ("sreport", "-n", "-P", *args), True)
        return [line.split("|") for line in out.splitlines()]

    def start_slurmdbd(self, seconds: float = 30) -> None:
        conf = self.folder / "slurmdbd.conf"
        options = self.slurmdbd_conf | {
            "AuthInfo": f"socket={self.munge_socket}",
            "LogFile": self.folder / "slurmdbd.log",
            "PidFile": self.folder / "slurmdbd.pid",
        }
        conf.touch(mode=0o600)
        conf.write_text("".join(f"{name}={value}\n" for name, value in options.items()))
        self._slurmdbd.start()

        def up() -> bool:
            self._slurmdbd.check()
            return listening(self.slurmdbd_port)

        wait_until(up, "slurmdbd to listen", seconds)

    def stop_slurmdbd(self) -> None:
        self._slurmdbd.stop()

    def restart_slurmdbd(self, **options: object) -> None:
        """options change slurmdbd.conf: restart_slurmdbd(PurgeJobAfter="1hour")."""
        self.stop_slurmdbd()
        self.slurmdbd_conf |= options
        self.start_slurmdbd()

    # Inside.

    def _run(self, env: Mapping[str, str], command: Sequence[str], check: bool, seconds: float = COMMAND_TIMEOUT) -> str:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, timeout=seconds)
        if check and done.returncode != 0:
            raise SlurmError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    def _start_munge(self) -> None:
        folder = self.munge_socket.parent
        folder.mkdir(mode=0o755)
        key = folder / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        self._munged = Daemon(
            [
                "/usr/sbin/munged",
                "--foreground",
                "--force",  # runs in a folder of /tmp too
                f"--socket={self.munge_socket}",
                f"--key-file={key}",
                f"--seed-file={folder}/seed",
                f"--pid-file={folder}/pid",
                f"--log-file={folder}/log",
            ],
            self.folder / "munged.out",
            self.environment,
        )
        self._munged.start()

        def up() -> bool:
            self._munged.check()
            return self.munge_socket.exists()

        wait_until(up, "munged's socket", 10)

    def _add_associations(self) -> None:
        # One call adds many: each takes a tenth of a second.
        self.sacctmgr("add", "cluster", ",".join(self.clusters))
        for name, options in self.qos.items():
            self.sacctmgr("add", "qos", name, *options)
        every_qos = ",".join(["normal", *self.qos])
        added = {"root"}
        while waiting := [account for account in self.accounts if account.name not in added]:
            parent = next(account.parent for account in waiting if account.parent in added)
            names = [account.name for account in waiting if account.parent == parent]
            self.sacctmgr("add", "account", ",".join(names), f"parent={parent}")
            added |= set(names)
        for account in self.accounts:
            for user in account.users:
                pwd.getpwnam(user)
            if account.users:
                self.sacctmgr("add", "user", ",".join(account.users), f"account={account.name}", f"qos={every_qos}")

    def _kill_jobs(self) -> None:
        """Kills what slurmd started: steps and jobs carry the folder in their environment."""
        mark = str(self.folder).encode()
        for _ in range(3):
            found = False
            for entry in pathlib.Path("/proc").iterdir():
                if not entry.name.isdigit() or int(entry.name) == os.getpid():
                    continue
                try:
                    if mark + b"/" in (entry / "environ").read_bytes():
                        os.kill(int(entry.name), signal.SIGKILL)
                        found = True
                except OSError:
                    continue
            if not found:
                return
            time.sleep(0.05)
