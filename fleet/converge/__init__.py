"""What pyinfra lacks for this fleet: how to connect, what to refuse, and operations that cannot lock anyone out."""
