"""What holds for all tests."""

from hypothesis import settings

# `make test` gives the same answer for the same tree, however busy its machine is. To look for new examples:
# `pytest --hypothesis-profile=default`.
settings.register_profile("same-every-time", derandomize=True, deadline=None)
settings.load_profile("same-every-time")
