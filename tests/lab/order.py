"""Which stories come first and last, and which of them share a lab."""

FIRST = ("test_lab.py", "test_fresh_to_converged.py")
# They share one deployed server, which no other story may make anew meanwhile.
DEPLOYED = (
    "test_deploy.py",
    "test_switch.py",
    "test_fleet.py",
    "test_migrate.py",
    "test_eyes.py",
    "test_browser.py",
    "test_rotation.py",
    "test_import.py",
    "test_backup.py",
    "test_restore.py",
    "test_pitr.py",
    "test_mysql_sets.py",
)
# It makes its server by hand, from the beginning.
LAST = (*DEPLOYED, "test_adoption.py")


def part(node: str) -> str:
    """Which of the two parts of the suite a test belongs to.

    Args:
        node: pytest's name for it.
    """
    return "application" if _story(node) in DEPLOYED else "hosts"


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
