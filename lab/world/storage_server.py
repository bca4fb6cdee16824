"""The object storage of the world: OpenStack Swift, all of it in one process, which speaks S3.

It stands in for a provider's storage: Swift's own S3 interface checks signatures (version 4) and what a body hashes to,
puts the parts of an upload together, and shows an object only when it is complete. This file runs inside the world, on
Debian's packages, and imports nothing of the lab's.
"""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

import eventlet
from eventlet import wsgi
from swift.account.server import AccountController
from swift.common import utils
from swift.common.middleware import catch_errors, copy, gatekeeper, listing_formats, slo
from swift.common.middleware.s3api import s3api
from swift.common.middleware.s3api.s3response import AccessDenied
from swift.common.ring import RingData
from swift.common.swob import HTTPForbidden, HTTPUnauthorized
from swift.common.utils.logs import get_swift_logger
from swift.common.wsgi import make_pre_authed_request
from swift.container.server import ContainerController
from swift.obj.server import ObjectController
from swift.proxy.server import Application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SETTINGS = Path("/etc/world/object-storage.json")
STATE = Path("/var/lib/world/object-storage")
PORT = 5002
_INNER = {
    "account": (5012, AccountController),
    "container": (5022, ContainerController),
    "object": (5032, ObjectController),
}
_DEVICE = "disk"
# As many parts as S3 allows; Swift's default is a tenth.
_PARTS = "10000"
# The inner servers are this process: a machine that is busy for a moment is no reason to give one of them up.
_PATIENCE = {
    "conn_timeout": "30",
    "node_timeout": "60",
    "container_update_timeout": "60",
    "error_suppression_interval": "0",
}


class Keys:
    """Lets a request through that one of the known secret keys signed."""

    def __init__(self, app: Wsgi, keys: Mapping[str, str]) -> None:
        """Stand in front of an application.

        Args:
            app: The application.
            keys: Secret key by access key.
        """
        self._app = app
        self._keys = keys

    def __call__(self, environment: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, or have the application answer it."""
        # Swift asks itself, on behalf of a request that was let through.
        if environment.get("swift.authorize_override"):
            return self._app(environment, start_response)
        signed = environment.get("s3api.auth_details")
        answer: Wsgi
        if signed is None:
            answer = AccessDenied()
        elif signed["access_key"] not in self._keys:
            answer = HTTPForbidden()
        elif not signed["check_signature"](self._keys[signed["access_key"]]):
            # The S3 interface makes SignatureDoesNotMatch of it.
            answer = HTTPUnauthorized()
        else:
            # It looks into the same dictionary afterwards: whether there was someone to let in.
            environment["REMOTE_USER"] = signed["access_key"]
            environment["swift.authorize"] = lambda _: None
            environment["swift_owner"] = True
            answer = self._app
        return answer(environment, start_response)


def main() -> None:
    """Make the buckets, then serve S3 until the process ends."""
    utils.monkey_patch()
    settings = json.loads(SETTINGS.read_text())
    (STATE / _DEVICE).mkdir(parents=True, exist_ok=True)
    # Where an object lies follows from a hash that must not change while the objects live.
    utils.HASH_PATH_SUFFIX = b"aipbx-lab"
    swift = {"swift_dir": str(STATE), "devices": str(STATE), "mount_check": "false", "log_level": "ERROR", **_PATIENCE}
    get_swift_logger(swift, log_to_console=True)
    for name, (port, server) in _INNER.items():
        _ring(port).save(str(STATE / f"{name}.ring.gz"))
        _serve(port, server(swift))
    store = Application({**swift, "account_autocreate": "true"})
    for account in settings["keys"]:
        for bucket in settings["buckets"]:
            _make_bucket(store, account, bucket)
    _serve(PORT, _with_s3(store, swift, settings)).wait()


def _ring(port: int) -> RingData:
    """Return the map that says where things lie: always on the one disk, behind the server at that port."""
    place = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    device = {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": _DEVICE, **place}
    return RingData([array("H", [0, 0])], [device], 31)


def _make_bucket(store: Wsgi, account: str, bucket: str) -> None:
    answer = make_pre_authed_request({}, "PUT", f"/v1/{account}/{bucket}").get_response(store)
    if not answer.is_success:
        raise RuntimeError(f"the bucket {bucket} could not be made: {answer.status}")


def _with_s3(store: Wsgi, swift: Mapping[str, str], settings: Mapping[str, Any]) -> Wsgi:
    """Return the store behind what makes it S3: the last one named is the first to see a request."""
    # Parts go with their object at once: no one here would do later what Swift puts off.
    app = slo.filter_factory(swift, max_manifest_segments=_PARTS, allow_async_delete="false")(store)
    app = copy.filter_factory(swift)(app)
    app = Keys(app, settings["keys"])
    app = s3api.filter_factory(swift, location=settings["region"], max_upload_part_num=_PARTS)(app)
    app = listing_formats.filter_factory(swift)(app)
    app = gatekeeper.filter_factory(swift)(app)
    serving: Wsgi = catch_errors.filter_factory(swift)(app)
    return serving


def _serve(port: int, app: Wsgi) -> Any:
    return eventlet.spawn(wsgi.server, eventlet.listen(("127.0.0.1", port)), app, log_output=False)


if __name__ == "__main__":
    main()
