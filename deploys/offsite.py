"""Copies off this host, and those that it keeps for others."""

from fleet.converge import configuration, packages, services, siblings
from fleet.converge.context import host_name, settings
from fleet.inventory import stores

APP = settings().app_dir
STORE = settings().offsite

# --- Its own copies: sealed with age, sent by ssh or rclone. The SSH key is made by `inv offsite.init` ---
if STORE:
    packages.installed(name="Off-site: packages", names=["age", "rclone"] if STORE.kind == "s3" else ["age"])
configuration.folders(
    name="Off-site: keys", modes={"/etc/aipbx/offsite": "755", "/etc/aipbx/offsite/authorized": "755"}
)
for unit, what in (("aipbx-offsite", "Off-site: copies"), ("aipbx-siblings", "Off-site: what it keeps for others")):
    timer = f"/etc/systemd/system/{unit}.timer"
    configuration.file(
        name=what, path=f"/etc/systemd/system/{unit}.service", text=configuration.shipped(f"agent/{unit}.service")
    )
    configuration.file(name=f"{what}, when", path=timer, text=configuration.shipped(f"agent/{unit}.timer"))
    services.running(name=f"{what}: the timer runs", unit=f"{unit}.timer", config=(timer,))

# --- What it keeps for others. sshd's part of it: deploys/ssh.py ---
configuration.folders(name="Off-site: where others' copies are", modes={f"{APP}/offsite": "700"})
for origin in stores.origins(host_name()):
    siblings.origin(
        name=f"Off-site: the account of {origin.name}",
        account=stores.account(origin.name),
        folder=stores.folder(APP, origin.name),
        kinds=stores.FOLDERS,
    )
