"""The certificate: when the host looks whether it is due. The first one comes with the first deploy."""

from aipbx_agent import contract
from fleet.converge.context import render, settings
from fleet.converge.files import configuration, services

APP = settings().app_dir
TIMER = "/etc/systemd/system/aipbx-certificate.timer"

configuration.folders(name="TLS: create certbot directory", modes={f"{APP}/letsencrypt": "700"})
configuration.file(
    name="TLS: install aipbx-certificate.service",
    path="/etc/systemd/system/aipbx-certificate.service",
    text=render("systemd/aipbx-certificate.service.j2", contract=contract),
)
configuration.file(
    name="TLS: install aipbx-certificate.timer", path=TIMER, text=configuration.shipped("tls/aipbx-certificate.timer")
)
services.running(name="TLS: start aipbx-certificate.timer", unit="aipbx-certificate.timer", config=(TIMER,))
