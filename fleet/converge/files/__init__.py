"""Files that their reader checks before they go live, and services that run with them."""
