"""The lab's machines: what they have in common, hosts, the client, and how they are made."""
