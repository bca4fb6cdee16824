"""nginx's answers, counted as its log grows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aipbx_agent.monitoring import access_log, nginx


def line(path: str, status: int, seconds: str) -> str:
    text = (
        f'192.0.2.1 - - [2026-11-29T09:00:00+00:00] "GET {path} HTTP/1.1" {status} 12 "-" "a \\x22browser\\x22" '
        f"aipbx.ru {seconds} 0.010 172.18.0.3:5005 {status} - -\n"
    )
    return json.dumps({"log": text, "stream": "stdout", "time": "2026-11-29T09:00:00Z"}) + "\n"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(access_log, "STATE", tmp_path / "state.json")
    path = tmp_path / "json.log"
    path.write_text(line("/old", 200, "0.1"))
    # The first look passes over what is older than monitoring.
    assert access_log.counted(path, [])["statuses"] == {}
    return path


def test_statuses_and_times(log: Path) -> None:
    with log.open("a") as file:
        file.write(line("/api/x", 200, "0.050") + line("/", 502, "2.000") + line("/socket.io/?EIO=4", 101, "3600.0"))
        file.write(
            line("/api/slow/x", 200, "300.0") + '{"log": "an error of nginx\\n"}\n' + line("/half", 200, "1")[:30]
        )
    found = access_log.counted(log, ["/api/slow/"])
    assert found["statuses"] == {"2xx": 2, "5xx": 1, "1xx": 1}
    assert (found["count"], found["seconds"]) == (2, 2.05)
    assert found["buckets"] == [1, 1, 1, 2, 2]
    # Half a line is read again when it is whole.
    with log.open("a") as file:
        file.write(line("/half", 200, "1")[30:])
    assert access_log.counted(log, [])["statuses"]["2xx"] == 3


def test_a_new_file_is_read_from_its_beginning(log: Path) -> None:
    log.rename(log.with_suffix(".1"))
    log.write_text(line("/a", 404, "0.1"))
    assert access_log.counted(log, [])["statuses"] == {"4xx": 1}


def test_what_prometheus_reads() -> None:
    status = "Active connections: 3 \nserver accepts handled requests\n 10 9 20 \nReading: 0 Writing: 1 Waiting: 2 \n"
    lines = list(nginx.connections(status))
    assert lines[0] == "aipbx_nginx_connections 3"
    assert "aipbx_nginx_connections_dropped_total 1" in lines
    sums = {"statuses": {"5xx": 2}, "buckets": [1, 1, 1, 2, 2], "count": 2, "seconds": 2.05}
    lines = list(nginx.answers(sums))
    assert 'aipbx_nginx_answers_total{status="5xx"} 2' in lines
    assert 'aipbx_nginx_answer_seconds_bucket{le="+Inf"} 2' in lines


def test_the_fullest_worker_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx, "PROC", tmp_path)
    (tmp_path / "7" / "task" / "7").mkdir(parents=True)
    (tmp_path / "7" / "task" / "7" / "children").write_text("8 9 ")
    for worker, count in (("8", 3), ("9", 5)):
        (tmp_path / worker / "fd").mkdir(parents=True)
        for number in range(count):
            (tmp_path / worker / "fd" / str(number)).touch()
    assert list(nginx.fullest_worker(7)) == [
        "aipbx_nginx_worker_connections 5",
        "aipbx_nginx_worker_connections_most 4096",
    ]
    assert list(nginx.fullest_worker(99)) == []
