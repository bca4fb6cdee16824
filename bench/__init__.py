"""What pyinfra costs beside Ansible: both bring the lab's hosts to the same state, and a clock runs."""
