"""README, documents and the command line say the same as the code."""

import re
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from edge.cli import app
from edge.config import parse
from edge.errors import StopReason

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
COMMANDS = (
    *("recorder", "retention", "validator", "reporter", "web", "hq", "up", "demo"),
    *("check", "events", "password", "protect", "unprotect", "protected", "verify", "audit", "validate", "schemas"),
    *("keys", "bridge-config", "hq-broker-config", "broker", "broker-mend"),
)


def test_configuration_in_readme_is_valid():
    """The ten lines of a real site can be copied and used."""
    text = re.search(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    config = parse(text, file="README.md", folder=ROOT, environ={"LOBBY_PASSWORD": "one", "GATE_PASSWORD": "two"})
    assert [channel.id for channel in config.channels] == ["lobby", "gate"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does(command):
    """`edge COMMAND --help` works and has a sentence."""
    result = CliRunner().invoke(app, [command, "--help"], terminal_width=120)
    assert result.exit_code == 0
    assert re.search(r"[A-Z][a-z ,A-Z]+", result.output)


def test_commands_in_documents_exist():
    """Whatever a document tells people to type after `edge` is a command."""
    named = {name for path in DOCUMENTS for name in re.findall(r"`?(?:bin/|`)edge ([a-z-]+)", path.read_text())}
    planned = {"livestream"}
    assert named <= set(COMMANDS) | planned
    assert named >= {"check", "events", "demo", "up"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    """Every relative link in a document is a file."""
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_every_reason_to_stop_has_a_paragraph():
    """A technician who reads a reason in an event finds it as a heading."""
    headings = set(re.findall(r"^## (.+)$", (ROOT / "docs/troubleshooting.md").read_text(), re.MULTILINE))
    wanted = set(get_args(StopReason)) - {"shutdown", "config"}
    assert wanted <= headings


def test_every_decision_is_listed():
    """The index of decisions has every page, and no other."""
    pages = {path.name for path in ROOT.glob("docs/decisions/[0-9]*.md")}
    assert pages == set(re.findall(r"\(([0-9][^)]+\.md)\)", (ROOT / "docs/decisions/README.md").read_text()))


def test_architecture_names_every_package():
    """The table of packages has each package and module below `edge`."""
    text = (ROOT / "docs/architecture.md").read_text()
    names = {path.stem for path in (ROOT / "edge").iterdir() if not path.name.startswith(("_", ".")) and path.stem != "py"}
    assert {name for name in names if f"`edge.{name}`" not in text} == set()


def test_version_is_that_of_the_package():
    """`edge --version` says the version that events say."""
    assert CliRunner().invoke(app, ["--version"]).output.strip() == "0.1.0"
