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


class Aws(BaseModel):
    """AWS Secrets Manager: one secret a host, `<folder>/<host>`.

    Args:
        region: where it is, as in eu-central-1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["aws"]
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    folder: _Path = "aipbx"


class Sops(BaseModel):
    """A file that sops encrypts, beside the env file, one a host: env/<host>.sops.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sops"]


Source = Vault | Aws | Sops
SecretSource = Annotated[
    Annotated[Source, Field(discriminator="kind")] | None, BeforeValidator(lambda value: value or None)
]
_SOURCE: TypeAdapter[Source | None] = TypeAdapter(SecretSource)


def declared(data: dict[str, Any]) -> Source | None:
    """The source in the data of a host, which were checked; None: its env file holds its secrets."""
    return _SOURCE.validate_python(data.get("secrets_from"))
