"""The small internet of the lab: one container that answers as the services that aiPBX uses."""
