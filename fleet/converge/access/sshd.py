"""sshd as it should be, compared by what it would do (`sshd -T`), not by what a file says."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from pyinfra import host
from pyinfra.api import FactBase, FunctionCommand, StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from fleet.converge.access import guard
from fleet.converge.files import configuration
from fleet.converge.files.configuration import SET_ASIDE
from fleet.converge.output import of_kind, sections

MAIN = "/etc/ssh/sshd_config"
DROPINS = "/etc/ssh/sshd_config.d"
OURS = "00-aipbx.conf"
STAGE = "/var/lib/aipbx/stage/sshd"
PRISTINE = "/usr/share/openssh/sshd_config"
# Keywords whose lists grow with every file, or that hold for some logins only: sorting first does not override them.
UNRULY = ("match", "allowusers", "allowgroups", "denyusers", "denygroups", "include", "acceptenv", "subsystem")


@dataclass(frozen=True)
class SshdState:
    """What is on the host.

    Attributes:
        main: the text of sshd_config.
        dropins: the text of each drop-in by name.
        effective: by account, what `sshd -T` says for its logins: keyword → value in lower case.
        armed: whether an unconfirmed change waits to be undone.
    """

    main: str = ""
    dropins: dict[str, str] = field(default_factory=dict)
    effective: dict[str, dict[str, str]] = field(default_factory=dict)
    armed: bool = False


class Sshd(FactBase[SshdState]):
    """sshd's files and what they amount to, for the logins of the given accounts."""

    def command(self, accounts: tuple[str, ...]) -> str:
        """One round trip: sections that begin with a line `==kind name`."""
        effective = "".join(
            f"echo '==effective {name}'; sshd -T -C user={name},host=fleet,addr=192.0.2.1 2>&1 || true; "
            for name in map(shlex.quote, accounts)
        )
        return (
            f"mkdir -p /run/sshd; echo '==main -'; cat {MAIN}; "
            f'for f in {DROPINS}/*.conf; do [ -f "$f" ] || continue; echo "==dropin ${{f##*/}}"; cat "$f"; done; '
            f"{effective}if {guard.armed('ssh')}; then echo '==armed -'; fi"
        )

    @staticmethod
    def default() -> SshdState:
        """Return a host without sshd's files."""
        return SshdState()

    def process(self, output: list[str]) -> SshdState:
        """Read the sections."""
        parts = sections(output)
        return SshdState(
            main=parts.get("main -", ""),
            dropins=of_kind(parts, "dropin"),
            effective={name: _effective(text) for name, text in of_kind(parts, "effective").items()},
            armed="armed -" in parts,
        )


def _effective(text: str) -> dict[str, str]:
    """Return what `sshd -T` printed; it has a line for each value of a list such as AllowUsers."""
    effective: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        effective[key] = f"{effective.get(key, '')} {value.strip().lower()}".strip()
    return effective


def directives(text: str) -> list[tuple[str, str]]:
    """Return the keyword (lower case) and value of every directive in an sshd configuration, in order."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.replace("=", " ", 1).split(None, 1) for line in lines if line and not line.startswith("#"))
    return [(word[0].lower(), word[1].strip() if len(word) > 1 else "") for word in pairs]


def deviations(
    state: SshdState, wanted: dict[str, str], confined: dict[str, dict[str, str]] | None = None
) -> list[str]:
    """Return where the effective settings differ from the wanted, as `keyword: value instead of wanted`, sorted.

    Args:
        state: what is on the host.
        wanted: value by keyword, for all accounts.
        confined: by account, what differs for its logins.
    """
    differing = {
        f"{key}: {settings.get(key, 'unset')} instead of {value}"
        for account, settings in state.effective.items()
        for key, value in {**wanted, **(confined or {}).get(account, {})}.items()
        if settings.get(key, "unset") != value.lower()
    }
    return sorted(differing)


def culprits(state: SshdState, wanted: dict[str, str]) -> list[str]:
    """Return the other drop-ins that would still loosen sshd once ours is in place: they sort before it, or contain a
    keyword that sorting first does not override."""
    ruled = {key for key in wanted if key in UNRULY} | {"match", "include"}
    return [
        name
        for name, text in sorted(state.dropins.items())
        if name != OURS and (name < OURS or any(key in ruled for key, _ in directives(text)))
    ]


def main_is_unruly(state: SshdState, wanted: dict[str, str]) -> bool:
    """Whether sshd_config itself would loosen what we set: the include is not its first directive, or it contains a
    keyword that sorting first does not override."""
    lines = directives(state.main)
    ruled = {key for key in wanted if key in UNRULY} | {"match", "include"}
    return not lines or lines[0] != ("include", f"{DROPINS}/*.conf") or any(key in ruled for key, _ in lines[1:])


@operation()
def hardened(
    dropin: str, wanted: dict[str, str], account: str, confined: dict[str, dict[str, str]]
) -> Generator[PyinfraCommand | str, None, None]:
    """Make sshd effectively what `wanted` says, and keep the way in.

    Args:
        dropin: the text of our drop-in, which sorts first.
        wanted: effective settings as `sshd -T` prints them, for root and every account.
        account: who must be able to log in before and after.
        confined: by account of another kind, what `sshd -T` prints otherwise for its logins.

    The account is proved by a fresh login before anything is removed; the change undoes itself unless another
    fresh login confirms it. Files that would loosen sshd all the same are set aside, not deleted.
    """
    state = host.get_fact(Sshd, accounts=("root", account, *confined))
    wrong = deviations(state, wanted, confined)
    if state.dropins.get(OURS) == dropin and not wrong and not state.armed:
        host.noop("sshd is as declared")
        return
    set_aside = culprits(state, wanted) if wrong else []
    restore_main = bool(wrong) and main_is_unruly(state, wanted)
    configuration.show_difference(f"{DROPINS}/{OURS}", state.dropins.get(OURS, ""), dropin)
    yield FunctionCommand(guard.prove_login, (account,), {})
    yield configuration.upload(dropin, f"{STAGE}.conf")
    yield StringCommand(staged_check(set_aside, restore_main=restore_main))
    yield from guard.guarded("ssh", account, apply(set_aside, restore_main=restore_main))
    yield FunctionCommand(_verify, (wanted, account, confined), {})


def staged_check(set_aside: list[str], *, restore_main: bool) -> str:
    """Return the command that puts the future configuration together in a folder of its own and lets sshd test it."""
    dropped = "".join(f" && rm -f {STAGE}/sshd_config.d/{shlex.quote(name)}" for name in set_aside)
    main = PRISTINE if restore_main else MAIN
    return (
        f"rm -rf {STAGE} && mkdir -p {STAGE}/sshd_config.d && cp -a {DROPINS}/. {STAGE}/sshd_config.d/{dropped}"
        f" && install -m 600 {STAGE}.conf {STAGE}/sshd_config.d/{OURS}"
        f" && sed 's#{DROPINS}#{STAGE}/sshd_config.d#' {main} > {STAGE}/sshd_config"
        f" && sshd -t -f {STAGE}/sshd_config"
    )


def apply(set_aside: list[str], *, restore_main: bool) -> list[str]:
    """Return the commands that put the tested configuration into force."""
    commands = [f"mv {DROPINS}/{shlex.quote(name)} {DROPINS}/{shlex.quote(name)}{SET_ASIDE}" for name in set_aside]
    if restore_main:
        commands.append(
            f"cp -a {MAIN} {MAIN}{SET_ASIDE} && install -m 644 {PRISTINE} {MAIN}.new && mv {MAIN}.new {MAIN}"
        )
    commands.append(f"install -m 644 {STAGE}.conf {DROPINS}/{OURS}.new && mv {DROPINS}/{OURS}.new {DROPINS}/{OURS}")
    commands.append("sshd -t && systemctl try-reload-or-restart ssh.service")
    return commands


def _verify(state: Any, host: Any, wanted: dict[str, str], account: str, confined: dict[str, dict[str, str]]) -> bool:
    wrong = deviations(host.get_fact(Sshd, accounts=("root", account, *confined)), wanted, confined)
    for line in wrong:
        host.log_styled(f"sshd's effective {line}; look for it in {MAIN} and {DROPINS}", fg="red")
    return not wrong
