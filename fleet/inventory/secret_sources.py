"""Where a host's secrets come from when they do not stand in its env file, checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

_Path = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+)*$", max_length=200)]


class Vault(BaseModel):
    """HashiCorp's Vault or OpenBao: one entry a host, `<folder>/<host>`, in a KV engine of version 2.

    Args:
        address: without TLS only on this machine, where an agent of Vault's or a tunnel listens.
        mount: of the engine.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["vault"]
    address: Annotated[str, Field(pattern=r"^(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:\d+)?$")]
    mount: _Path = "secret"
    folder: _Path = "aipbx"


SecretSource = Annotated[Vault | None, BeforeValidator(lambda value: value or None)]
_SOURCE: TypeAdapter[Vault | None] = TypeAdapter(SecretSource)


def declared(data: dict[str, Any]) -> Vault | None:
    """The source in the data of a host, which were checked; None: its env file holds its secrets."""
    return _SOURCE.validate_python(data.get("secrets_from"))
