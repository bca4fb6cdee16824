"""Which stories come first and last, which follow each other in one lab, and what a worker takes next."""

from __future__ import annotations

from collections.abc import Collection, Sequence

# They make fresh hosts of whatever there is.
FIRST = ("test_lab.py", "test_setup.py", "test_fresh_to_converged.py")
# In this order each finds a deployed server, whichever ran before it; the first of them makes it.
DEPLOYED = (
    "test_deploy.py",
    "test_switch.py",
    "test_former_agent.py",
    "test_accidents.py",
    "test_cut_off.py",
    "test_at_once.py",
    "test_ci.py",
    "test_workflow.py",
    "test_registry.py",
    "test_migrate.py",
    "test_eyes.py",
    "test_monitoring.py",
    "test_day.py",
    "test_runbook.py",
    "test_users.py",
    "test_staging.py",
    "test_browser.py",
    "test_roles.py",
    "test_rotation.py",
    "test_secrets.py",
    "test_import.py",
    "test_backup.py",
    "test_restore.py",
    "test_pitr.py",
    "test_mysql_sets.py",
    "test_fleet.py",
)
# It needs the other hosts beside the server, which cost a worker nothing that has converged them already.
FLEET = "test_fleet.py"
# It makes its server by hand, from the beginning: no story of a host comes after it.
LAST = (*DEPLOYED, "test_adoption.py")
UNIT, HOSTS, SERVER = "unit", "hosts", "server"


def part(node: str) -> str:
    """What a worker takes as a whole: a file. Each prepares what it needs, once for all that a worker takes.

    Args:
        node: pytest's name for a test.
    """
    return node.partition("::")[0]


def kind(file: str) -> str:
    """What a file's tests need: nothing, hosts, or a host with the application, which each lab makes once."""
    story = _story(file)
    return UNIT if not story else SERVER if story in LAST else HOSTS


def rank(node: str) -> int:
    """When a test comes, counted from the first; unit tests fill what is left of any worker's time.

    Args:
        node: pytest's name for it.
    """
    story = _story(part(node))
    if not story:
        return 100
    return FIRST.index(story) if story in FIRST else 10 + LAST.index(story) if story in LAST else 5


def following(queue: Sequence[str], mine: Collection[str], others: Collection[str]) -> str:
    """What a worker takes next: of what it has hosts for already, else the first.

    A worker that has nothing yet begins with what no other has begun: what each lab makes once is made in few labs.

    Args:
        queue: the files that no worker has taken, in their order.
        mine: the files that it has taken.
        others: those of other workers.
    """
    begun, elsewhere = {kind(file) for file in mine}, {kind(file) for file in others}
    preferred = [file for file in queue if (kind(file) in begun if begun else kind(file) not in elsewhere)]
    choice = preferred or list(queue)
    if HOSTS in begun and not any(_story(file) == DEPLOYED[0] for file in choice):
        return next((file for file in choice if _story(file) == FLEET), choice[0])
    return choice[0]


def _story(file: str) -> str:
    folder, _, name = file.rpartition("/")
    return name if folder == "tests/lab" else ""
