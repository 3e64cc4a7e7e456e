"""A throw-away certificate authority and a server certificate for 127.0.0.1 and localhost, made with openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority's certificate, the server's certificate and key."""

    ca: Path
    certificate: Path
    key: Path


def create(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1", days: int = 2) -> Certificates:
    """Makes the files in `folder` unless they are there already."""
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    if made.certificate.exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(
        ["req", "-x509", *curve, "-days", str(days), "-subj", "/CN=Test Authority", "-keyout", "ca.key", "-out", "ca.pem"], folder
    )
    _openssl(["req", *curve, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"], folder)
    (folder / "names").write_text(f"subjectAltName={names}\n", encoding="utf-8")
    _openssl(
        ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
        + ["-days", str(days), "-extfile", "names", "-out", "server.pem"],
        folder,
    )
    return made


def _openssl(arguments: list[str], folder: Path) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr[-500:]}")
