"""The mail server in the world: it keeps what the application sends, and delivers nothing.

This file runs inside the world, on Python alone, and imports nothing of the lab's.
"""

from __future__ import annotations

import base64
import binascii
import json
import socket
import threading
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

NAME = "smtp.yandex.ru"
PORT = 587
KEPT = Path("/run/mails.jsonl")

_WRITING = threading.Lock()
# A line of the protocol; mails have longer ones.
_LONGEST = 65536


class Server(ThreadingTCPServer):
    """Listens on IPv4 and IPv6."""

    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


class Session(StreamRequestHandler):
    """One client: it logs in, then hands over mails (RFC 5321, 4954)."""

    def setup(self) -> None:
        """Begin without a login and without a mail."""
        super().setup()
        self.account = ""
        self.recipients: list[str] = []

    def handle(self) -> None:
        """Answer each command until the client leaves."""
        self._say(f"220 {NAME} the lab's mail server")
        while line := self.rfile.readline(_LONGEST):
            verb, _, rest = line.decode(errors="replace").strip().partition(" ")
            answer = getattr(self, f"do_{verb.lower()}", None)
            self._say(answer(rest) if answer else "502 unknown command")
            if verb.upper() == "QUIT":
                return

    def do_ehlo(self, _: str) -> str:
        """Say what the server can do."""
        return f"250-{NAME}\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME"

    def do_auth(self, rest: str) -> str:
        """Let anyone in who gives an account and a password."""
        kind, _, first = rest.partition(" ")
        try:
            if kind.upper() == "PLAIN":
                account, password = base64.b64decode(first or self._asked("")).decode().split("\0")[1:]
            else:
                account = base64.b64decode(first or self._asked("Username:")).decode()
                password = base64.b64decode(self._asked("Password:")).decode()
        except (binascii.Error, ValueError):
            return "501 that is no login"
        self.account = account if password else ""
        return "235 welcome" if self.account else "535 account and password are needed"

    def do_mail(self, _: str) -> str:
        """Begin a mail."""
        self.recipients = []
        return "250 ok" if self.account else "530 log in first"

    def do_rcpt(self, rest: str) -> str:
        """Take a recipient."""
        self.recipients.append(rest.partition(":")[2].strip().strip("<>"))
        return "250 ok"

    def do_data(self, _: str) -> str:
        """Take the mail, and keep it."""
        if not self.account or not self.recipients:
            return "503 nobody to deliver to"
        self._say("354 go on, a dot ends it")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        _keep(self.account, self.recipients, b"".join(lines).decode(errors="replace").replace("\r\n", "\n"))
        return "250 kept"

    def do_rset(self, _: str) -> str:
        """Forget the mail."""
        self.recipients = []
        return "250 ok"

    def do_noop(self, _: str) -> str:
        """Do nothing."""
        return "250 ok"

    def do_quit(self, _: str) -> str:
        """Take leave."""
        return "221 bye"

    def _asked(self, question: str) -> str:
        self._say(f"334 {base64.b64encode(question.encode()).decode()}")
        return self.rfile.readline(_LONGEST).decode().strip()

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def _keep(account: str, recipients: list[str], source: str) -> None:
    # In one piece: anyone who reads meanwhile finds whole lines.
    record = json.dumps({"account": account, "recipients": recipients, "source": source})
    with _WRITING, KEPT.open("ab", buffering=0) as file:
        file.write(record.encode() + b"\n")


def main() -> None:
    """Receive until the process ends."""
    Server(("::", PORT), Session).serve_forever()


if __name__ == "__main__":
    main()
