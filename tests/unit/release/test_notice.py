"""What the team hears of a release."""

from __future__ import annotations

from aipbx_agent.release.releases import Entry, Release
from fleet.release import notice
from fleet.release.plan import Plan

OLD, NEW = Release("a" * 40, "b" * 40), Release("c" * 40, "b" * 40)


def entry(before: Release | None, result: str = "ok", note: str = "") -> Entry:
    return Entry("2026-11-26T12:00:00Z", "anna@laptop", "deploy", result, 23, before, NEW, {}, note)  # type: ignore[arg-type]


def test_who_what_from_where_to_where_how_long() -> None:
    what = Plan("aipbx.org", "deploy", OLD, NEW, {"backend": [f"{number} Something" for number in range(12)]})
    lines = notice.text(what, entry(OLD), "2 calls were waited for.").splitlines()
    assert lines[0] == "aipbx.org: deployed by anna@laptop, 23 s"
    assert lines[1:3] == ["backend: aaaaaaaa → cccccccc", "    0 Something"]
    assert lines[12:] == ["    … and 2 more", "frontend: bbbbbbbb stays", "2 calls were waited for."]


def test_a_failure_says_why_and_what_runs_now() -> None:
    said = notice.text(Plan("aipbx.org", "deploy", OLD, NEW), entry(OLD, "failed", "The backend is not ready."))
    assert said.startswith("aipbx.org: deploy failed, begun by anna@laptop, 23 s\n")
    assert "The backend is not ready.\nThe previous release was brought back" in said
    first = notice.text(Plan("aipbx.org", "deploy", None, NEW), entry(None, "failed", "No."))
    assert "backend: nothing → cccccccc" in first
    assert "brought back" not in first
