"""A host that lives already, made by hand: what stands there is said. `inv adopt` and `inv deploy` take it over."""

from fleet.converge import adoption
from fleet.converge.context import settings

adoption.tell(settings())
