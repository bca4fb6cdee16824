"""Secrets that stand in a store of the team's. Operators' machines and CI read it, hosts never do."""
