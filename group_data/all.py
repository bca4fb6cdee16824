"""Every default of the fleet, a section a topic. A host changes one of them in inventory.py, a group in its own file.

fleet/settings.py checks each of these before anything is touched; a malformed value is refused by its name.
"""

# --- Who logs in ---------------------------------------------------------------------------------------------------
# The one account that operators and pyinfra use once a host is converged. Whose keys open it: operators/*.pub.
deploy_user = "deploy"
# Accounts that a fresh host may offer instead, tried in this order after deploy_user (clouds: root, debian, ubuntu).
first_login_users = ["root", "debian", "ubuntu"]

# --- Firewall ------------------------------------------------------------------------------------------------------
# Open to the internet beside SSH, for the host and for what containers publish: nginx.
web_ports = [80, 443]
# RTP from Asterisk, UDP: one port for each colour of the backend.
rtp_ports = [3032, 3034]
# Addresses or networks (IPv4 or IPv6) of the PBXs that may send RTP; empty: any.
pbx_addresses: list[str] = []

# --- Docker --------------------------------------------------------------------------------------------------------
# Pinned: upgraded by changing this line, never by chance. Docker's repository appends ~debian.13~trixie and the like.
docker_packages = {
    "docker-ce": "5:29.8.1-1",
    "docker-ce-cli": "5:29.8.1-1",
    "containerd.io": "2.3.5-1",
    "docker-buildx-plugin": "0.37.1-1",
    "docker-compose-plugin": "5.5.1-1",
}
# Docker's apt repository; the distribution's id (debian, ubuntu) is appended.
docker_repository = "https://download.docker.com/linux"
# Size in MiB at which a container's log file rotates, and how many are kept (the plan, 7.2).
docker_log_max_mib = 10
docker_log_files = 5
# A change that restarts the Docker daemon stops here while calls are live; say yes for one run with
# `--data docker_restart_during_calls=true`.
docker_restart_during_calls = False

# --- Directories ---------------------------------------------------------------------------------------------------
# Everything of aiPBX on the host lives below this path.
app_dir = "/app/aipbx"

# --- System --------------------------------------------------------------------------------------------------------
# Least free space on / and /var in MiB; below it nothing is begun: a full disk half-way is worse than a refusal.
min_free_disk_mib = 2048
# Most space in MiB that the system journal may take.
journal_max_mib = 500
# Hosts with less memory than this (MiB) get a swap file of swap_mib; Node builds peak at 1.9 GB.
swap_below_memory_mib = 3500
swap_mib = 2048
# Receive and send buffers of a UDP socket in bytes: 25 MiB rides out a stall of a busy event loop at 50 packets/s a
# call; the kernel's default of 208 KiB drops.
udp_buffer_bytes = 26214400
# Hour (UTC) from which security updates install; away from the nightly backup at 03:00.
security_updates_hour_utc = 5
# Seconds that apt waits for another apt on the host before it gives up.
apt_lock_timeout_seconds = 120

# --- Safety --------------------------------------------------------------------------------------------------------
# Seconds after which a change of sshd or firewall undoes itself on the host unless a fresh login confirmed it.
guard_seconds = 60
# fail2ban for sshd: failures within an hour, and the ban in seconds. Operators' addresses that are never banned.
fail2ban_max_failures = 5
fail2ban_ban_seconds = 3600
fail2ban_never_ban: list[str] = []

# --- pyinfra -------------------------------------------------------------------------------------------------------
# Deadline in seconds for any single remote command.
_timeout = 900
