"""What CI needs of this side: the workflow of the application's repositories, where the hosts are, its secrets."""
