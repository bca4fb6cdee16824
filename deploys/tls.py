"""The certificate: how the host obtains, renews, checks and serves it. The first one comes with the first deploy."""

from fleet.converge.context import render, settings
from fleet.converge.files import configuration, services

APP = settings().app_dir
TIMER = "/etc/systemd/system/aipbx-certificate.timer"

configuration.folders(name="TLS: the authority's account and certificates", modes={f"{APP}/letsencrypt": "700"})
for script in ("certificate.sh", "check.sh", "points-here.sh"):
    configuration.file(
        name=f"TLS: {script}",
        path=f"/usr/local/lib/aipbx/{script}",
        text=configuration.shipped(f"tls/{script}"),
        mode="755",
    )
configuration.file(
    name="TLS: one look at the certificate",
    path="/etc/systemd/system/aipbx-certificate.service",
    text=render("systemd/aipbx-certificate.service.j2"),
)
configuration.file(name="TLS: twice a day", path=TIMER, text=configuration.shipped("tls/aipbx-certificate.timer"))
services.running(name="TLS: the timer runs", unit="aipbx-certificate.timer", config=(TIMER,))
