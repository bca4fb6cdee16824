"""Private packages of the world's ghcr.io: read with a token only, asked for and refused as GitHub's registry does."""

from __future__ import annotations

import base64
from collections.abc import Mapping

FOLDER = "/etc/world/ghcr"
RELOAD = "nginx -c /etc/world/nginx.conf -s reload"
# What becomes of a token: it opens the packages, is not known (any more), or may read no package.
OPENS, UNKNOWN, NO_SCOPE = "opens", "unknown", "no scope"
USER = "token"
_REALM = 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:{}:pull"'
_ERROR = '{{"errors":[{{"code":"{}","message":"{}"}}]}}'
_DENIED = _ERROR.format("DENIED", "denied")
_OUT_OF_SCOPE = _ERROR.format("DENIED", "permission_denied: The token provided does not match expected scopes.")
_UNAUTHORIZED = _ERROR.format("UNAUTHORIZED", "authentication required")
_OPENED = "opened-by-the-world"
_PROXY = "    proxy_pass http://127.0.0.1:5001;\n}\n"


def nginx(package: str, tokens: Mapping[str, str], rate: str) -> str:
    """Return the part of ghcr.io's server that makes a package private.

    Args:
        package: its name, such as ``krasterisk/aipbx_backend``.
        tokens: what becomes of each; any other is unknown. Without one, a bearer that opens nothing is given.
        rate: bytes in a second of each answer; 0: without a limit.
    """
    challenge = f"    add_header WWW-Authenticate '{_REALM.format(package)}' always;"
    unauthorized = f"{{ return 401 '{_UNAUTHORIZED}'; }}"
    # Docker learns from the registry's own address, which all packages share, where tokens are exchanged.
    lines = ["location = /v2/ {", "    default_type application/json;", challenge]
    lines += [f'    if ($http_authorization !~ "^Bearer ") {unauthorized}', _PROXY]
    lines += ["location = /token {", "    default_type application/json;"]
    lines.append('    if ($http_authorization = "") { return 200 \'{"token":"opens-nothing"}\'; }')
    for token, outcome in tokens.items():
        header = "Basic " + base64.b64encode(f"{USER}:{token}".encode()).decode()
        lines.append(f'    if ($http_authorization = "{header}") {{ {_answer(outcome)} }}')
    lines += [f"    return 403 '{_DENIED}';", "}", f"location /v2/{package}/ {{"]
    lines += ["    default_type application/json;", f"    limit_rate {rate};", challenge]
    lines += [f'    if ($http_authorization != "Bearer {_OPENED}") {unauthorized}', _PROXY]
    return "\n".join(lines)


def _answer(outcome: str) -> str:
    if outcome == OPENS:
        return f'return 200 \'{{"token":"{_OPENED}"}}\';'
    return f"return 403 '{_OUT_OF_SCOPE if outcome == NO_SCOPE else _DENIED}';"
