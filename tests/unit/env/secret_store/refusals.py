"""What all stores have in common when they fail: a message of three parts, and no secret in it or in its traceback."""

from __future__ import annotations

import builtins
import traceback
from typing import Any

import pytest

from fleet.env.secret_store.protocol import SecretStore
from fleet.errors import OperatorError

SECRET = "pa$$ # ' \" \\ é"  # noqa: S105  of no store


def refusal(store: SecretStore, *, write: str | None = None) -> str:
    """What a store's refusal to be read says; or to be written, in place of that version."""
    with pytest.raises(OperatorError) as refused:
        store.read() if write is None else store.write({"DB_PASS": SECRET}, write)
    shown = "".join(traceback.format_exception(refused.value))
    assert SECRET not in shown
    assert "During handling" not in shown
    assert refused.value.why
    assert refused.value.do
    return refused.value.what


def without_library(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Have this machine lack a library."""
    real = builtins.__import__

    def without(name: str, *args: Any, **names: Any) -> Any:
        if name.partition(".")[0] == library:
            raise ImportError(name)
        return real(name, *args, **names)

    monkeypatch.setattr(builtins, "__import__", without)
