"""An update's loss is looked at later, once, and what is not a finite number ends the run."""

from types import SimpleNamespace

import pytest
import torch

from bert.errors import InputError
from bert.training.finite_loss import FiniteLossCheck, check_scale

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def test_before_an_update_all_is_well():
    FiniteLossCheck().check()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_the_update_that_was_noted_last_is_named_once(device, number):
    check = FiniteLossCheck()
    check.note(3, "of file a", torch.tensor(1.5, device=device))
    check.check()
    check.note(4, "of file b", torch.tensor(number, device=device))
    with pytest.raises(InputError, match=r"not a finite number at step 4 \(examples of file b\).*--learning-rate"):
        check.check()
    check.check()


def test_a_scale_that_went_to_nothing_ends_the_run_and_others_do_not():
    def scaler(scale, enabled=True):
        return SimpleNamespace(is_enabled=lambda: enabled, get_scale=lambda: scale)

    check_scale(scaler(1.0), 5)
    check_scale(scaler(0.5, enabled=False), 5)
    with pytest.raises(InputError, match=r"step 5.*--precision bf16"):
        check_scale(scaler(0.5), 5)
