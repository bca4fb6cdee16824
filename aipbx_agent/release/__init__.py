"""Which release serves: the switch between colours, calls, PBXs, the ledger of releases and its lock."""
