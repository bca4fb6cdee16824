"""`aipbx-agent certificate`: obtain it if there is none for our names, renew it if it is due, have nginx serve it.

aipbx-certificate.timer, `inv tls.issue`, `inv tls.renew` and a host's first deploy call it.
"""

from __future__ import annotations

import argparse
import shutil
from contextlib import suppress
from pathlib import Path

from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError, Refused
from aipbx_agent.tls import declared, obtain, serving, store
from aipbx_agent.tls.check import CHAIN, KEY


def arguments(parser: argparse.ArgumentParser) -> None:
    """Whether it is renewed in any case."""
    parser.add_argument("--force", action="store_true", help="renew although it is not due")


def main(config: Config, options: argparse.Namespace) -> None:
    """Obtain, renew and serve as needed.

    Raises:
        Refused: nothing was touched.
        Failed: the authority issues none, or nginx does not serve it.
    """
    wanted = declared.read(config)
    with store.incoming(config) as new:
        if wanted.source != declared.LETSENCRYPT:
            serving.confirm(config, _publish(config, _supplied(config), new, wanted.names))
            return
        live = obtain.live(config)
        try:
            obtain.obtain(config, wanted, force=options.force)
        except AgentError:
            # What there is already is served all the same; what the authority said is the outcome.
            with suppress(AgentError, FileNotFoundError):
                _publish(config, live, new, wanted.names)
            raise
        serving.confirm(config, _publish(config, live, new, wanted.names))


def _publish(config: Config, source: Path, new: Path, names: list[str]) -> str:
    for name in (CHAIN, KEY):
        shutil.copyfile(source / name, new / name)
    return store.publish(config, new, names)


def _supplied(config: Config) -> Path:
    if not store.current(config):
        raise Refused(
            f"No certificate has been supplied to {config.host} yet.",
            'Its data say tls = "supplied".',
            f"`inv tls.supply --host={config.host} --cert=fullchain.pem --key=privkey.pem`",
        )
    return store.folder(config) / "current"
