"""The web proxy: nginx's folder and configuration, tested by nginx itself. It runs once there is a release."""

from pyinfra import host

from fleet.converge import configuration, nginx
from fleet.converge.context import render, settings
from fleet.nginx import settings as nginx_settings

APP = settings().app_dir

configuration.folders(
    name="nginx: what its container mounts",
    modes={f"{APP}/{folder}": "755" for folder in ("nginx", "nginx/active", "maintenance", "acme-challenge")}
    | {f"{APP}/tls": "711"},
)
configuration.file(
    name="What the host's own scripts know of it",
    path="/usr/local/lib/aipbx/host.conf",
    text=render("proxy/host.conf.j2", names=nginx_settings.names(host.name, settings())),
)
configuration.file(
    name="nginx: how it is tested and reloaded",
    path=nginx.SCRIPT,
    text=configuration.shipped("proxy/nginx.sh"),
    mode="755",
)
nginx.configured(
    name="nginx: its configuration, which the one that runs has read",
    folder=f"{APP}/nginx",
    files=nginx_settings.files(host.name, settings()),
)
