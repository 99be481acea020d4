"""Commands as processes, of which nothing is left behind whatever a test does."""

import shutil

import pytest
from acceptance_support import Command, environment


@pytest.fixture
def start(tmp_path):
    """Start a command; it is ended with the test."""
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    commands: list[Command] = []

    def start_command(*command, env=None, **options) -> Command:
        commands.append(Command(command, tmp_path, env=environment(**(env or {})), **options))
        return commands[-1]

    yield start_command
    for command in commands:
        command.end()
