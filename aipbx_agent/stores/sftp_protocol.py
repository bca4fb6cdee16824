"""SFTP, version 3, spoken through the system's ssh: what a copy is streamed through, and read back through.

OpenSSH's own `sftp` needs a whole file on the disk on either side. The system's ssh does the cryptography, with a key
exchange that no library of Debian's Python speaks. The protocol: draft-ietf-secsh-filexfer-02, OpenSSH's PROTOCOL.
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from aipbx_agent.core.process import last_words

INIT, VERSION, STATUS, HANDLE, DATA, NAME, ATTRIBUTES, EXTENDED, EXTENDED_REPLY = (
    1,
    2,
    101,
    102,
    103,
    104,
    105,
    200,
    201,
)
OPEN, CLOSE, READ, WRITE, LSTAT, OPENDIR, READDIR, REMOVE, RENAME = 3, 4, 5, 6, 7, 11, 12, 13, 18
# What `open` is asked for: to read; to write a file that must not exist yet.
FOR_READING, FOR_A_NEW_FILE = 0x01, 0x02 | 0x08 | 0x20
OK, END_OF_FILE, NO_SUCH_FILE = 0, 1, 2
HAS_SIZE, HAS_OWNER, HAS_MODE, HAS_TIMES, HAS_MORE = 0x01, 0x02, 0x04, 0x08, 0x80000000
# Bytes of one request: every OpenSSH takes that; and how many requests may wait for their answer, so that a long
# way does not slow down the stream.
CHUNK = 1 << 17
WINDOW = 32
# A directory that grows beyond this many bytes of names is none of ours.
_LARGEST = 1 << 24


class Broken(Exception):  # noqa: N818 - the connection is
    """The connection is gone; its text is what ssh said."""


class Denied(Exception):  # noqa: N818
    """The server did not do what was asked.

    Args:
        code: of the protocol.
        text: the server's own.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Entry(NamedTuple):
    """A file in a directory: its name, its size in bytes, whether it is an ordinary file."""

    name: str
    size: int
    ordinary: bool


class Session:
    """One connection; any `Broken` ends it.

    Args:
        argv: the ssh command whose other end speaks SFTP.
        seconds: the deadline for all that is done with it; ssh itself notices a dead line much earlier.
    """

    def __init__(self, argv: Sequence[str], seconds: float) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - close() closes it
        self._ssh = subprocess.Popen(
            list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, bufsize=0
        )
        self._seconds = seconds
        self._deadline = threading.Timer(seconds, self._ssh.kill)
        self._deadline.daemon = True
        self._deadline.start()
        self._number = 0
        try:
            self._send(struct.pack(">BI", INIT, 3))
            kind, _ = self._packet()
            if kind != VERSION:
                raise self._broken("It does not speak SFTP.")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._deadline.cancel()
        self._hang_up()
        self._errors.close()

    def write_new(self, path: str, chunks: Iterable[bytes]) -> None:
        """Stream into a file that does not exist yet, and have it on the other end's disk.

        Raises:
            Denied: there is one, or it must not be written.
            Broken: the connection ended.
        """
        handle = self._open(path, FOR_A_NEW_FILE)
        waiting: deque[int] = deque()
        offset = 0
        for chunk in chunks:
            for begin in range(0, len(chunk), CHUNK):
                part = chunk[begin : begin + CHUNK]
                waiting.append(self._request(WRITE, _text(handle) + struct.pack(">Q", offset) + _text(part)))
                offset += len(part)
                if len(waiting) > WINDOW:
                    self._done(waiting.popleft())
        while waiting:
            self._done(waiting.popleft())
        self._done(self._request(EXTENDED, _text(b"fsync@openssh.com") + _text(handle)))
        self._done(self._request(CLOSE, _text(handle)))

    def read(self, path: str) -> Iterator[bytes]:
        """Yield a file's content.

        Raises:
            Denied: there is none, or it must not be read, or it became shorter meanwhile.
            Broken: the connection ended.
        """
        size = self.size(path)
        handle = self._open(path, FOR_READING)
        waiting: deque[tuple[int, int]] = deque()
        requested = 0
        while requested < size or waiting:
            while requested < size and len(waiting) < WINDOW:
                length = min(CHUNK, size - requested)
                number = self._request(READ, _text(handle) + struct.pack(">QI", requested, length))
                waiting.append((number, length))
                requested += length
            number, length = waiting.popleft()
            body = self._answer(number, DATA)
            data, _ = _cut(body)
            if len(data) != length:
                raise Denied(END_OF_FILE, f"{path} ends early.")
            yield data
        self._done(self._request(CLOSE, _text(handle)))

    def size(self, path: str) -> int:
        """Return a file's size in bytes; Denied when it is not there."""
        size, _, _ = _attributes(self._answer(self._request(LSTAT, _text(path.encode())), ATTRIBUTES))
        return size

    def exists(self, path: str) -> bool:
        """Return whether something has this name."""
        try:
            self.size(path)
        except Denied as denied:
            if denied.code == NO_SUCH_FILE:
                return False
            raise
        return True

    def entries(self, path: str) -> list[Entry]:
        """Return what is in a directory."""
        handle, _ = _cut(self._answer(self._request(OPENDIR, _text(path.encode())), HANDLE))
        listed: list[Entry] = []
        while True:
            try:
                body = self._answer(self._request(READDIR, _text(handle)), NAME)
            except Denied as denied:
                if denied.code != END_OF_FILE:
                    raise
                break
            (count,) = struct.unpack_from(">I", body)
            body = body[4:]
            for _ in range(count):
                name, body = _cut(body)
                _, body = _cut(body)  # as `ls -l` has it
                size, mode, body = _attributes(body)
                listed.append(Entry(name.decode(errors="replace"), size, mode & 0o170000 == 0o100000))
        self._done(self._request(CLOSE, _text(handle)))
        return listed

    def rename(self, path: str, to: str) -> None:
        """Give a file another name, which nothing has yet."""
        self._done(self._request(RENAME, _text(path.encode()) + _text(to.encode())))

    def remove(self, path: str) -> None:
        """Delete a file."""
        self._done(self._request(REMOVE, _text(path.encode())))

    def free(self, path: str) -> int:
        """Return bytes that are free where a directory is."""
        body = self._answer(
            self._request(EXTENDED, _text(b"statvfs@openssh.com") + _text(path.encode())), EXTENDED_REPLY
        )
        _, fragment, _, _, available = struct.unpack_from(">5Q", body)
        return int(fragment * available)

    def _open(self, path: str, how: int) -> bytes:
        # No attributes: the server's umask says how files are.
        payload = _text(path.encode()) + struct.pack(">II", how, 0)
        handle, _ = _cut(self._answer(self._request(OPEN, payload), HANDLE))
        return handle

    def _request(self, kind: int, body: bytes) -> int:
        self._number += 1
        self._send(struct.pack(">BI", kind, self._number) + body)
        return self._number

    def _done(self, number: int) -> None:
        self._answer(number, STATUS)

    def _answer(self, number: int, wanted: int) -> bytes:
        """Return the answer to a request: OpenSSH gives them in the order of the requests."""
        kind, body = self._packet()
        (answered,) = struct.unpack_from(">I", body)
        body = body[4:]
        if answered != number:
            raise self._broken("It answers another question than was asked.")
        if kind == STATUS:
            (code,) = struct.unpack_from(">I", body)
            if code != OK or wanted != STATUS:
                raise Denied(code, _cut(body[4:])[0].decode(errors="replace") if len(body) > 4 else f"code {code}")
        elif kind != wanted:
            raise self._broken("It answers something else than was asked.")
        return body

    def _packet(self) -> tuple[int, bytes]:
        (length,) = struct.unpack(">I", self._exactly(4))
        if not 1 <= length <= _LARGEST:
            raise self._broken("Its answer is not SFTP.")
        packet = self._exactly(length)
        return packet[0], packet[1:]

    def _exactly(self, count: int) -> bytes:
        assert self._ssh.stdout  # noqa: S101  a pipe
        received = b""
        while len(received) < count:
            part = self._ssh.stdout.read(count - len(received))
            if not part:
                raise self._broken("The connection ended.")
            received += part
        return received

    def _send(self, packet: bytes) -> None:
        assert self._ssh.stdin  # noqa: S101  a pipe
        view = memoryview(struct.pack(">I", len(packet)) + packet)
        try:
            while view:
                view = view[self._ssh.stdin.write(view) :]
        except (BrokenPipeError, ValueError):
            raise self._broken("The connection ended.") from None

    def _broken(self, what: str) -> Broken:
        """Return what ssh said last, once it has said all; else `what`."""
        late = not self._deadline.is_alive()
        self._hang_up()
        self._errors.seek(0)
        output = self._errors.read()
        if late:
            return Broken(f"It did not end within {self._seconds:.0f} s.")
        return Broken(last_words(output) if output.strip() else what)

    def _hang_up(self) -> None:
        for stream in (self._ssh.stdin, self._ssh.stdout):
            if stream:
                stream.close()
        try:
            self._ssh.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._ssh.kill()
            self._ssh.wait()


def _text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _cut(body: bytes) -> tuple[bytes, bytes]:
    """Return a text at the beginning of a body, and the rest."""
    (length,) = struct.unpack_from(">I", body)
    return body[4 : 4 + length], body[4 + length :]


def _attributes(body: bytes) -> tuple[int, int, bytes]:
    """Return size and mode at the beginning of a body, and the rest."""
    (flags,) = struct.unpack_from(">I", body)
    body, size, mode = body[4:], 0, 0
    if flags & HAS_SIZE:
        (size,), body = struct.unpack_from(">Q", body), body[8:]
    if flags & HAS_OWNER:
        body = body[8:]
    if flags & HAS_MODE:
        (mode,), body = struct.unpack_from(">I", body), body[4:]
    if flags & HAS_TIMES:
        body = body[8:]
    if flags & HAS_MORE:
        (count,), body = struct.unpack_from(">I", body), body[4:]
        for _ in range(2 * count):
            _, body = _cut(body)
    return size, mode, body
