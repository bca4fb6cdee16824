"""The operating system: packages, kernel, host name, Docker."""
