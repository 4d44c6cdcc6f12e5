"""A matrix in whole numbers is close to the matrix, row by row."""

import torch

from bert.quantization.rows import EIGHT_BITS, dequantize_rows, quantize_rows

SIX_BITS = 31


def test_each_number_is_within_half_a_step_of_its_own_row():
    torch.manual_seed(0)
    matrix = torch.randn(7, 13) * torch.logspace(-6, 3, 7)[:, None]
    for largest in (EIGHT_BITS, SIX_BITS):
        whole, scales = quantize_rows(matrix, largest)
        assert whole.dtype == torch.int8
        assert whole.abs().amax(dim=1).tolist() == [largest] * 7
        error = (dequantize_rows(whole, scales) - matrix).abs()
        assert (error <= scales[:, None] * 0.5001).all()
        assert (error.amax(dim=1) > scales / 8).all()  # the control: something is lost


def test_a_row_of_zeros_and_a_row_of_the_smallest_numbers_stay_finite():
    whole, scales = quantize_rows(torch.tensor([[0.0, 0.0], [1e-45, 0.0], [1e38, -3e38]]))
    back = dequantize_rows(whole, scales)
    assert back.isfinite().all()
    assert back[0].tolist() == [0, 0]
    torch.testing.assert_close(back[2], torch.tensor([1e38, -3e38]), rtol=0.01, atol=0)
