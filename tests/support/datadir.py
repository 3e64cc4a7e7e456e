"""An empty MariaDB data folder, copied from one made earlier by the same server version and user if there is one.

mariadb-install-db takes a second or two of work; a copy takes a tenth of that. The copy to take lies in
$XDG_CACHE_HOME (or ~/.cache) and may be removed at any time.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path


class InstallError(RuntimeError):
    """mariadb-install-db failed; the message has the end of what it said."""


def create(folder: Path, install: str, server: str) -> None:
    """Makes `folder`, which must not exist. install, server: paths of mariadb-install-db and mariadbd."""
    kept = _kept(server)
    if kept is None:
        _install(folder, install)
        return
    if not kept.exists():
        fresh = Path(tempfile.mkdtemp(dir=kept.parent, prefix="new-"))
        _install(fresh / "data", install)
        try:
            (fresh / "data").rename(kept)
        except OSError:
            pass  # somebody else was faster
        shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(kept, folder)


def _kept(server: str) -> Path | None:
    """Where the folder to copy is, or will be; None if nothing can be kept."""
    version = subprocess.run([server, "--no-defaults", "--version"], capture_output=True, text=True, check=False).stdout
    name = hashlib.sha256(f"{version} {getpass.getuser()}".encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slurmdbd_exporter"
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return cache / f"mariadb-{name}" if os.access(cache, os.W_OK) else None


def _install(folder: Path, install: str) -> None:
    command = [
        install,
        "--no-defaults",
        f"--datadir={folder}",
        f"--user={getpass.getuser()}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        "--innodb-log-file-size=16M",
        "--innodb-buffer-pool-size=16M",
        "--innodb-flush-method=nosync",
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise InstallError("mariadb-install-db failed:\n" + done.stdout.decode(errors="replace")[-2000:])
