"""The containers of the stack: two colours of a service, the database, and what should run and does not."""
