"""Trees of numbers for tests, and all their numbers in a row."""

import numpy as np

import autonet
from autonet import ops

SHAPES = [[(2, 3), (4,)], [(3,)], [(), (2, 2), (1, 1, 2)]]


def rng(seed):
    return np.random.default_rng(seed)


def tree(shapes, seed):
    draws = rng(seed)
    leaves = [draws.standard_normal(s) for s in shapes]
    return {"a": leaves[0], "rest": leaves[1:]} if len(leaves) > 1 else leaves[0]


def flat(x):
    return np.concatenate([np.asarray(leaf).ravel() for leaf in autonet.tree.flatten(x)])


def unflat(v, like):
    """A vector in the form of a tree, by ops."""
    leaves, at = [], 0
    for leaf in autonet.tree.flatten(like):
        leaves.append(ops.reshape(v[at : at + np.size(leaf)], np.shape(leaf)))
        at += np.size(leaf)
    return autonet.tree.pack_sequence_as(like, leaves)


def joined(x):
    return ops.concatenate([ops.reshape(leaf, (-1,)) for leaf in autonet.tree.flatten(x)])


def definite(n, seed, low=0.5):
    """A symmetric positive definite matrix with eigenvalues from `low` to low + 3."""
    q = np.linalg.qr(rng(seed).standard_normal((n, n)))[0]
    return q @ np.diag(np.linspace(low, low + 3, n)) @ q.T
