import numpy as np
import pytest

from ranking.layers.stacks import check_stack, stacked_glorot


@pytest.mark.parametrize("stack", [(), (3,), (2, 5)])
def test_every_kernel_starts_as_a_glorot_draw_of_its_own(stack):
    kernels = np.asarray(stacked_glorot(stack)((*stack, 53, 47))).reshape(-1, 53, 47)
    limit = np.sqrt(6 / (53 + 47))
    largest = np.abs(kernels).max(axis=(1, 2))
    assert (largest > 0.98 * limit).all() and (largest <= limit).all()
    assert len(np.unique(kernels[:, 0, 0])) == len(kernels)


@pytest.mark.parametrize("stack", [(2, 0), (2.0,), "23"], ids=str)
def test_what_is_no_stack_is_refused(stack):
    with pytest.raises(ValueError, match=r"`stack` must hold whole numbers from 1 on"):
        check_stack(stack)
