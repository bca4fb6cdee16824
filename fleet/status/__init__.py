"""How the hosts are: status, logs, reports of the content security policy, and what users lack."""
