"""A customer of a production host, and whether anything of them is found elsewhere: in files, by no server."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass, field

from lab.machines.host import Host
from tests.lab import content

SCRUB_RULES = "lab/app/scrub.toml"
STATIC = "/var/lib/docker/volumes/aipbx_backend_static/_data"
# All that a host writes, but for images: databases with their WAL, sets, uploads, journals, what is temporary.
PLACES = "/var/lib/docker/volumes /app /var/log /run/log /tmp /var/tmp /root /etc/aipbx /run/aipbx"


@dataclass(frozen=True)
class Customer:
    """One whom no host has heard of before, by their name, mail address, phone, key, words and invoice."""

    token: str = field(default_factory=lambda: str(secrets.randbelow(9 * 10**9) + 10**9))

    @property
    def known_by(self) -> list[str]:
        """What may be nowhere else."""
        token = self.token
        words = f"my passport number is {token}"
        return [f"Zinaida {token}", f"z.{token}@customer.example", f"+7{token}", f"sk-{token}", words, f"{token}.pdf"]

    def move_in(self, host: Host) -> None:
        """Be in a host's database, and in a file there."""
        name, email, phone, key, words, document = self.known_by
        content.psql(
            host,
            f"""
            INSERT INTO users (email, name, password, "isActivated", "createdAt", "updatedAt")
            VALUES ('{email}', '{name}', '{phone}', true, now(), now());
            INSERT INTO user_roles ("userId", "roleId")
            SELECT u.id, r.id FROM users u, roles r WHERE u.email = '{email}' AND r.value = 'USER';
            INSERT INTO "PbxServers"
                (name, location, sip_host, "uniqueId", ari_url, ari_user, password, "createdAt", "updatedAt")
            VALUES ('{name}', 'x', '{phone}', '{name}', 'https://{email}', '{phone}', '{key}', now(), now());
            INSERT INTO "knowledgeChunks" (content, "createdAt", "updatedAt") VALUES ('{words}', now(), now());
            INSERT INTO legal_entities ("userId", name) VALUES (1, '{name}');
            INSERT INTO invoices ("userId", number, total, file, "createdAt", "updatedAt")
            VALUES (1, '{phone}', 1, '{document}', now(), now());
            SELECT lo_from_bytea(0, '{words}');
            CHECKPOINT;
            """,  # noqa: S608  a story's own texts
        )
        host.run(f"echo {shlex.quote(words)} >{STATIC}/{document}")

    def traces(self, host: Host) -> list[str]:
        """The files of a host in which something of the customer is readable, or that are named after them."""
        wanted = " ".join(f"-e {shlex.quote(one)}" for one in self.known_by)
        named = f"find {PLACES} -name {self.token}.pdf 2>/dev/null"
        return sorted(host.run(f"sync; grep -aRlF {wanted} {PLACES} 2>/dev/null; {named}; true").stdout.split())

    def in_dump(self, host: Host, path: str) -> list[str]:
        """What of the customer a dump has, once it is unpacked."""
        text = host.run(f"docker exec -i aipbx-postgres-1 pg_restore --file=- <{path}").stdout
        assert "COPY public.users" in text
        return [one for one in self.known_by if one in text]
