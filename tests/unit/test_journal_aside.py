"""What is kept aside of each site, and what of it goes when there is too much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.journal import aside
from edge.journal.aside import MOST, MOST_OF_SITE, Aside

BATCHES = st.lists(st.lists(st.sampled_from("aaaaabbc"), max_size=30), max_size=12)


def keep(*batches) -> tuple[Aside, list[int]]:
    """What is kept after some batches, given as the sites of their rows, and all that had to go."""
    kept, gone, number = Aside(), [], 0
    for batch in batches:
        new = [(site, number + place) for place, site in enumerate(batch)]
        kept, went = kept.with_new(new)
        number += len(batch)
        gone += went
    return kept, gone


def test_a_site_keeps_its_newest_thousand():
    """However many it sends."""
    kept, gone = keep(["a"] * 700, ["a"] * 700)
    assert kept.rows == {"a": tuple(range(400, 1_400))}
    assert sorted(gone) == list(range(400))


def test_sites_that_have_most_make_room_for_all():
    """Twenty that flood share what the one with little leaves."""
    kept, _ = keep(["quiet"] * 5, *([f"s{number}"] * MOST_OF_SITE for number in range(20)))
    counts = kept.counts()
    assert counts.pop("quiet") == 5
    assert set(counts.values()) == {(MOST - 5) // 20}


def test_of_more_sites_than_there_is_room_each_keeps_its_newest():
    """As many certificates were never signed."""
    kept, _ = keep([f"s{number}" for number in range(MOST + 50)] * 2)
    assert set(kept.counts().values()) == {1}


@given(BATCHES)
def test_what_is_kept_is_the_newest_of_each_site_and_bounded(batches):
    """A site under the fair share loses nothing, none has more than its bound, and nothing goes that is kept."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(aside, "MOST_OF_SITE", 9)
        patched.setattr(aside, "MOST", 15)
        kept, gone = keep(*batches)
    rows: dict[str, list[int]] = {}
    for number, site in enumerate(site for batch in batches for site in batch):
        rows.setdefault(site, []).append(number)
    for site, numbers in rows.items():
        assert kept.rows[site] == tuple(numbers[-len(kept.rows[site]) :])
        assert len(kept.rows[site]) >= min(len(numbers), 15 // 3)
        assert len(kept.rows[site]) <= 9
    assert sum(kept.counts().values()) <= 15
    assert sorted([*gone, *(number for numbers in kept.rows.values() for number in numbers)]) == list(range(sum(map(len, batches))))
