"""`inv csp`: what a Content-Security-Policy on trial (csp_report_only) would have blocked, as browsers report it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from fleet import answers
from fleet.commands import compose
from fleet.errors import OperatorError
from fleet.output import print_table
from fleet.status.log_streams import LINE
from fleet.status.logs import age

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fleet.remote import Remote

# How nginx begins the line of a report (templates/nginx/nginx.conf.j2).
MARK = "csp-report "
END = "all read"
SECONDS = 120
# Anyone may report anything: rows that an operator reads.
MOST = 50


@dataclass(frozen=True)
class Report:
    """One violation, as often as it was reported.

    Args:
        directive: of the policy, as `script-src-elem`.
        blocked: an address without its query, or a word as `inline`, `eval`, `data`.
        page: where it was met, without its query.
        times: how often.
        last: when it was last reported, UTC.
    """

    directive: str
    blocked: str
    page: str
    times: int
    last: str


def summary(lines: Iterable[str]) -> list[Report]:
    """Return each violation once, the most frequent first.

    Args:
        lines: of nginx's log, as Compose prints them, oldest first; others than reports are left out.
    """
    times, last = Counter[tuple[str, str, str]](), dict[tuple[str, str, str], str]()
    for line in lines:
        matched = LINE.match(line)
        if matched and (key := _violation(matched["text"])):
            times[key] += 1
            last[key] = f"{matched['time'][:19]}Z"
    return [Report(*key, count, last[key]) for key, count in times.most_common()]


def _violation(text: str) -> tuple[str, str, str] | None:
    """Directive, blocked address and page of a report; None: the line is none, or Docker cut it."""
    if not text.startswith(MARK):
        return None
    try:
        output = json.loads(text.removeprefix(MARK))
        return output["directive"], output["blocked"].replace("\\/", "/"), output["page"].replace("\\/", "/")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def command(project: str, since: str) -> str:
    """Return the command that prints the reports in nginx's log, and END when all of it was read.

    Args:
        since: a time or an age; empty: as far as the log reaches.
    """
    logs = compose.logs(project, ["nginx"], follow=False, since=age(since), tail="all")
    return f"{{ {logs} && echo {END}; }} | grep -e ' {MARK}' -e '^{END}$'"


def show(hosts: Sequence[Remote], since: str, *, as_json: bool) -> int:
    """Print what was reported of each host's policy.

    Args:
        since: only reports younger than this, as `2h` or `3d`.
        as_json: for a script: all of them, and whether a policy is on trial.

    Returns: the exit code: 0 when every host could be read.

    Raises:
        OperatorError: `since` is not a valid time.
    """
    age(since)
    by_host = answers.in_parallel(hosts, lambda host: _read(host, since))
    if as_json:
        answers.print_json({host.name: _for_script(host, by_host[host.name]) for host in hosts})
    else:
        for host in hosts:
            reports = by_host[host.name]
            if isinstance(reports, OperatorError):
                print(f"{host.name}: {reports}")
            else:
                _print(host, reports)
    return answers.exit_code(by_host)


def _read(host: Remote, since: str) -> list[Report]:
    output = host.sudo_output(command(host.settings.compose_project, since), timeout=SECONDS)
    if not output.endswith(f"{END}\n"):
        raise OperatorError(
            "Its nginx's log could not be read to the end.", "Compose failed.", f"inv logs nginx --host={host.name}"
        )
    return summary(output.splitlines())


def _for_script(host: Remote, reports: list[Report] | OperatorError) -> dict[str, Any] | OperatorError:
    if isinstance(reports, OperatorError):
        return reports
    return {"report_only": host.settings.csp_report_only, "reports": [asdict(each) for each in reports]}


def _print(host: Remote, reports: list[Report]) -> None:
    if not host.settings.csp_report_only:
        print(f"{host.name}: csp_report_only is off; browsers enforce the policy and report nothing here.")
    elif not reports:
        print(f"{host.name}: browsers have reported nothing, as far as nginx's log reaches.")
    if reports:
        table = Table("times", "last", "directive", "blocked", "on page", title=f"{host.name}: would be blocked")
        for report in reports[:MOST]:
            table.add_row(
                str(report.times),
                report.last,
                *(escape(text) for text in (report.directive, report.blocked, report.page)),
            )
        print_table(table)
        if len(reports) > MOST:
            print(f"And {len(reports) - MOST} others, which were reported less often.")
