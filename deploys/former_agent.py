"""Remove the files of the agent under its former name, after everything that called it was replaced."""

from fleet.converge.connect import former_agent
from fleet.converge.files import configuration

configuration.absent(
    name="Former agent: remove files",
    paths=(former_agent.COMMAND, former_agent.CONFIGURATION, former_agent.LIBRARY, *former_agent.SCRIPTS),
)
