"""How pages look and what they may hold: contrast in both schemes, nothing inline, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

import edge.web

FOLDER = Path(edge.web.__file__).parent
STYLE = (FOLDER / "static" / "page.css").read_text(encoding="utf-8")
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
SCRIPTS = sorted((FOLDER / "static").glob("*.js"))

LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)[:2]
)
ON_GROUND = ("text", "soft", "accent", "red", "amber")


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground", "least"),
    [
        *((text, "ground", 4.5) for text in ON_GROUND),
        *((text, "raised", 4.5) for text in ON_GROUND),
        ("text", "sunken", 4.5),
        ("soft", "sunken", 4.5),
        ("text", "amber-wash", 4.5),
        ("text", "red-wash", 4.5),
        ("accent", "amber-wash", 4.5),
        ("accent", "red-wash", 4.5),
        ("ground", "accent", 4.5),
        ("good", "ground", 3),
        ("red-fill", "ground", 3),
        ("red-fill", "red-wash", 3),
        ("fill", "sunken", 3),
    ],
)
def test_colours_are_told_apart(scheme, text, ground, least):
    """4.5 to 1 for words, 3 to 1 for shapes and strips, in the light and in the dark."""
    assert contrast(scheme[text], scheme[ground]) >= least


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_template_holds_nothing_that_the_policy_forbids(template):
    """No inline style, no inline script, no handler: the Content-Security-Policy lets none of it run."""
    text = template.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle\s*=|<style|javascript:|\son[a-z]+\s*=", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    assert "|safe" not in text.replace(" ", "")


@pytest.mark.parametrize("path", [*TEMPLATES, *SCRIPTS, FOLDER / "static" / "page.css"], ids=lambda path: path.name)
def test_nothing_comes_from_another_host(path):
    """A site without the internet has whole pages."""
    assert not re.search(r"(?<![\w/])(https?:)?//[a-z0-9-]+\.", path.read_text(encoding="utf-8"))


def test_motion_is_for_who_wants_it():
    """Every animation stands inside the query for it."""
    outside = re.sub(r"@media \(prefers-reduced-motion: no-preference\) \{.*?\n\}", "", STYLE, flags=re.DOTALL)
    assert "animation" not in outside
    assert "transition" not in outside
