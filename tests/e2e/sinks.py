"""Where alerts arrive in a test: an SMTP server and a webhook, each remembering what it got."""

from __future__ import annotations

import dataclasses
import email
import email.message
import email.policy
import http.server
import json
import socketserver
import threading


@dataclasses.dataclass(frozen=True)
class Mail:
    to: tuple[str, ...]  # recipients of the envelope
    subject: str
    text: str


class MailSink(socketserver.ThreadingTCPServer):
    """Accepts all mail on a free loopback port. `mails` grows as they arrive."""

    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        super().__init__(("127.0.0.1", 0), _Session)
        self.address = "127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Session(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client needs that wants neither TLS nor to log in."""

    server: MailSink

    def handle(self) -> None:
        self._say("220 sink")
        recipients: list[str] = []
        while line := self.rfile.readline():
            verb = line.decode().strip().upper().split(" ")[0]
            if verb == "RCPT":
                recipients.append(line.decode().split("<")[1].split(">")[0])
            elif verb == "DATA":
                self._say("354 go on")
                self.server.mails.append(_mail(recipients, self._data()))
                recipients = []
            elif verb == "QUIT":
                self._say("221 bye")
                return
            self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


def _mail(recipients: list[str], data: bytes) -> Mail:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    body = message.get_body(("plain",))
    return Mail(tuple(recipients), message["Subject"], body.get_content().replace("\r\n", "\n") if body else "")


class WebhookSink(http.server.ThreadingHTTPServer):
    """Takes Alertmanager's webhooks on a free loopback port. `alerts` grows by each message's alerts."""

    daemon_threads = True

    def __init__(self) -> None:
        self.alerts: list[dict] = []
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.url = "http://127.0.0.1:%d/" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def told(self, status: str, **labels: str) -> bool:
        """Whether an alert of this status ("firing", "resolved") with at least these labels has arrived."""
        return any(alert["status"] == status and labels.items() <= alert["labels"].items() for alert in self.alerts)


class _Webhook(http.server.BaseHTTPRequestHandler):
    server: WebhookSink

    def do_POST(self) -> None:  # noqa: N802, the base class's name
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.alerts += message["alerts"]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not on the test's output."""
