"""All PBXs that the application is connected to: that of the env file (ARI_*), and every row of its table `PbxServers`.

The backend registers with each of them under its own name, so each must learn who gets new calls. `summary` says before
a deploy which of them can be handed over.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aipbx_agent.core import events
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import AgentError
from aipbx_agent.core.parallel import STUCK_SECONDS, in_parallel
from aipbx_agent.core.text import one_line
from aipbx_agent.databases import engine
from aipbx_agent.databases.postgres.engine import Postgres
from aipbx_agent.release.containers import colours
from aipbx_agent.release.pbx import pbx_addresses
from aipbx_agent.release.pbx.ari import MOST_WORDS, Ari
from aipbx_agent.release.pbx.pbx_addresses import Addresses

# With its schema: our sessions find no table of the application without it (sessions.py).
THERE = "SELECT to_regclass('public.\"PbxServers\"') IS NOT NULL"
# As much as any real one has: what the table is belongs to the application, and its rows to customers.
ROWS = (
    "SELECT json_build_array(left(name::text, 200), left(ari_url::text, 500), left(ari_user::text, 200), "
    'left(password::text, 500)) FROM public."PbxServers" ORDER BY id LIMIT 1000'
)
OWN = "the PBX of ARI_URL"
UNREAD = "whatever PBX the application's table has"
# Anyone who does not answer so soon is not waited for: it may be a customer's, and switched off.
SECONDS = 5
# All calls that are left at the deadline are hung up within that.
HANG_UP_SECONDS = 120
STUCK = f"no answer came in {STUCK_SECONDS} s"
# What it costs when the dialplan of a PBX continues naming a backend that has ended.
COST = "Once the old backend has ended, new calls there reach no one, until the hourly aipbx-watch finds it again."


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
        wrong: rows that are no PBX, and why.

    Attributes:
        silent: those that did not answer at the beginning, and why; they are not asked again.
        unheard: whether one of the rest had no answer when `channels` asked last.
    """

    def __init__(self, main: Ari, others: list[Exchange], wrong: dict[str, str] | None = None) -> None:
        silences = in_parallel(others, lambda exchange: _why_silent(exchange.ari), STUCK)
        self.exchanges = [
            Exchange(OWN, main),
            *(exchange for exchange, why in zip(others, silences, strict=True) if not why),
        ]
        self.silent = {exchange.name: why for exchange, why in zip(others, silences, strict=True) if why}
        self.silent.update(wrong or {})
        self.main, self.unheard = main, False
        self._known: dict[tuple[int, str], list[str]] = {}
        self._where: dict[str, list[Ari]] = {}

    @classmethod
    def of(cls, config: Config) -> Pbxs | None:
        """Return those that this host knows; None when calls are not handed over here."""
        main = Ari.of(config)
        if not main:
            return None
        others, wrong = rows(config, main.variable)
        return cls(main, [other for other in others if other.ari.url != main.url], wrong)

    def gets_new_calls(self) -> str:
        """Return the application that the dialplan of the first names.

        Raises:
            Failed: that PBX does not answer.
        """
        return self.main.gets_new_calls()

    def missing(self, application: str, old: str) -> list[str]:
        """Return the PBXs with which an application is not registered: the first, and others that know the old one.

        Raises:
            Failed: the first does not answer.
        """
        of_main = [] if self.main.channels(application) is not None else [OWN]
        lack = in_parallel(
            self.exchanges[1:], lambda exchange: _knows(exchange, old) and not _knows(exchange, application), False
        )
        return of_main + [exchange.name for exchange, lacks in zip(self.exchanges[1:], lack, strict=True) if lacks]

    def hand_over(self, application: str) -> None:
        """Let an application get every new call.

        Raises:
            Failed: the first does not answer.
        """
        self.main.hand_over(application)
        self.correct(application)

    def correct(self, application: str) -> None:
        """The same where it is registered and the dialplan names another; what fails is noted."""
        failed = in_parallel(self.exchanges, lambda exchange: _correct(exchange, application), STUCK)
        for exchange, why in zip(self.exchanges, failed, strict=True):
            if why:
                events.note(f"{exchange.name} was not handed over: {why}. {COST}")

    def channels(self, application: str) -> list[str] | None:
        """Return the calls of an application on all of them; None when the first does not know it.

        One that does not answer now (`unheard`) has those that it named last.
        """
        of_main = self.main.channels(application)
        others = self._of_others(application)
        self._where = {}
        # One PBX may be known by two addresses: its calls count once.
        for exchange, of_exchange in zip(self.exchanges, [of_main or [], *others], strict=True):
            for channel in of_exchange:
                self._where.setdefault(channel, []).append(exchange.ari)
        return None if of_main is None and not self._where else list(self._where)

    def _of_others(self, application: str) -> list[list[str]]:
        answers = in_parallel(self.exchanges[1:], lambda exchange: _channels(exchange, application), None)
        self.unheard = None in answers
        for number, answer in enumerate(answers):
            if answer is not None:
                self._known[number, application] = answer
        return [self._known.get((number, application), []) for number in range(len(answers))]

    def hang_up(self, channels: list[str]) -> list[str]:
        """End calls that `channels` named; nothing happens when one has ended.

        Returns: why some could not be ended, for each of them.
        """
        failed = in_parallel(channels, self._hung_up, STUCK, seconds=HANG_UP_SECONDS)
        return [why for why in failed if why]

    def _hung_up(self, channel: str) -> str:
        try:
            for ari in self._where[channel]:
                ari.hang_up(channel)
        except AgentError as problem:
            return problem.why
        return ""


def rows(config: Config, variable: str) -> tuple[list[Exchange], dict[str, str]]:
    """Return the PBXs of the application's table, and the rows that are none with the reason, or why it cannot be read.

    The table may be a view, whose code runs as its reader: so no one does as the superuser.
    """
    try:
        server = engine.live(config)
        if not isinstance(server, Postgres) or server.psql(THERE, config.database) != ["t"]:
            return [], {}
        lines = server.as_owner(config.database).psql(ROWS, config.database)
    except AgentError as problem:
        events.note(f"The application's table of PBXs cannot be read, so only ARI_URL counts: {problem.what}")
        return [], {UNREAD: problem.why}
    good: list[Exchange] = []
    wrong: dict[str, str] = {}
    for number, row in enumerate(lines, 1):
        name = ""
        try:
            name, url, user, password = json.loads(row)
            name = one_line(str(name), MOST_WORDS)
            # With a query or a fragment, what is asked would be the row's own; with a login, it would be shown.
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or "@" in parts.netloc or {"#", "?"} & set(url):
                raise ValueError(url)
            good.append(Exchange(f"{name} ({_place(url)})", Ari(url, user, password, variable, SECONDS, foreign=True)))
        except (ValueError, TypeError, AttributeError, RecursionError) as problem:
            # Without the error's own words: they may hold a login that someone put into the URL.
            wrong[f"{name} (row {number})"] = f"its ARI URL is invalid ({type(problem).__name__})"
    return good, wrong


def _place(url: str) -> str:
    """Return where a PBX is, without a login that someone put into its URL."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def _why_silent(ari: Ari) -> str:
    try:
        ari.gets_new_calls()
    except AgentError as problem:
        return problem.why
    return ""


def _knows(exchange: Exchange, application: str) -> bool:
    try:
        return exchange.ari.channels(application) is not None
    except AgentError:
        return False


def _is_unset(exchange: Exchange) -> bool:
    try:
        return not exchange.ari.gets_new_calls()
    except AgentError:
        return False


def _channels(exchange: Exchange, application: str) -> list[str] | None:
    """Return its calls; None: it does not answer."""
    try:
        return exchange.ari.channels(application) or []
    except AgentError:
        return None


def _correct(exchange: Exchange, application: str) -> str:
    """Hand one over where that is needed; the reason when it fails."""
    try:
        if exchange.ari.channels(application) is not None and exchange.ari.gets_new_calls() != application:
            exchange.ari.hand_over(application)
    except AgentError as problem:
        return problem.why
    return ""


def addresses(config: Config) -> Addresses:
    """Return where the PBXs of this host are now, those too that are not handed over."""
    networks = config.raw["pbx_addresses"]
    if not networks:
        return Addresses([], {})
    main = Ari.of(config)
    urls = {row.name: row.ari.url for row in rows(config, "")[0] if not main or row.ari.url != main.url}
    return pbx_addresses.look(({OWN: main.url} if main else {}) | urls, networks)


def summary(config: Config) -> dict[str, Any]:
    """Return how many PBXs there are, and which of them a deploy cannot hand over, with the reason."""
    pbxs, shut_out = Pbxs.of(config), addresses(config).shut_out
    name = _serving(config)
    if not pbxs or not name:
        good, wrong = rows(config, "")
        return {"count": len(good) + len(wrong), "silent": {}, "strange": [], "unset": [], "shut_out": shut_out}
    known = in_parallel(pbxs.exchanges, lambda exchange: _knows(exchange, name), False)
    strange = [exchange.name for exchange, knows in zip(pbxs.exchanges, known, strict=True) if not knows]
    others = [exchange for exchange in pbxs.exchanges if exchange.name not in strange]
    unset = [
        exchange.name
        for exchange, is_unset in zip(others, in_parallel(others, _is_unset, False), strict=True)
        if is_unset
    ]
    count = len(pbxs.exchanges) + len(pbxs.silent)
    return {"count": count, "silent": pbxs.silent, "strange": strange, "unset": unset, "shut_out": shut_out}


def keep(config: Config) -> None:
    """Hand over PBXs whose dialplan names another backend than the one that serves.

    They were restarted, and forgot it, or were out of reach when a release was switched.
    """
    if (config.app / "lock").exists() or not (pbxs := Pbxs.of(config)):
        return
    done = ""
    # A switch that began meanwhile may have handed over before the last word from here.
    while (name := _serving(config)) != done:
        pbxs.correct(name)
        done = name


def _serving(config: Config) -> str:
    """Return the name of the backend that serves; empty when none does."""
    serving = colours.serving(config, "backend")
    return colours.bot(colours.present(config, serving)) if serving else ""
