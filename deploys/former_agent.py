"""What the agent was called before it had rooms: its files go, once nothing on the host calls it any more."""

from pyinfra.operations import files

from fleet.converge import former_agent

files.file(name="Former agent: remove its command", path=former_agent.COMMAND, present=False)
files.file(name="Former agent: remove its configuration", path=former_agent.CONFIGURATION, present=False)
files.directory(name="Former agent: remove its program", path=former_agent.LIBRARY, present=False)
