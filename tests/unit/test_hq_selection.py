"""Which sites are shown: found by name and state, in pages, trouble first."""

from hypothesis import given
from hypothesis import strategies as st
from test_words_fleet import NOW, fleet, site

from edge.hq.selection import PAGE, STATES, Selection, choose, counts, has_state
from edge.state.fleet import USUAL_LEVELS, EventFigures

SITES = st.lists(
    st.builds(
        lambda number, fault, missing: site(f"s-{number:04d}", fault, NOW, events=EventFigures(held=9, missing=missing)),
        st.integers(0, 9999), st.sampled_from(sorted(USUAL_LEVELS)), st.integers(0, 1),
    ),
    max_size=250,
    unique_by=lambda one: one.site,
)  # fmt: skip


@given(SITES, st.sampled_from(["", "s-0", "S-00", "9"]), st.sampled_from(["", *STATES]))
def test_pages_together_are_all_that_match_and_each_once(sites, name, state):
    """In the order in which they come, without a hole between pages."""
    matching = [one.site for one in sites if name.casefold() in one.site and has_state(one, state)]
    found, page = [], 1
    while page is not None:
        chosen = choose(sites, Selection(name, state, page))
        assert chosen.found == len(matching)
        assert len(chosen.sites) <= PAGE
        assert chosen.first == (len(found) + 1 if matching else 0)
        found += [one.site for one in chosen.sites]
        page = chosen.next
    assert found == matching


@given(SITES)
def test_counts_are_what_filters_find(sites):
    """Each fault once, so that they add up to all sites; the two wider states beside them."""
    counted = counts(sites)
    assert all(choose(sites, Selection(state=state)).found == count for state, count in counted.items())
    assert sum(count for state, count in counted.items() if state in USUAL_LEVELS) == len(sites)


def test_page_beyond_the_last_is_the_last():
    """Sites may have gone since the link was made."""
    chosen = choose(fleet(of=150), Selection(page=9))
    assert (chosen.first, len(chosen.sites), chosen.previous, chosen.next) == (101, 50, 1, None)


def test_address_of_a_page_keeps_what_was_asked_for():
    """And leaves out what was not."""
    assert Selection("a&b", "link").address(2) == "?q=a%26b&state=link&page=2"
    assert Selection().address(1) == "?"


def test_trouble_sorts_first_then_what_lasts_longest():
    """As the page shows them."""
    lines = [
        site("a"), site("b", "camera", NOW), site("c", "link", NOW), site("d", "link", NOW - 9), site("e", "unheard"),
        site("f", "camera", NOW - 5, level="down"),
    ]  # fmt: skip
    assert [one.site for one in sorted(lines, key=lambda one: one.weight)] == ["d", "c", "f", "b", "e", "a"]
