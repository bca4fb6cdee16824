"""One round trip that tells how a host is: every line of its output is a name, a tab, and a value."""

from __future__ import annotations

import shlex

from aipbx_agent import contract
from fleet.commands import colours, docker, lock, migrations, rotation

SERVICES = ("postgres", "backend", "frontend", "nginx")


def survey(app_dir: str, project: str, rtp_ports: list[int]) -> str:
    """The command that prints how a host is.

    Args:
        app_dir: where the stack's files are.
        project: its Compose project.
        rtp_ports: UDP ports that carry calls.
    """
    app = shlex.quote(app_dir)
    parts = [
        f"cd {app} 2>/dev/null || exit 0",
        'say() { printf "%s\\t%s\\n" "$1" "$2"; }',
        'for file in compose.yml environment.json images.env; do [ ! -f "$file" ] || say file "$file"; done',
        # awk, unlike sed, ends a last line that a power cut left without its end.
        """[ ! -f images.env ] || awk '{print "images\\t" $0}' images.env""",
        """[ ! -f releases.jsonl ] || awk '{print "release\\t" $0}' releases.jsonl""",
        '[ ! -d lock ] || say lock "$(grep . lock/owner 2>/dev/null || echo unknown)"',
        f'[ ! -d lock ] || say lock_known "$(($(date +%s) - $(stat -c %Y lock))) $({lock.standing(app_dir)})"',
        "[ ! -e maintenance/on ] || say maintenance on",
        "say disk \"$(df -Pm . | awk 'NR==2 {print $4, $5}')\"",
        'say memory "$(awk \'/^MemTotal|^MemAvailable/ {print int($2/1024)}\' /proc/meminfo | paste -sd" ")"',
        'say load "$(cut -d" " -f1 /proc/loadavg) $(nproc)"',
        'end=$(openssl x509 -noout -enddate -in tls/current/fullchain.pem 2>/dev/null) && say certificate "${end#*=}"',
        # Sets are folders named by their moment; the agent writes the rest beside them.
        'newest() { set -- "$1" "$(tail -n 1 | cut -d/ -f3)"; [ -z "$2" ] || say "$1" "$2"; }',
        "ls -d backups/sets/2*Z/manifest.json 2>/dev/null | newest backup",
        "grep -sl '\"ok\": true' backups/sets/2*Z/verified.json | newest verified",
        "ls -d backups/sets/2*Z/offsite.json 2>/dev/null | newest offsite",
        "state=backups/backup-state.json; ! grep -qs '\"ok\": false' $state || grep -qs '\"running\": true' $state "
        "|| say backup_failed yes",
        '[ ! -s backups/wal-state.json ] || say log "$(tr -d "\\n" <backups/wal-state.json)"',
        'kept=$(sed -n "s/^  .what.: .\\(.*\\).$/\\1/p" backups/kept.json 2>/dev/null); '
        '[ -z "$kept" ] || say kept "$kept"',
        '[ ! -e backups/swap.json ] || say unfinished "$(sed -n "s/^ .what.: .\\(.*\\).$/\\1/p" backups/swap.json)"',
    ]
    parts.append(rotation.left(project))
    parts.append(f'state=$({migrations.state(project)}); [ -z "$state" ] || say migrations "$state"')
    parts += [f"say colour {colours.serving(app_dir, service)}" for service in contract.SERVICES]
    parts += [
        f'state=$({docker.state(project, service, app_dir)}); [ -z "$state" ] || say {service} "$state"'
        for service in SERVICES
    ]
    ports = " && ".join(f"conntrack -L -p udp --orig-port-dst {port} 2>/dev/null" for port in rtp_ports)
    parts.append(f'flows=$({ports}) && say calls "$(printf %s "$flows" | grep -c .)"')
    return "; ".join(parts) + "; true"
