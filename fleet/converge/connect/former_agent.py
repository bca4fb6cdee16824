"""The agent under its former name, `aipbx-data`: until it is idle, its host is not converged.

Its lock is not the agent's, so two runs could be at the data at once; and a run would lose its program half-way.
"""

from __future__ import annotations

from fleet.errors import OperatorError

COMMAND = "/usr/local/sbin/aipbx-data"
CONFIGURATION = "/etc/aipbx/data.json"
LIBRARY = "/usr/local/lib/aipbx/data"
# What obtained and checked certificates before the agent did.
SCRIPTS = tuple(f"/usr/local/lib/aipbx/{name}.sh" for name in ("certificate", "check", "points-here"))
# One line: who holds its lock, and units that carry out its verbs. aipbx-wal.service expects to be restarted.
PROBE = f"""
if [ -e {COMMAND} ]; then
  flock --nonblock /run/lock/aipbx-data true 2>/dev/null || holder=$(head -c 200 /run/lock/aipbx-data)
  units=$(systemctl list-units --plain --no-legend --state=active,activating,deactivating,reloading 'aipbx-data-*' \\
    aipbx-backup.service aipbx-verify.service aipbx-base.service aipbx-offsite.service | cut -d' ' -f1 | tr '\\n' ' ')
  echo "former_agent=$holder $units"
fi
"""


def refuse_busy(host: str, answer: list[str]) -> None:
    """Refuse to converge a host whose former agent is at work.

    Args:
        host: its name, for the message.
        answer: the output of PROBE.

    Raises:
        OperatorError: it is.
    """
    busy = " ".join(line.removeprefix("former_agent=") for line in answer if line.startswith("former_agent=")).split()
    if busy:
        raise OperatorError(
            f"{host}: its agent is running, and is about to be replaced by another program.",
            f"It runs: {' '.join(busy)}.",
            "Wait until it has ended, then run the same command again.",
        )
