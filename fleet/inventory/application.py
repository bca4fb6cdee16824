"""What the inventory says of the application itself: how it answers when well, and its work in the background."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Check(BaseModel):
    """A question over HTTP and the answers that are good."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, Field(pattern=r"^/[!-~]*$")]
    statuses: Annotated[list[Annotated[int, Field(ge=100, le=599)]], Field(min_length=1)]
    content_type: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")]


class Work(BaseModel):
    """Rows of a table that stand for work that is under way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: Annotated[str, Field(min_length=1)]
    column: Annotated[str, Field(min_length=1)]
    value: str
