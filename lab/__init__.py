"""Three real hosts and a small internet on one machine: the place where everything is proved first."""
