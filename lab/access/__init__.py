"""How the operator reaches the lab's hosts, and nothing else: keys, files of OpenSSH, the guard."""
