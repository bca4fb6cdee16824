"""What the tools said, and what the clock said."""

import json

import pytest

from bench import results
from bench.results import Kind, Row, Sample

SAMPLES = [
    Sample("first convergence", 3, "pyinfra", 40.0),
    Sample("first convergence", 3, "Ansible", 80.0),
    Sample("no-op", 3, "pyinfra", 3.0),
    Sample("no-op", 3, "Ansible", 30.0),
    Sample("no-op", 3, "pyinfra", 9.0),
    Sample("no-op", 3, "Ansible", 24.0),
    Sample("no-op", 3, "pyinfra", 3.5),
    Sample("no-op", 3, "Ansible", 28.0),
]

RECAP = """
TASK [x : ok=1 changed=7 ] ***
PLAY RECAP *********************************************************************
aipbx.net                  : ok=33   changed=0    unreachable=0    failed=0    skipped=4    rescued=0    ignored=0
aipbx.ru                   : ok=34   changed=12   unreachable=0    failed=0    skipped=4    rescued=0    ignored=0
"""


def test_rows_bring_both_tools_together_in_the_order_of_measurement() -> None:
    assert results.rows(SAMPLES) == [
        Row("first convergence", 3, (40.0,), (80.0,)),
        Row("no-op", 3, (3.0, 9.0, 3.5), (30.0, 24.0, 28.0)),
    ]


def test_the_ratio_is_that_of_the_medians() -> None:
    assert [row.ratio for row in results.rows(SAMPLES)] == [0.5, 3.5 / 28]


def test_the_table_reads_by_itself() -> None:
    assert results.table(results.rows(SAMPLES)).splitlines() == [
        "                   hosts     pyinfra, s        Ansible, s  pyinfra/Ansible",
        "first convergence      3           40.0              80.0    0.500 = 1/2.0",
        "no-op                  3  3.5 (3.0-9.0)  28.0 (24.0-30.0)    0.125 = 1/8.0",
    ]


def test_the_report_keeps_every_run() -> None:
    report = json.loads(json.dumps(results.report(results.rows(SAMPLES), {"op": ["a"]}, {"pyinfra": "3.10"})))
    assert report["pyinfra"] == "3.10"
    assert report["differences"] == {"op": ["a"]}
    assert report["rows"][1] == {
        "kind": "no-op",
        "hosts": 3,
        "pyinfra_seconds": [3.0, 9.0, 3.5],
        "ansible_seconds": [30.0, 24.0, 28.0],
        "pyinfra_median": 3.5,
        "ansible_median": 28.0,
        "ratio": 0.125,
    }


def test_the_same_state_is_said_in_one_line() -> None:
    assert results.same_state({}, 41).startswith("The same state")


def test_a_difference_is_said_with_its_hosts() -> None:
    assert results.same_state({"ssh | sshd": ["a", "b"]}, 41).splitlines() == [
        "NOT the same state: after Ansible, pyinfra still has work:",
        "    ssh | sshd: a, b",
    ]


def test_reads_what_pyinfra_would_do() -> None:
    plan = [
        {"name": "one", "hosts_with_change": ["b"], "hosts_with_conditional_change": ["a"]},
        {"name": "two", "hosts_with_change": [], "hosts_with_conditional_change": []},
    ]
    assert results.planned(json.dumps({"plan": plan, "results": None})) == ({"one": ["a", "b"]}, 2)


def test_counts_what_pyinfra_did() -> None:
    operations = [
        {"name": "one", "success": ["a"], "error": [], "no_change": ["b"]},
        {"name": "two", "success": ["a"], "error": [], "no_change": ["b"]},
    ]
    assert results.changes_by_pyinfra(json.dumps({"results": {"operations": operations}})) == {"a": 2, "b": 0}


def test_counts_what_ansible_did() -> None:
    assert results.changes_by_ansible(RECAP) == {"aipbx.net": 0, "aipbx.ru": 12}


@pytest.mark.parametrize(
    ("kind", "changes", "claimed"),
    [
        ("no-op", {"a": 0, "b": 0}, True),
        ("no-op", {"a": 0, "b": 1}, False),
        ("no-op", {"a": 0}, False),
        ("no-op", {}, False),
        ("first convergence", {"a": 30, "b": 31}, True),
        ("first convergence", {"a": 30, "b": 0}, False),
        ("first convergence", {"a": 30}, False),
    ],
)
def test_a_run_is_only_counted_when_it_did_what_it_claims(kind: Kind, changes: dict[str, int], claimed: bool) -> None:
    assert results.is_what_it_claims(kind, ["a", "b"], changes) is claimed
