"""What an operator types after `inv`: options, hosts, help, dry runs, completion. Imports nothing slow."""
