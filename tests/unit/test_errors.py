"""How a verb that read several hosts ends."""

from __future__ import annotations

import pytest

from aipbx_agent.contract import FAILED, REFUSED
from fleet.errors import worst


@pytest.mark.parametrize(
    ("codes", "code"), [([], 0), ([REFUSED], REFUSED), ([FAILED], FAILED), ([REFUSED, FAILED], FAILED)]
)
def test_worst(codes: list[int], code: int) -> None:
    assert worst(codes) == code
