"""What a release needs of a host before it is begun; what is missing refuses it, and nothing was touched."""
