"""Drawn trees of arrays, by path."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from autonet.common.dtypes import NAMES

NAME = st.one_of(
    st.sampled_from(["0", "1", "10", "2", "vars", "layers", "dense_1", "ß", "層", "a b", "x" * 300]),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
        lambda name: name not in (".", "..")
    ),
)
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join)
NUMBERS = st.sampled_from(NAMES)


def arrays(max_dims=4):
    """Arrays of every dtype, big-endian ones and strided ones too; scalars, and such with nothing in them."""
    shapes = nps.array_shapes(min_dims=0, max_dims=max_dims, min_side=0, max_side=4)
    ordinary = NUMBERS.flatmap(lambda name: nps.arrays(name, shapes))
    return st.one_of(ordinary, ordinary.map(lambda a: np.asarray(a.T)))


@st.composite
def trees(draw, max_size=12):
    """Path to array; no path goes on after an array."""
    drawn = draw(st.dictionaries(PATH, arrays(), max_size=max_size))
    groups = {"/".join(path.split("/")[:n]) for path in drawn for n in range(1, path.count("/") + 1)}
    return {path: a for path, a in drawn.items() if path not in groups}


def attributes():
    """Path of a group to texts by name."""
    texts = st.dictionaries(
        NAME, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=3
    )
    return st.dictionaries(st.one_of(st.just(""), PATH), texts, max_size=4)


def contents(file):
    """All arrays in a file, by path."""
    return {
        f"{group}/{name}".lstrip("/"): file.array(group, name) for group, names in file.groups.items() for name in names
    }
