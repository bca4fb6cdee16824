"""A stand-in for sops 3: the calls, answers and exit codes of 3.11.0 that fleet uses, as they were seen. No encryption.

It "encrypts" to the key in .sops.yaml beside it, and "decrypts" with the file that SOPS_AGE_KEY_FILE names.
"""

from __future__ import annotations

import base64
import hashlib
import os
import sys
from pathlib import Path

NO_RULE, NOT_OURS, DAMAGED, NO_KEY = 1, 1, 25, 128
RULES = Path(".sops.yaml")


def encrypt() -> int:
    """Standard input becomes a file of one line: to whom, a sum, and what it was."""
    if not RULES.exists():
        return NO_RULE
    content = sys.stdin.buffer.read()
    text = base64.b64encode(content).decode()
    print(f"sops: {RULES.read_text().split()[-1]} {hashlib.sha256(content).hexdigest()} {text}")
    return 0


def decrypt(name: str) -> int:
    """The reverse."""
    words = Path(name).read_text().split()
    if words[:1] != ["sops:"]:
        return NOT_OURS
    key = Path(os.environ.get("SOPS_AGE_KEY_FILE", "/none"))
    if not key.exists() or key.read_text().split()[-1] != words[1]:
        return NO_KEY
    content = base64.b64decode(words[3])
    if hashlib.sha256(content).hexdigest() != words[2]:
        return DAMAGED
    sys.stdout.write(content.decode())
    return 0


if __name__ == "__main__":
    sys.exit(encrypt() if sys.argv[1] == "encrypt" else decrypt(sys.argv[-1]))
