"""A training state that was made to do harm is refused before anything of it is taken over."""

import hashlib
import pickle
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributed import checkpoint
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

from bert.errors import InputError
from bert.files.schema import Rule, is_count
from bert.training.distributed import Processes
from bert.training.precision import Precision
from bert.training.run import assemble
from bert.training.settings import TrainingSettings
from bert.training.state_schema import indices

pytestmark = pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
OWN = {"position": indices(3), "max_length": Rule(is_count, "a whole number from 0")}
RNG = torch.get_rng_state()


class Model(nn.Linear):
    def __init__(self):
        super().__init__(2, 3)
        self.config = SimpleNamespace(hidden_size=256, to_dict=lambda: {"size": 2.5, "labels": ["a"]})


def make_run(directory):
    torch.manual_seed(0)
    settings = TrainingSettings(str(directory), precision="fp32", optimizer="adamw", learning_rate=0.1)
    return assemble(settings, Model(), Processes(0, 1, torch.device("cpu")), lambda sentence: None, {"data": "x"})


@pytest.fixture
def saved(tmp_path):
    """The directory of a run that saved a state, and the folder of the state."""
    run = make_run(tmp_path)
    run.model(torch.ones(1, 2)).sum().backward()
    run.optimizer.step()
    run.progress.step, run.progress.position, run.progress.unreported = 1, (0, 0, 4), {"masked_lm": [2.5, 4.0, 1.0]}
    run.scaler = Precision("fp16", "cpu", "").gradient_scaler()
    run.save(max_length=128)
    return tmp_path, tmp_path / "training_state" / "step-00000001"


def sum_again(state):
    files = [file for file in sorted(state.iterdir()) if file.name != "SHA256SUMS"]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (state / "SHA256SUMS").write_text("".join(lines))


def change_metadata(state, change):
    metadata = torch.load(state / "run.pt", weights_only=True)
    change(metadata)
    torch.save(metadata, state / "run.pt")
    sum_again(state)


def change_tensors(state, change):
    """What is no tensor afterwards is a pickle in the state, as torch writes it."""
    path = state.parent / "tensors.pt"
    dcp_to_torch_save(state, path)
    tensors = torch.load(path)
    change(tensors)
    path.unlink()
    for file in [*state.glob("*.distcp"), state / ".metadata"]:
        file.unlink()
    checkpoint.save(tensors, storage_writer=checkpoint.FileSystemWriter(state), no_dist=True)
    sum_again(state)


def test_a_state_of_the_run_is_taken_over(saved):
    directory, state = saved
    for change in (lambda metadata: None, lambda metadata: metadata["progress"].pop("unreported")):  # an older version
        change_metadata(state, change)
        run = make_run(directory)
        assert run.resume("its data", OWN) == {"max_length": 128}
        assert (run.progress.step, run.progress.position) == (1, (0, 0, 4))
    change_tensors(state, lambda tensors: None)  # the control for the tests of tensors below
    assert make_run(directory).resume("its data", OWN) == {"max_length": 128}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda m: m.pop("progress"), "has no progress"),
        (lambda m: m.update(progress=[1]), r"progress is \[1\]"),
        (lambda m: m["progress"].update(step="x"), "progress: step is 'x'; a whole number from 0 was expected"),
        (lambda m: m["progress"].update(step=-5), "step is -5"),
        (lambda m: m["progress"].update(step=1.5), "step is 1.5"),
        (lambda m: m["progress"].update(step=10**30), "step is 1000"),
        (lambda m: m["progress"].update(evil=1), "has 'evil', which is unknown"),
        (lambda m: m["progress"].update(seconds=float("nan")), "seconds is nan"),
        (lambda m: m["progress"].update(seconds=-1.0), "seconds is -1.0"),
        (lambda m: m["progress"].update(position=5), "position is 5; a position of 3 indices was expected"),
        (lambda m: m["progress"].update(position=(0, 0)), r"position is \(0, 0\)"),
        (lambda m: m["progress"].update(position=(-1, -1, -1)), r"position is \(-1, -1, -1\)"),
        (lambda m: m["progress"].update(position=("a", "b", "c")), r"position is \('a', 'b', 'c'\)"),
        (lambda m: m["progress"].update(unreported=[1]), r"unreported is \[1\]"),
        (lambda m: m["progress"].update(unreported={"a": ["b", "c"]}), "unreported is"),
        (lambda m: m["progress"].update(unreported={"a": [1.0]}), "unreported is"),
        (lambda m: m["progress"].update(unreported={"\x1b": [1.0, 1.0]}), "unreported is"),
        (lambda m: m.update(generators=None), "generators is None"),
        (lambda m: m.update(generators=[]), r"generators is \[\]"),
        (lambda m: m.update(generators=[{}]), "generators is"),
        (lambda m: m.update(generators=[{"cpu": torch.zeros(3, dtype=torch.uint8)}]), "generators is"),
        (lambda m: m.update(generators=[{"cpu": torch.zeros(RNG.shape)}]), "generators is"),
        (lambda m: m.update(generators=[{"cpu": torch.full_like(RNG, 255)}]), "is damaged"),
        (lambda m: m.update(scaler="x"), "scaler is 'x'"),
        (lambda m: m["scaler"].pop("scale"), "scaler: has no scale"),
        (lambda m: m["scaler"].update(scale=float("inf")), "scaler: scale is inf"),
        (lambda m: m["scaler"].update(growth_interval=0), "scaler: growth_interval is 0"),
        (lambda m: m.update(max_length="x"), "max_length is 'x'"),
        (lambda m: m.update(data=torch.ones(3)), r"data is tensor\(.* numbers and texts was expected"),
        (lambda m: m.update(data="y"), "does not belong to what its data make now"),
    ],
)
def test_an_entry_that_no_run_saves_is_named(saved, change, named):
    directory, state = saved
    change_metadata(state, change)
    run = make_run(directory)
    weight = run.model.weight.detach().clone()
    with pytest.raises(InputError, match=named):
        run.resume("its data", OWN)
    if named != "is damaged":
        assert run.model.weight.equal(weight)  # nothing was taken over


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop("model"), "has no weights model"),
        (lambda t: t.update(optimizer={}), "has no weights optimizer"),
        (lambda t: t["model"].update(weight="x"), r"has no weights model\.weight"),
        (
            lambda t: t["model"].update(weight=torch.ones(3, 1)),
            r"model\.weight is \(3, 1\) of torch.float32, not \(3, 2\)",
        ),
        (lambda t: t["model"].update(weight=torch.ones(3, 2).long()), r"model\.weight is \(3, 2\) of torch.int64, not"),
        (lambda t: t["model"]["weight"].fill_(float("nan")), r"model\.weight lacks numbers or holds some that are not"),
        (lambda t: t["optimizer"]["weight"]["exp_avg"].fill_(float("inf")), "weight.exp_avg lacks numbers or holds"),
    ],
)
def test_a_tensor_that_no_run_saves_is_named(saved, change, named):
    directory, state = saved
    change_tensors(state, change)
    with pytest.raises(InputError, match=named):
        make_run(directory).resume("its data", OWN)


def change_index(state, change):
    index = pickle.loads((state / ".metadata").read_bytes())
    change(index)
    (state / ".metadata").write_bytes(pickle.dumps(index))
    sum_again(state)


def lead_elsewhere(index):
    for entry in index.storage_data.values():
        entry.relative_path = "../../../../dev/zero"


def leave_a_part_out(index):
    chunk = index.state_dict_metadata["model.weight"].chunks[0]
    index.state_dict_metadata["model.weight"].chunks[0] = type(chunk)(chunk.offsets, torch.Size([2, 2]))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lead_elsewhere, "its index leads to '../../../../dev/zero'"),
        (lambda index: setattr(index, "storage_data", None), "its index of tensors is damaged"),
        (lambda index: setattr(index, "state_dict_metadata", [1]), "its index of tensors is damaged"),
        (leave_a_part_out, "model.weight lacks numbers|cannot be read"),
    ],
)
def test_an_index_that_no_run_saves_is_named(saved, change, named):
    directory, state = saved
    change_index(state, change)
    with pytest.raises(InputError, match=named):
        make_run(directory).resume("its data", OWN)


class Calling:
    def __reduce__(self):
        return print, ("code of a file",)


def test_code_in_the_place_of_a_weight_is_not_run(saved, capsys):
    directory, state = saved
    change_tensors(state, lambda tensors: tensors["model"].update(weight=Calling()))
    with pytest.raises(InputError, match=r"has no weights model\.weight"):
        make_run(directory).resume("its data", OWN)
    assert "code of a file" not in capsys.readouterr().out
    dcp_to_torch_save(state, directory / "read.pt")  # the control: torch runs it
    assert "code of a file" in capsys.readouterr().out
