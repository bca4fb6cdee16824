"""Report what was installed on this host by hand. `inv adopt` and `inv deploy` take it over."""

from fleet.converge.connect import adoption
from fleet.converge.context import settings

adoption.announce(settings())
