"""What browsers reported, summed up from nginx's log."""

from __future__ import annotations

import json

import pytest

from fleet import checkout
from fleet.errors import OperatorError
from fleet.inventory import hosts, settings
from fleet.remote import Remote
from fleet.status import csp


def line(second: int, directive: str, blocked: str, page: str = "https://aipbx.ru/") -> str:
    said = json.dumps({"directive": directive, "blocked": blocked, "page": page})
    return f"nginx-1  | 2026-11-23T10:00:0{second}.123456789Z csp-report {said}"


def test_each_violation_once_the_most_frequent_first() -> None:
    lines = [
        line(1, "img-src", "http://example.org/a.png"),
        line(2, "script-src-elem", "inline"),
        'nginx-1  | 2026-11-23T10:00:03Z 192.0.2.7 - - [x] "GET /csp-report HTTP/2.0" 200',
        line(4, "script-src-elem", "inline"),
        line(5, "script-src-elem", "inline", "https:\\/\\/aipbx.ru\\/pricing"),
        # Docker cuts a line after 16 KiB: what follows may begin like a report.
        "nginx-1  | 2026-11-23T10:00:06.1Z csp-report \\xff\\xff",
        "nginx-1  | 2026-11-23T10:00:06.2Z csp-report [1]",
    ]
    assert csp.summary(lines) == [
        csp.Report("script-src-elem", "inline", "https://aipbx.ru/", 2, "2026-11-23T10:00:04Z"),
        csp.Report("img-src", "http://example.org/a.png", "https://aipbx.ru/", 1, "2026-11-23T10:00:01Z"),
        csp.Report("script-src-elem", "inline", "https://aipbx.ru/pricing", 1, "2026-11-23T10:00:05Z"),
    ]


def test_only_reports_travel() -> None:
    asked = csp.command("aipbx", "3d")
    assert "logs --timestamps --no-color --tail all --since 72h" in asked
    assert asked.endswith(" && echo all read; } | grep -e ' csp-report ' -e '^all read$'")


def test_nginx_marks_its_lines_so() -> None:
    template = (checkout.ROOT / "templates" / "nginx" / "nginx.conf.j2").read_text("utf-8")
    assert f"'{csp.MARK}{{" in template


def test_a_time_that_is_none_is_refused_before_any_host_is_asked() -> None:
    with pytest.raises(OperatorError, match="is not a valid time"):
        csp.show([], "abc", as_json=False)


def test_a_script_gets_all_reports_and_whether_they_are_of_a_trial(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host = settings.of_host("aipbx.ru", hosts.load()[0].data)
    text = f"{line(1, 'img-src', 'inline')}\n{csp.END}\n"
    good = Remote("aipbx.ru", host.model_copy(update={"csp_report_only": True}))
    monkeypatch.setattr(good, "sudo_output", lambda *_, **__: text)
    cut = Remote("aipbx.org", host)
    monkeypatch.setattr(cut, "sudo_output", lambda *_, **__: "")
    assert csp.show([good, cut], "", as_json=True) == OperatorError.code
    told = json.loads(capsys.readouterr().out)
    assert told["aipbx.ru"]["report_only"] is True
    assert told["aipbx.ru"]["reports"] == [
        {"directive": "img-src", "blocked": "inline", "page": "https://aipbx.ru/", "times": 1,
         "last": "2026-11-23T10:00:01Z"}
    ]  # fmt: skip
    assert "could not be read to the end" in told["aipbx.org"]["error"]
