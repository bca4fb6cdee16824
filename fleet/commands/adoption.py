"""Looking at a host that was installed by hand, and taking over what it has."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

# What a container is, apart by `|`. A mount is type:volume:path; paths with spaces belong to none of these services.
_CONTAINER = "|".join(
    [
        '{{index .Config.Labels "com.docker.compose.project"}}',
        '{{index .Config.Labels "com.docker.compose.service"}}',
        "{{.Config.Image}}",
        "{{.State.Status}}",
        "{{.ID}}",
        "{{.Name}}",
        '{{index .Config.Labels "com.docker.compose.project.config_files"}}',
        "{{range .Mounts}}{{.Type}}:{{.Name}}:{{.Destination}} {{end}}",
    ]
)
# Beside the fleet's own files: that a host was taken over, and which containers a take-over has stopped.
ADOPTED = "adopted.json"
STOPPED = "stopped-by-hand-made"
CRONTABS = "/var/spool/cron/crontabs"
CRON_TABLES = ("/etc/crontab", "/etc/cron.d/*", f"{CRONTABS}/*")


def look(app_dir: str) -> str:
    """The command that prints what stands on a host beside what this project made: a name, a tab, a value a line.

    Args:
        app_dir: this project's own folder, whose stack is left out.
    """
    own, adopted = shlex.quote(f"{app_dir}/compose.yml"), shlex.quote(f"{app_dir}/{ADOPTED}")
    return "; ".join(
        [
            'say() { printf "%s\\t%s\\n" "$1" "$2"; }',
            f'[ ! -f {adopted} ] || say adopted "$(cat {adopted})"',
            "for file in /app/docker-compose*.yml /app/*/docker-compose*.yml; do "
            '[ ! -f "$file" ] || say compose "$file"; done',
            "for file in /app/.env.production /app/*/.env.production; do "
            '[ ! -f "$file" ] || say environment "$file"; done',
            "for folder in /app/nginx /app/ssl /app/certbot/conf /app/backups/postgres /app/aiPBX*; do "
            '[ ! -d "$folder" ] || say folder "$folder"; done',
            f'for file in {" ".join(CRON_TABLES)}; do [ ! -f "$file" ] || '
            "grep -v '^[[:space:]]*#' \"$file\" | grep -E 'backup|pg_dump|certbot|aipbx' | "
            'sed "s|^|cron\\t$file\\t|"; done',
            "ids=$(docker ps --all --quiet --filter label=com.docker.compose.project "
            "--filter label=com.docker.compose.oneoff=False 2>/dev/null)",
            f'[ -z "$ids" ] || docker inspect --format {shlex.quote(_CONTAINER)} $ids | '
            f"grep -vF {own} | sed 's/^/container\\t/'",
            "true",
        ]
    )


def environment(container: str) -> str:
    """Return the command that prints, as two lines of JSON, a container's environment and that of its image."""
    form = shlex.quote("{{json .Config.Env}}")
    return (
        f"docker inspect --format {form} {container} && {{ docker image inspect --format {form} "
        f"$(docker inspect --format '{{{{.Image}}}}' {container}) 2>/dev/null || echo '[]'; }}"
    )


def proxy_configuration(container: str) -> str:
    """Return the command that prints all of nginx's configuration files, whether it runs or not."""
    return f"docker cp -L {container}:/etc/nginx - | tar -xO --wildcards '*.conf' '*.d/*' 2>/dev/null || true"


def pem(container: str, chain: str, key: str) -> str:
    """Return the command that prints a container's certificate and key, one after the other."""
    paths = [shlex.quote(f"{container}:{path}") for path in (chain, key)]
    return " && ".join(f"docker cp -L {path} - | tar -xO" for path in paths)


def copy_letsencrypt(container: str, app_dir: str) -> str:
    """The command that copies certbot's accounts, certificates and links, unless the fleet has some of its own."""
    folder = shlex.quote(f"{app_dir}/letsencrypt")
    return (
        f"[ -e {folder}/live ] || {{ install -d -m 700 {folder} && "
        f"docker cp -a {container}:/etc/letsencrypt/. {folder}/; }}"
    )


def copy_files(container: str, path: str, volume: str) -> str:
    """The command that copies a folder of a stopped container into a volume, compares both, and counts the files.

    Files of the volume that the container lacks stay. A container without that folder has nothing to lose.
    """
    source, name = shlex.quote(f"{container}:{path}/."), shlex.quote(volume)
    return (
        f"docker volume create {name} >/dev/null && "
        f"to=$(docker volume inspect --format '{{{{.Mountpoint}}}}' {name}) && said=$(mktemp) && "
        # Docker's own copy to a folder gives every file to root.
        f'if ! docker cp -a {source} - 2>"$said" | tar --extract --file - --directory "$to" 2>>"$said"; then '
        'grep -q "ould not find the file" "$said" && echo 0 && exit 0; cat "$said" >&2; exit 1; fi && '
        f'docker cp -a {source} - | tar --compare --file - --directory "$to" >&2 && find "$to" -type f | wc -l'
    )


def stop(containers: Mapping[str, str]) -> str:
    """Return the command that stops containers, PostgreSQL last, so that anyone who writes to it has gone.

    Args:
        containers: id by service.
    """
    others = [identity for service, identity in containers.items() if service != "postgres"]
    steps = [f"docker stop --time 10 {' '.join(others)}"] if others else []
    steps += [f"docker stop --time 60 {containers['postgres']}"] if "postgres" in containers else []
    return " && ".join(f"{step} >/dev/null" for step in steps) or "true"


def end(containers: list[str]) -> str:
    """Return the command that stops containers for good, also for the next start of Docker's; they stay."""
    names = " ".join(map(shlex.quote, containers))
    return f"docker update --restart=no {names} >/dev/null && docker stop --time 30 {names} >/dev/null"


def take_away(project: str) -> str:
    """Return the command that stops and removes every container of a project; volumes stay."""
    ids = f"$(docker ps --all --quiet --filter label=com.docker.compose.project={shlex.quote(project)})"
    return f'ids={ids}; [ -z "$ids" ] || {{ docker stop --time 60 $ids && docker rm $ids; }} >/dev/null'


def start(container: str, seconds: int, *, healthy: bool) -> str:
    """Return the command that starts a container and waits until it runs, or is healthy.

    Args:
        container: its id.
        seconds: how long to wait.
        healthy: whether its health check must agree; that of a nginx installed by hand never does.
    """
    health = "{{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}"
    form = health if healthy else "{{.State.Status}}"
    state = f"docker inspect --format {shlex.quote(form)} {container}"
    until = f'until [ "$({state})" = {"healthy" if healthy else "running"} ]; do sleep 0.5; done'
    return (
        f"docker start {container} >/dev/null && {{ timeout {seconds} sh -c {shlex.quote(until)} || "
        f'{{ echo "it is $({state}) after {seconds} s" >&2; exit 1; }}; }}'
    )


def answers(container: str, port: int, seconds: int) -> str:
    """Return the command that waits until a container answers over HTTP, whatever it says."""
    form = shlex.quote("{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}")
    look = f"set -- $(docker inspect --format {form} {container}); curl -s -m 2 -o /dev/null http://$1:{port}/"
    return f"timeout {seconds} sh -c {shlex.quote(f'until {look}; do sleep 0.5; done')} || exit 1"


def set_aside(file: str, folder: str, instead: str) -> str:
    """Return the command that keeps a file in a folder, under its own name, and puts another in its place.

    Args:
        file: what is moved; when it is no longer there, nothing happens.
        folder: where it is kept.
        instead: a file that takes its place.
    """
    old, kept = shlex.quote(file), shlex.quote(f"{folder}/{file.rpartition('/')[2]}")
    return (
        f"[ ! -f {old} ] || [ -e {kept} ] || {{ install -d -m 700 {shlex.quote(folder)} && cp -a {old} {kept} && "
        f"sync {kept} && install -m 644 {shlex.quote(instead)} {old}.new && mv -fT {old}.new {old}; }}"
    )


def record_containers(containers: list[str], path: str) -> str:
    """Return the command that writes down all that Docker knows of containers; it holds their secrets."""
    return f"umask 077 && docker inspect {' '.join(containers)} >{shlex.quote(path)}"


def end_cron(table: str, line: str, folder: str) -> str:
    """Return the command that makes a comment of a line of a cron table; the table as it was is kept.

    Args:
        table: a file in /etc, or an account's own table.
        line: as it is there.
        folder: where the table is kept.
    """
    name = table.rpartition("/")[2]
    old, kept, new = shlex.quote(table), shlex.quote(f"{folder}/cron-{name}"), shlex.quote(f"{folder}/cron-{name}.new")
    comment = "# Ended by aiPBX Fleet, whose aipbx-backup.timer does it: "
    edit = f"""awk '$0 == ENVIRON["LINE"] {{ print "{comment}" $0; next }} {{ print }}' {old}"""
    # cron itself puts an account's table in its place, and takes notice.
    place = f"crontab -u {shlex.quote(name)} {new} && rm {new}"
    if not table.startswith(f"{CRONTABS}/"):
        partial = shlex.quote(f"{table}.aipbx-new")  # cron passes over names with a dot in /etc/cron.d
        place = f"cp -a {old} {partial} && cat {new} >{partial} && sync {partial} && mv -fT {partial} {old} && rm {new}"
    return (
        f"set -e; install -d -m 700 {shlex.quote(folder)}; [ -e {kept} ] || cp -a {old} {kept}; "
        f"LINE={shlex.quote(line)} {edit} >{new}; {place}"
    )
