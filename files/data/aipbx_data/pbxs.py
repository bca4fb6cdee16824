"""All PBXs that the application is connected to: that of the env file (ARI_*), and every row of its table `PbxServers`.

The backend registers with each of them under its own name, so each must learn who gets new calls. `aipbx-data pbxs`
says before a deploy which of them can be handed over.
"""

from __future__ import annotations

import argparse
import json
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from aipbx_data import colours, engine, events
from aipbx_data.ari import Ari
from aipbx_data.config import Config
from aipbx_data.errors import DataError, Failed
from aipbx_data.postgres import Postgres

# With its schema: our sessions find no table of the application without it (sessions.py).
THERE = "SELECT to_regclass('public.\"PbxServers\"') IS NOT NULL"
ROWS = 'SELECT json_build_array(name, ari_url, ari_user, password) FROM public."PbxServers" ORDER BY id'
OWN = "the PBX of ARI_URL"
# Whoever does not answer so soon is not waited for: it may be a customer's, and switched off.
SECONDS = 5
# What it costs when the dialplan of a PBX goes on naming a backend that has ended.
COST = "Once the old backend has ended, new calls there reach nobody, until the hourly aipbx-watch finds it again."
Answer = TypeVar("Answer")


class Exchange(NamedTuple):
    """One PBX, and what an operator calls it."""

    name: str
    ari: Ari


class Pbxs:
    """The PBXs of this host that answer. The first is that of the env file, without which nothing is handed over.

    Whether another, maybe a customer's own, answers must not decide on a release: what fails there is noted.

    Args:
        main: the first.
        others: rows of the table.
    """

    def __init__(self, main: Ari, others: list[Exchange]) -> None:
        asked = _at_once(others, lambda one: _why_silent(one.ari))
        self.exchanges = [Exchange(OWN, main), *(one for one, why in zip(others, asked, strict=True) if not why)]
        self.silent = {one.name: why for one, why in zip(others, asked, strict=True) if why}
        self.main = main
        self._where: dict[str, list[Ari]] = {}

    @classmethod
    def of(cls, config: Config) -> Pbxs | None:
        """Those that this host knows; None when calls are not handed over here."""
        main = Ari.of(config)
        return cls(main, [one for one in rows(config, main.variable) if one.ari.url != main.url]) if main else None

    def gets_new_calls(self) -> str:
        """The application that the dialplan of the first names.

        Raises:
            Failed: that PBX does not answer.
        """
        return self.main.gets_new_calls()

    def missing(self, application: str, old: str) -> list[str]:
        """The PBXs with which an application is not registered: the first, and others that know the old one.

        Raises:
            Failed: the first does not answer.
        """
        of_main = [] if self.main.channels(application) is not None else [OWN]
        lack = _at_once(self.exchanges[1:], lambda one: _knows(one, old) and not _knows(one, application))
        return of_main + [one.name for one, lacks in zip(self.exchanges[1:], lack, strict=True) if lacks]

    def hand_over(self, application: str) -> None:
        """Let an application get every new call.

        Raises:
            Failed: the first does not answer.
        """
        self.main.hand_over(application)
        self.correct(application)

    def correct(self, application: str) -> None:
        """The same where it is registered and the dialplan names another; what fails is noted."""
        _at_once(self.exchanges, lambda one: _correct(one, application))

    def channels(self, application: str) -> list[str] | None:
        """The calls of an application on all of them; None when the first does not know it."""
        of_main = self.main.channels(application)
        others = _at_once(self.exchanges[1:], lambda one: _channels(one, application))
        self._where = {}
        # One PBX may be known by two addresses: its calls count once.
        for one, found in zip(self.exchanges, [of_main or [], *others], strict=True):
            for channel in found:
                self._where.setdefault(channel, []).append(one.ari)
        return None if of_main is None and not self._where else list(self._where)

    def hang_up(self, channel: str) -> None:
        """End one of the calls that `channels` named; nothing happens when it has ended."""
        for ari in self._where[channel]:
            ari.hang_up(channel)


def rows(config: Config, variable: str) -> list[Exchange]:
    """The PBXs of the application's table."""
    try:
        server = engine.live(config)
        if not isinstance(server, Postgres) or server.psql(THERE, config.database) != ["t"]:
            return []
        found = [json.loads(row) for row in server.psql(ROWS, config.database)]
    except DataError as problem:
        events.note(f"The application's table of PBXs cannot be read, so only ARI_URL counts: {problem.what}")
        return []
    return [
        Exchange(f"{name} ({_place(url)})", Ari(url, user, password, variable, SECONDS))
        for name, url, user, password in found
    ]


def _place(url: str) -> str:
    """Where a PBX is, without a login that somebody put into its URL."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def _at_once(some: list[Exchange], how: Callable[[Exchange], Answer]) -> list[Answer]:
    if not some:
        return []
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(how, some))


def _why_silent(ari: Ari) -> str:
    try:
        _refuse_ourselves(ari.url)
        ari.gets_new_calls()
    except DataError as problem:
        return problem.why
    return ""


def _refuse_ourselves(url: str) -> None:
    """Refuse an address that only this host itself has: rows are the application's, and this is not.

    Raises:
        Failed: it is one, or has no address.
    """
    try:
        parts = urlsplit(url)
        found = socket.getaddrinfo(parts.hostname or "", parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as problem:
        raise Failed(f"{url} has no address.", str(problem), "Correct the PBX in the application.") from None
    addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if parts.scheme not in {"http", "https"} or any(
        each.is_loopback or each.is_link_local or each.is_unspecified for each in addresses
    ):
        raise Failed(f"{url} is not asked.", "its address is this host's own", "Correct the PBX in the application.")


def _knows(one: Exchange, application: str) -> bool:
    try:
        return one.ari.channels(application) is not None
    except DataError:
        return False


def _is_unset(one: Exchange) -> bool:
    try:
        return not one.ari.gets_new_calls()
    except DataError:
        return False


def _channels(one: Exchange, application: str) -> list[str]:
    try:
        return one.ari.channels(application) or []
    except DataError:
        return []


def _correct(one: Exchange, application: str) -> None:
    try:
        if one.ari.channels(application) is not None and one.ari.gets_new_calls() != application:
            one.ari.hand_over(application)
    except DataError as problem:
        events.note(f"{one.name} was not handed over: {problem.why}. {COST}")


def arguments(_: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(config: Config, _: argparse.Namespace) -> None:
    """Say how many PBXs there are, and which of them a deploy cannot hand over, with the reason."""
    found = Pbxs.of(config)
    name = _serving(config)
    if not found or not name:
        events.result(count=len(rows(config, "")), silent={}, strange=[], unset=[])
        return
    strange = [one.name for one in found.exchanges if not _knows(one, name)]
    unset = [one.name for one in found.exchanges if one.name not in strange and _is_unset(one)]
    count = len(found.exchanges) + len(found.silent)
    events.result(count=count, silent=found.silent, strange=strange, unset=unset)


def keep(config: Config) -> None:
    """Hand over PBXs whose dialplan names another backend than the one that serves.

    They were restarted, and forgot it, or were out of reach when a release was switched.
    """
    if (config.app / "lock").exists() or not (found := Pbxs.of(config)):
        return
    done = ""
    # A switch that began meanwhile may have handed over before the last word from here.
    while (name := _serving(config)) != done:
        found.correct(name)
        done = name


def _serving(config: Config) -> str:
    """The name of the backend that serves; empty when none does."""
    serving = colours.serving(config, "backend")
    return colours.bot(colours.present(config, serving)) if serving else ""
