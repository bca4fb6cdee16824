"""The stand-in application's commits, by readable names; the same SHAs on every machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lab.app import history

with tempfile.TemporaryDirectory(prefix="aipbx-story-") as _folder:
    _made = history.make(Path(_folder))
    BACKEND = history.commits(_made["krasterisk/aiPBX_backend"])
    FRONTEND = history.commits(_made["krasterisk/aiPBX"])
