"""A-GEM: the projection by hand, and as the training loop calls it."""

import numpy as np
import torch
from torch import nn

from bert.continual.agem import Projection, projected
from bert.continual.replay import drawn
from bert.heads.batch import Batch
from bert.heads.loss import cross_entropy
from bert.training.distributed import Processes
from bert.training.precision import Precision

CPU = torch.device("cpu")


def test_only_a_gradient_against_the_reference_is_changed():
    g, reference = [torch.tensor([1.0, 2.0]), torch.tensor([[-3.0]])], [torch.tensor([0.0, 1.0]), torch.tensor([[2.0]])]
    # g . r = 2 - 6 = -4, r . r = 5: g + 4/5 r
    first, second = projected(g, reference)
    torch.testing.assert_close(first, torch.tensor([1.0, 2.8]))
    torch.testing.assert_close(second, torch.tensor([[-1.4]]))
    torch.testing.assert_close((first * reference[0]).sum() + (second * reference[1]).sum(), torch.tensor(0.0))
    along = [torch.tensor([1.0, 2.0]), torch.tensor([[3.0]])]
    assert all(a.equal(b) for a, b in zip(projected(along, reference), along))
    nothing = [torch.zeros(2), torch.zeros(1, 1)]
    assert all(a.equal(b) for a, b in zip(projected(g, nothing), g))


class Model(nn.Module):
    """Scores of a token, through dropout; one parameter is never used, and one is frozen."""

    def __init__(self):
        super().__init__()
        self.scores, self.dropout = nn.Embedding(11, 3), nn.Dropout(0.5)
        self.unused, self.frozen = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2), requires_grad=False)

    def losses(self, batch: Batch):
        scores = self.dropout(self.scores(batch.input_ids)) * self.frozen.sum()
        return {"classification": cross_entropy(scores, batch.labels["labels"])}


def batch_of(rows: np.ndarray) -> Batch:
    return Batch.of([np.array([row]) for row in rows], [np.zeros(1, int) for _ in rows], labels=rows % 3)


def test_the_gradient_of_all_micro_batches_is_projected_by_the_next_memory_batch_without_dropout():
    torch.manual_seed(0)
    model = Model().train()
    projection = Projection(model, batch_of, 7, 4, 1, Precision("fp32", "cpu", ""), Processes(0, 1, CPU))
    projection.begin(10)
    projection.after_step(5)
    old = batch_of(drawn(5 * 4, 4, 7, 1, 702))
    rows = np.unique(old.input_ids.numpy())
    # The opposite labels of the memory batch, in two micro-batches: their sum points against it.
    for part in np.array_split(rows, 2):
        wrong = Batch.of([np.array([row]) for row in part], [np.zeros(1, int) for _ in part], labels=(part + 1) % 3)
        (model.losses(wrong)["classification"].sum / len(rows)).backward()
    assert model.scores.weight.grad is not None
    before, state = model.scores.weight.grad.clone(), torch.get_rng_state()
    projection.before_step()
    assert torch.get_rng_state().equal(state)
    assert model.training
    reference = torch.autograd.grad(
        cross_entropy(model.scores(old.input_ids) * 2, old.labels["labels"]).sum / 4, model.scores.weight
    )[0]
    dot = (before * reference).sum()
    assert dot < 0
    torch.testing.assert_close(
        model.scores.weight.grad, before - dot / reference.square().sum() * reference, rtol=1e-5, atol=1e-6
    )
    assert model.unused.grad is None
    assert projection.tensors["updates"].tolist() == [5]
