"""Off-site copies of this host, and the copies of peer hosts that it stores."""

from aipbx_agent.contract import OFFSITE
from aipbx_agent.stores.base import FOLDERS
from fleet.converge.access import peers
from fleet.converge.context import host_name, settings
from fleet.converge.files import configuration, services
from fleet.converge.system import packages
from fleet.inventory import stores

APP = settings().app_dir
STORE = settings().offsite

# --- Its own copies: encrypted with age, sent by ssh or rclone. The SSH key is made by `inv offsite.init` ---
if STORE:
    packages.installed(name="Off-site: install packages", names=["age", "rclone"] if STORE.kind == "s3" else ["age"])
configuration.folders(name="Off-site: create key directories", modes={OFFSITE: "755", f"{OFFSITE}/authorized": "755"})
for unit in ("aipbx-offsite", "aipbx-peers"):
    timer = f"/etc/systemd/system/{unit}.timer"
    configuration.file(
        name=f"Off-site: write {unit}.service",
        path=f"/etc/systemd/system/{unit}.service",
        text=configuration.shipped(f"agent/{unit}.service"),
    )
    configuration.file(
        name=f"Off-site: write {unit}.timer", path=timer, text=configuration.shipped(f"agent/{unit}.timer")
    )
    services.running(name=f"Off-site: start {unit}.timer", unit=f"{unit}.timer", config=(timer,))

# --- Copies of peer hosts. sshd's part of it: deploys/ssh.py ---
configuration.folders(name="Off-site: create directory for peer copies", modes={f"{APP}/offsite": "700"})
for origin in stores.origins(host_name()):
    peers.origin(
        name=f"Off-site: create account for {origin.name}",
        account=stores.account(origin.name),
        folder=stores.folder(APP, origin.name),
        kinds=FOLDERS,
    )
