"""A private MariaDB server in a temporary folder, for tests and the demo.

    with PrivateMariaDB() as server:
        connection = server.connect()             # pymysql, user slurm, database slurm_acct_db
        exporter = server.connect(user="slurmdbd_exporter")

From the shell, in the foreground until SIGTERM or SIGINT; the connection is printed as JSON, or with --shell as
variables (MARIADB_SOCKET, MARIADB_PORT, MARIADB_PASSWORD_SLURM, ...), when it is ready:

    python3 -m tests.support.mariadb run --dir /tmp/db [--tls] [--port 13306] [--shell]

The server is a child of this process and of the thread that starts it, dies with them, and is stopped by its process id only.
"""

from __future__ import annotations

import argparse
import ctypes
import getpass
import json
import os
import shlex
import shutil
import signal
import socket as sockets
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import pymysql

from tests.support import certificates, datadir

DATABASE = "slurm_acct_db"
PASSWORDS = {"slurm": "slurm-secret", "slurmdbd_exporter": "exporter-secret"}
EXPORTER = "slurmdbd_exporter"


class MariaDBError(RuntimeError):
    """The server could not be set up or started; the message ends with the tail of its log."""


def free_port() -> int:
    """A loopback TCP port nobody listens on now."""
    with sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    """In the child: SIGTERM when the parent ends, however it ends (Linux prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGTERM)


class PrivateMariaDB:
    """One mariadbd on a private socket and a loopback port, with the database, a slurm user (ALL) and a reader (SELECT).

    Not thread-safe. The folder is removed at the end unless the caller gave one.
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        port: int | None = None,
        tls: bool = False,
        options: list[str] | None = None,
    ) -> None:
        self._own_folder = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix="slurmdbd-mariadb-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.port = port or free_port()
        self.database = DATABASE
        self.passwords = dict(PASSWORDS)
        self.authority = certificates.create(self.folder / "tls") if tls else None
        self._options = options or []
        self._process: subprocess.Popen[bytes] | None = None

    # Paths. A UNIX socket's path may be 107 bytes long at most, so it is kept short.
    @property
    def socket(self) -> Path:
        return self.folder / "sock"

    @property
    def log_file(self) -> Path:
        return self.folder / "mariadb.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / "mariadb.pid"

    @property
    def pid(self) -> int:
        """Process id of the running server; raises if it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise MariaDBError("the server is not running")
        return self._process.pid

    def __enter__(self) -> PrivateMariaDB:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self, timeout: float = 60.0) -> None:
        """Creates the data folder if there is none, starts the server and waits until it answers (seconds)."""
        if self._process is not None and self._process.poll() is None:
            return
        fresh = not (self.folder / "data" / "mysql").exists()
        if fresh:
            self._install()
        self._write_options()
        command = [_program("mariadbd"), f"--defaults-file={self.folder / 'my.cnf'}"]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent
            )
        self._wait_until_ready(time.monotonic() + timeout)
        if fresh:
            self._create_users()

    def stop(self, timeout: float = 30.0) -> None:
        """Orderly end: SIGTERM, SIGKILL if that takes longer than `timeout` seconds. A stopped server is left alone."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        self._process = None

    def kill(self) -> None:
        """A crash: SIGKILL. start() brings the server back with its data."""
        os.kill(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT after freeze()."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Stops the server and removes the folder if it was made here."""
        self.stop()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, user: str = "slurm", *, tcp: bool = False, **options: Any) -> pymysql.Connection:
        """A pymysql connection, autocommit on; over the socket, or with tcp=True over 127.0.0.1.

        user is 'slurm' (ALL), 'slurmdbd_exporter' (SELECT) or 'root' (socket only).
        """
        where: dict[str, Any] = {"host": "127.0.0.1", "port": self.port} if tcp else {"unix_socket": str(self.socket)}
        settings: dict[str, Any] = {"user": user, "password": self.passwords.get(user, ""), "database": self.database, "charset": "utf8mb4"}
        settings["autocommit"] = True
        return pymysql.connect(**(where | settings | options))

    def execute_script(self, sql: str, user: str = "slurm") -> None:
        """Runs statements separated by ';' at the ends of lines, as one user, and commits."""
        connection = self.connect(user)
        try:
            with connection.cursor() as cursor:
                for statement in (part.strip() for part in sql.replace(";\r\n", ";\n").split(";\n")):
                    if statement := statement.rstrip(";").strip():
                        cursor.execute(statement)
            connection.commit()
        finally:
            connection.close()

    def reset_database(self) -> None:
        """An empty slurm_acct_db; all connections to it are cut, as their open transactions would hold tables."""
        root = self.connect("root", database=None)
        with root.cursor() as cursor:
            others = "id <> connection_id() and user <> 'system user' and ifnull(db, %s) = %s"
            cursor.execute(f"select id from information_schema.processlist where {others}", (self.database, self.database))
            for (number,) in cursor.fetchall():
                try:
                    cursor.execute(f"kill {number}")
                except pymysql.err.OperationalError:
                    pass  # gone by itself
            cursor.execute(f"drop database if exists {self.database}")
            cursor.execute(f"create database {self.database}")
        root.close()

    def settings(self) -> dict[str, Any]:
        """What a client needs to know, as printed by the command line."""
        return {
            "socket": str(self.socket),
            "host": "127.0.0.1",
            "port": self.port,
            "database": self.database,
            "passwords": self.passwords,
            "pid": self.pid,
            "log": str(self.log_file),
            "ca": str(self.authority.ca) if self.authority else "",
        }

    def _install(self) -> None:
        try:
            datadir.create(self.folder / "data", _program("mariadb-install-db"), _program("mariadbd"))
        except datadir.InstallError as error:
            raise MariaDBError(str(error)) from None

    def _write_options(self) -> None:
        lines = [
            "[mariadbd]",
            f"datadir={self.folder / 'data'}",
            f"socket={self.socket}",
            f"pid-file={self.pid_file}",
            f"tmpdir={self.folder}",
            f"user={getpass.getuser()}",
            "bind-address=127.0.0.1",
            f"port={self.port}",
            "skip-name-resolve",
            "character-set-server=utf8mb4",
            "performance-schema=OFF",
            "innodb-buffer-pool-size=256M",
            "innodb-log-file-size=64M",
            "innodb-lock-wait-timeout=900",
            "innodb-flush-log-at-trx-commit=0",
            "innodb-flush-method=nosync",
            "innodb-doublewrite=0",
            "innodb-fast-shutdown=1",
            "innodb-buffer-pool-dump-at-shutdown=0",
            "max-allowed-packet=64M",
        ]
        if self.authority:
            lines += [
                f"ssl-ca={self.authority.ca}",
                f"ssl-cert={self.authority.certificate}",
                f"ssl-key={self.authority.key}",
            ]
        (self.folder / "my.cnf").write_text("\n".join(lines + self._options) + "\n", encoding="utf-8")

    def _wait_until_ready(self, deadline: float) -> None:
        assert self._process is not None
        while True:
            if self._process.poll() is not None:
                raise MariaDBError(f"mariadbd ended with {self._process.returncode}:\n{self.log_tail()}")
            try:
                self.connect("root", database=None, connect_timeout=2).close()
                return
            except pymysql.err.OperationalError:
                if time.monotonic() > deadline:
                    raise MariaDBError(f"mariadbd does not answer:\n{self.log_tail()}") from None
            time.sleep(0.03)

    def log_tail(self, characters: int = 2000) -> str:
        """The end of the server's log."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-characters:] if self.log_file.exists() else ""

    def _create_users(self) -> None:
        connection = self.connect("root", database=None)
        with connection.cursor() as cursor:
            cursor.execute("select user, host from mysql.global_priv where user = ''")
            for name, host in cursor.fetchall():
                cursor.execute("drop user %s@%s", (name, host))
            cursor.execute(f"create database {self.database}")
            for user, rights in (("slurm", "all privileges"), (EXPORTER, "select")):
                for host in ("localhost", "127.0.0.1"):
                    cursor.execute("create user %s@%s identified by %s", (user, host, self.passwords[user]))
                    cursor.execute(f"grant {rights} on {self.database}.* to %s@%s", (user, host))
        connection.close()


def _program(name: str) -> str:
    """Full path of a server program; Debian puts mariadbd into /usr/sbin, which users may not have in PATH."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not found:
        raise MariaDBError(f"{name} is not installed (Debian package mariadb-server)")
    return found


def _as_shell(settings: dict[str, Any]) -> str:
    """Settings as lines NAME='value', nested names joined by '_'."""
    passwords = {f"password_{user}": password for user, password in settings["passwords"].items()}
    flat = {name: value for name, value in (settings | passwords).items() if not isinstance(value, dict)}
    return "\n".join(f"MARIADB_{name.upper()}={shlex.quote(str(value))}" for name, value in flat.items())


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.support.mariadb", description="A private MariaDB server.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run in the foreground; print the connection as one line of JSON when ready")
    run.add_argument("--dir", help="folder for data, socket and log (default: a temporary one, removed at the end)")
    run.add_argument("--port", type=int, help="loopback port (default: a free one)")
    run.add_argument("--tls", action="store_true", help="make a certificate authority and offer TLS")
    run.add_argument("--shell", action="store_true", help="print shell variables instead of JSON")
    options = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        with PrivateMariaDB(options.dir, port=options.port, tls=options.tls) as server:
            print(_as_shell(server.settings()) if options.shell else json.dumps(server.settings()), flush=True)
            while not ended.wait(0.5):
                _ = server.pid
    except MariaDBError as error:
        print(f"mariadb: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
