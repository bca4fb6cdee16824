"""The library under the operator's verbs and under the deploys."""

import sys

# Invoke switches Python's cache of bytecode off: each verb would compile the project once more.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
