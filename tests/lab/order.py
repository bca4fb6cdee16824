"""Which stories come first and last, and which of them must follow each other in one lab."""

FIRST = ("test_lab.py", "test_fresh_to_converged.py")
# In this order each finds a deployed server, whichever ran before it; the first of them makes it.
DEPLOYED = (
    "test_deploy.py",
    "test_switch.py",
    "test_former_agent.py",
    "test_accidents.py",
    "test_cut_off.py",
    "test_at_once.py",
    "test_fleet.py",
    "test_migrate.py",
    "test_eyes.py",
    "test_day.py",
    "test_users.py",
    "test_browser.py",
    "test_roles.py",
    "test_rotation.py",
    "test_import.py",
    "test_backup.py",
    "test_restore.py",
    "test_pitr.py",
    "test_mysql_sets.py",
)
# It makes its server by hand, from the beginning: nothing comes after it.
LAST = (*DEPLOYED, "test_adoption.py")


def part(node: str) -> str:
    """What a worker takes as a whole: a story from LAST, or all the others.

    Args:
        node: pytest's name for a test.
    """
    story = _story(node)
    return story if story in LAST else "hosts"


def rank(node: str) -> int:
    """When a test comes, counted from the first.

    Args:
        node: pytest's name for it.
    """
    story = _story(node)
    return FIRST.index(story) if story in FIRST else 10 + LAST.index(story) if story in LAST else 5


def _story(node: str) -> str:
    folder, _, name = node.partition("::")[0].rpartition("/")
    return name if folder == "tests/lab" else ""
