"""Which colour of a service serves, as the host's files say (the agent: containers/colours.py): the one place here.

An operator says `backend`, and means the colour that serves; of logs, those of both while there are two.
"""

from __future__ import annotations

import shlex

from aipbx_agent.contract import SERVICES


def serving(app_dir: str, service: str) -> str:
    """Return a word for sh: the Compose service that serves as `service`; that itself before the first release.

    Args:
        app_dir: where the stack's files are.
        service: one of the stack's.
    """
    if service not in SERVICES:
        return shlex.quote(service)
    folder = shlex.quote(f"{app_dir}/nginx/active")
    # While a switch continues both may be there, and green counts (templates/nginx/https.conf.j2).
    look = f'for name in {service}-green {service}-blue; do [ ! -e {folder}/"$name" ] || break; name={service}; done'
    return f'"$({look}; echo "$name")"'


def present(project: str, service: str) -> str:
    """Words for sh: the Compose services that are colours of `service` and have a container.

    Args:
        service: one of the stack's.
    """
    if service not in SERVICES:
        return shlex.quote(service)
    label = shlex.quote(f"label=com.docker.compose.project={project}")
    form = shlex.quote('{{.Label "com.docker.compose.service"}}')
    every = f"docker ps --all --filter {label} --format {form} | sort -u"
    return f"$({every} | grep -xE '{service}-(blue|green)' || echo {service})"
