"""The one way to a host: ssh_config, keys, host keys, logins."""
