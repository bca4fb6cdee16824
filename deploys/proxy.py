"""The web proxy: nginx's folder and configuration, tested by nginx itself. It starts with the first release."""

from pyinfra import host

from aipbx_agent import contract
from fleet.converge.context import render, settings
from fleet.converge.files import configuration, nginx
from fleet.nginx import settings as nginx_settings

APP = settings().app_dir

configuration.folders(
    name="nginx: create mounted directories",
    modes={f"{APP}/{folder}": "755" for folder in ("nginx", "nginx/active", "maintenance", "acme-challenge")}
    | {f"{APP}/tls": "711"},
)
configuration.file(
    name="nginx: write host.conf",
    path="/usr/local/lib/aipbx/host.conf",
    text=render("proxy/host.conf.j2"),
)
configuration.file(
    name="nginx: install nginx.sh",
    path=contract.NGINX,
    text=configuration.shipped("proxy/nginx.sh"),
    mode="755",
)
nginx.configured(
    name="nginx: write, test and reload configuration",
    folder=f"{APP}/nginx",
    files=nginx_settings.files(host.name, settings()),
)
