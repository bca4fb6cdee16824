"""This host's certificate: obtained, renewed, checked, served. A run that was cut off is finished by the next one."""
