"""sshd: keys only, one account, strong cryptography; proved by a new login, undone when that fails."""

from aipbx_agent.contract import CI
from fleet.checkout import ci_keys
from fleet.converge.access import ci_account, sshd
from fleet.converge.context import host_name, render, settings, system
from fleet.inventory import stores

POST_QUANTUM = ["mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com"]
# paramiko 5.1 speaks mlkem768x25519 and no sntrup761; Debian 12 and Ubuntu's OpenSSH know only the latter.
CLASSICAL = [] if "mlkem768x25519-sha256" in system().kex else ["curve25519-sha256", "curve25519-sha256@libssh.org"]

# Accounts of the peer hosts whose off-site copies this host stores, and CI's.
confined = {
    stores.account(origin.name): stores.confined(settings().app_dir, origin.name)
    for origin in stores.origins(host_name())
}
if ci_keys():
    confined[CI] = ci_account.confined()
key_exchanges = [name for name in POST_QUANTUM + CLASSICAL if name in system().kex]

sshd.hardened(
    name="sshd: apply configuration, reverted if no login succeeds",
    dropin=render("sshd.conf.j2", key_exchanges=key_exchanges, confined=confined),
    wanted={
        "permitrootlogin": "no",
        "pubkeyauthentication": "yes",
        "passwordauthentication": "no",
        "kbdinteractiveauthentication": "no",
        "hostbasedauthentication": "no",
        "permitemptypasswords": "no",
        "authenticationmethods": "any",
        "authorizedkeysfile": ".ssh/authorized_keys",
        "authorizedkeyscommand": "none",
        "trustedusercakeys": "none",
        "allowusers": " ".join([settings().deploy_user, *confined]),
        "allowgroups": "unset",
        "denyusers": "unset",
        "denygroups": "unset",
        "forcecommand": "none",
        "chrootdirectory": "none",
        "allowtcpforwarding": "local",
        "allowagentforwarding": "no",
        "x11forwarding": "no",
        "permittunnel": "no",
        "permituserenvironment": "no",
        "gatewayports": "no",
        "loglevel": "VERBOSE",
        "kexalgorithms": ",".join(key_exchanges),
    },
    account=settings().deploy_user,
    confined=confined,
)
