"""Who changed what on a host: written down by the verbs that did, and shown."""
