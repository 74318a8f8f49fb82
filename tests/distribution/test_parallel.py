"""Which processes train together: what there is before, and without, MPI."""

import pytest

from autonet import distribution
from autonet.errors import ArgumentError


def test_without_a_distribution_there_is_one_process():
    assert (distribution.rank(), distribution.size()) == (0, 1)
    assert distribution.list_devices() == ["cpu:0"] and distribution.list_devices("gpu") == []
    assert distribution.distribution() is None


def test_what_is_no_distribution_is_refused():
    with pytest.raises(ArgumentError, match="DataParallel or None"):
        distribution.set_distribution("mpi")


@pytest.mark.extra("mpi")
def test_one_process_is_a_job_of_one():
    found = distribution.DataParallel(devices=["cpu:0"])
    distribution.set_distribution(found)
    try:
        assert distribution.distribution() is found and distribution.size() == 1
    finally:
        distribution.set_distribution(None)
    with pytest.raises(ArgumentError, match="num_processes to be MPI's, 1"):
        distribution.initialize(num_processes=4)
    with pytest.raises(ArgumentError, match="no device_mesh"):
        distribution.DataParallel(device_mesh=[2])
