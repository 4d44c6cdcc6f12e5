"""The benchmark of adaptation's memory: what autograd keeps, and the table."""

import torch
from torch import nn

from benchmarks.adaptation_memory import ROWS, main, random_batch, saved_bytes
from bert.training.precision import Precision
from finetuning.adaptation_flags import METHODS
from tests.bert.adaptation.runs import write_body

FP32 = Precision("fp32", "cpu", "")


class Model(nn.Module):
    """sin(W x) * sin(W x), of 10 tokens."""

    def __init__(self, is_trained: bool):
        super().__init__()
        self.tokens = nn.Embedding.from_pretrained(torch.ones(7, 3))
        self.product = nn.Linear(3, 5, bias=False).requires_grad_(is_trained)
        self.after = nn.Parameter(torch.ones(5))

    def losses(self, batch):
        wave = self.product(self.tokens(batch.input_ids)).sin()
        return (wave * wave + self.after).sum()


def test_what_is_saved_counts_once_and_weights_do_not():
    batch = random_batch(7, 2, 5)
    # x for the gradient of W, W x for the sine, and the sine, which both factors are
    assert saved_bytes(Model(is_trained=True), batch, FP32) == 4 * 10 * (3 + 5 + 5)
    assert saved_bytes(Model(is_trained=False), batch, FP32) == 0


def test_the_table_has_a_row_for_full_fine_tuning_and_for_each_method(tmp_path, capsys):
    main(["--checkpoint", str(write_body(tmp_path)), "--sequences", "3", "--length", "5"])
    rows = [line.rsplit(maxsplit=3) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[0] for row in rows] == list(ROWS)
    assert {settings.adapt for settings in ROWS.values()} == {None, *METHODS}
    moments = {name: float(number) for name, _, _, number in rows}
    assert moments["head"] < moments["full"]
