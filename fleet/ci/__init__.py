"""What CI needs of this side: the workflow of the application's repositories, and where the hosts are."""
