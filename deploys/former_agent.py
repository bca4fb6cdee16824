"""Remove the files of the agent under its former name, after everything that called it was replaced."""

from pyinfra.operations import files

from fleet.converge.connect import former_agent

files.file(name="Former agent: remove command", path=former_agent.COMMAND, present=False)
files.file(name="Former agent: remove configuration", path=former_agent.CONFIGURATION, present=False)
files.directory(name="Former agent: remove program", path=former_agent.LIBRARY, present=False)
