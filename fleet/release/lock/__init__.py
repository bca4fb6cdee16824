"""The deploy lock: held, shown, broken; and what its run left unfinished."""
