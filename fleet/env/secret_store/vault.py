"""Secrets in Vault or OpenBao: KV version 2, written with check-and-set."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from fleet.env.secret_store import protocol
from fleet.env.secret_store.deadline import within
from fleet.env.secret_store.protocol import SECONDS, Stored
from fleet.errors import OperatorError
from fleet.inventory.secret_sources import Vault

LOGIN = "VAULT_ROLE_ID and VAULT_SECRET_ID, VAULT_TOKEN, or ~/.vault-token"


class VaultStore:
    """The entry of one host. An AppRole (CI) comes before a token (operators), which hvac finds, as VAULT_CACERT."""

    def __init__(self, source: Vault, host: str, seconds: float = SECONDS) -> None:
        self._source, self._seconds = source, seconds
        self._entry = {"path": f"{source.folder}/{host}", "mount_point": source.mount}
        self.place = f"{source.address} {source.mount}/{source.folder}/{host}"
        self._client: Any = None
        self.to_commit = ""

    def read(self) -> Stored:
        """Return what it has."""
        answer = self._asked(self._read)
        return Stored({}, "0") if answer is None else self._stored(answer)

    def write(self, values: Mapping[str, str], replaces: str) -> None:
        """Replace all values, if the version `replaces` is still the one that counts."""
        self._asked(lambda kv: kv.create_or_update_secret(secret=dict(values), cas=int(replaces), **self._entry))

    def _read(self, kv: Any) -> Any:
        from hvac.exceptions import InvalidPath

        try:
            return kv.read_secret_version(raise_on_deleted_version=False, **self._entry)
        except InvalidPath as error:
            # A missing entry has no reason; a missing engine has one.
            if error.errors:
                raise
            return None

    def _stored(self, answer: Any) -> Stored:
        try:
            data = answer["data"]
            values, version = data["data"] or {}, str(data["metadata"]["version"])
        except (KeyError, TypeError):
            why = f"It is not that of a KV engine of version 2 at {self._source.mount}/."
            raise protocol.unknown(self.place, why) from None
        protocol.refuse_other_than_text(self.place, values)
        return Stored(values, version)

    def _asked(self, call: Callable[[Any], Any]) -> Any:
        try:
            import hvac
            import requests
        except ImportError:
            raise protocol.missing_library(self.place, "hvac") from None
        try:
            return within(self._seconds, lambda: call(self._logged_in().secrets.kv.v2))
        except (TimeoutError, requests.Timeout):
            raise protocol.timed_out(self.place, self._seconds) from None
        except requests.exceptions.SSLError:
            why = "Its certificate is not trusted here; VAULT_CACERT may name the authority's."
            raise protocol.unreachable(self.place, why) from None
        except requests.RequestException as error:
            raise protocol.unreachable(self.place, f"No connection ({type(error).__name__}).") from None
        except hvac.exceptions.VaultError as error:
            raise self._said(error) from None

    def _said(self, error: Any) -> OperatorError:
        """What the server's own error means; its text is not shown, as it may quote what was sent."""
        from hvac import exceptions

        reasons = " ".join(error.errors or [])
        if isinstance(error, exceptions.VaultDown) and "sealed" in reasons:
            return protocol.sealed(self.place)
        if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized) or "secret ID" in reasons:
            return protocol.refused(self.place, LOGIN)
        if "check-and-set" in reasons:
            return protocol.changed(self.place)
        if isinstance(error, exceptions.InvalidPath):
            return protocol.unknown(self.place, f"It has no KV engine of version 2 at {self._source.mount}/.")
        return protocol.unknown(self.place, f"The server answered with an error ({type(error).__name__}).")

    def _logged_in(self) -> Any:
        if self._client is None:
            import hvac

            # A redirect would carry the token to another server.
            client = hvac.Client(url=self._source.address, timeout=self._seconds, allow_redirects=False)
            role, secret = os.environ.get("VAULT_ROLE_ID"), os.environ.get("VAULT_SECRET_ID")
            if role and secret:
                client.auth.approle.login(role, secret)
            self._client = client
        return self._client
