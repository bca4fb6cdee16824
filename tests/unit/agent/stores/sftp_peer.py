"""Another SFTP implementation (paramiko's) on standard input and output, below the folder that it is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import paramiko
from paramiko.sftp import CMD_EXTENDED, SFTP_FAILURE, SFTP_OK
from paramiko.util import get_logger


class Stdio:
    """Standard input and output as paramiko wants a channel."""

    def recv(self, count: int) -> bytes:
        return os.read(0, count)

    def send(self, data: bytes) -> int:
        return os.write(1, data)

    def close(self) -> None:
        os._exit(0)

    def get_transport(self) -> Stdio:
        return self

    def get_name(self) -> str:
        return "stdio"

    def get_log_channel(self) -> str:
        return "peer"

    def get_hexdump(self) -> bool:
        return False


class Files(paramiko.SFTPServerInterface):
    """A folder."""

    root = Path(sys.argv[1])

    def open(self, path: str, flags: int, attr: Any) -> Any:  # noqa: ARG002 - as paramiko calls it
        how = os.O_RDONLY if not flags & os.O_WRONLY else flags
        try:
            number = os.open(self.root / path, how, 0o600)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = paramiko.SFTPHandle(flags)
        file = os.fdopen(number, "wb" if flags & os.O_WRONLY else "rb")
        handle.writefile = handle.readfile = file  # type: ignore[attr-defined]
        return handle

    def lstat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(os.lstat(self.root / path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def list_folder(self, path: str) -> Any:
        return [
            paramiko.SFTPAttributes.from_stat(one.lstat(), one.name) for one in sorted((self.root / path).iterdir())
        ]

    def rename(self, oldpath: str, newpath: str) -> int:
        if (self.root / newpath).exists():
            return SFTP_FAILURE
        (self.root / oldpath).rename(self.root / newpath)
        return SFTP_OK


class Server(paramiko.SFTPServer):
    """paramiko's knows no fsync."""

    def _process(self, t: int, request_number: int, msg: Any) -> None:
        if t == CMD_EXTENDED and msg.get_text() == "fsync@openssh.com":
            self._send_status(request_number, SFTP_OK)  # type: ignore[attr-defined]
            return
        super()._process(t, request_number, msg)  # type: ignore[misc]


get_logger("peer.sftp").disabled = True
os.chdir("/")
Server(Stdio(), "sftp", None, Files).start_subsystem("sftp", None, Stdio())  # type: ignore[arg-type]
