"""A run: what is saved comes back, another model's state does not, and a script ends with the right code."""

import errno
import os
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bert.errors import InputError
from bert.training.distributed import Processes
from bert.training.run import assemble
from bert.training.script import lock, run_script
from bert.training.settings import TrainingSettings

CPU = torch.device("cpu")


class Model(nn.Linear):
    """A model of one number with a configuration, as far as a run needs one."""

    def __init__(self, size=1):
        super().__init__(1, 1)
        self.config = SimpleNamespace(hidden_size=256, to_dict=lambda: {"size": size})


class Together(Processes):
    """One process that takes itself for several."""

    def gather(self, value):
        return [value]

    def broadcast(self, make):
        return make()

    on_all = broadcast


def settings(directory):
    return TrainingSettings(str(directory), precision="fp32", optimizer="adamw", learning_rate=0.1)


def make_run(directory, said=None, size=1, processes=1, **identity):
    torch.manual_seed(size)
    model = Model(size)
    say = (lambda sentence: None) if said is None else said.append
    together = Together(0, processes, CPU)
    return assemble(settings(directory), model, together, say, identity)


def update(run):
    run.model(torch.rand(3, 1)).sum().backward()
    run.optimizer.step()
    run.optimizer.zero_grad()
    run.progress.step += 1


def test_what_is_printed_and_cannot_be_is_said_and_other_system_errors_are_ours(monkeypatch, capfd, tmp_path):
    def do(settings, processes):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "dup2", lambda *descriptors: None)
    assert run_script("a.py", [], lambda command_line: SimpleNamespace(device="cpu", plain=False), do) == 2
    assert "a.py: error: the output cannot be written (No space left on device)" in capfd.readouterr().err
    with pytest.raises(OSError, match="of ours"):
        run_script(
            "a.py", [], lambda command_line: SimpleNamespace(device="cpu", plain=False), fail(OSError(22, "of ours"))
        )


def test_a_resumed_run_goes_on_as_the_one_that_was_saved_and_has_what_the_script_kept(tmp_path):
    run, said = make_run(tmp_path, labels=["a"]), []
    update(run)
    run.save(best={"value": 0.5})
    update(run)
    again = make_run(tmp_path, said, labels=["a"])
    assert again.resume("its data") == {"best": {"value": 0.5}}
    assert said == [f"Resuming {tmp_path} from step 1."]
    update(again)
    assert again.model.weight.equal(run.model.weight)
    assert again.progress == run.progress
    control = make_run(tmp_path, labels=["a"])
    control.resume("its data")
    torch.manual_seed(1)  # other random numbers than those that were saved
    update(control)
    assert not control.model.weight.equal(run.model.weight)


@pytest.mark.parametrize(("size", "labels", "named"), [(2, ["a"], "config"), (1, ["b"], "labels")])
def test_the_state_of_another_model_is_refused(tmp_path, size, labels, named):
    make_run(tmp_path, labels=["a"]).save()
    with pytest.raises(InputError, match=rf"not belong to what its data make now \(other {named}\); put back"):
        make_run(tmp_path, size=size, labels=labels).resume("its data")


def test_a_run_that_saved_nothing_begins_anew_unless_there_is_a_model_to_lose(tmp_path):
    said = []
    assert make_run(tmp_path, said).resume("its data") == {}
    assert said == [f"Nothing has been saved in {tmp_path} yet: it begins anew."]
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(InputError, match="holds a model, but no training state"):
        make_run(tmp_path).resume("its data")


def test_a_run_goes_on_with_and_without_loss_scaling(tmp_path):
    scaled = make_run(tmp_path)
    scaled.scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    make_run(tmp_path).save()
    scaled.resume("its data")
    assert scaled.scaler.get_scale() == 8.0
    scaled.scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    scaled.save()
    again = make_run(tmp_path)
    again.resume("its data")
    again.scaler = torch.amp.GradScaler("cpu")
    again.resume("its data")
    assert again.scaler.get_scale() == 4.0


def test_another_number_of_processes_is_said(tmp_path):
    make_run(tmp_path).save()
    said = []
    make_run(tmp_path, said, processes=2).resume("its data")
    assert said[0].startswith("Note: the run had 1 processes and now has 2: dropout goes on from other random numbers")


def test_each_process_drops_out_other_activations_and_each_run_of_a_seed_the_same(tmp_path):
    drawn = []
    for rank in (0, 1, 0):
        model = Model()
        assemble(settings(tmp_path), model, Processes(rank, 2, CPU), print, {})
        drawn.append(torch.rand(4))
    assert drawn[0].equal(drawn[2])
    assert not drawn[0].equal(drawn[1])


def fail(error):
    def do(settings, processes):
        raise error

    return do


@pytest.mark.parametrize(
    ("do", "code", "message"),
    [(lambda settings, processes: 130, 130, ""), (fail(InputError("no such file")), 2, "a.py: error: no such file\n"),
     (fail(KeyboardInterrupt()), 130, "a.py: interrupted; what was saved before is kept\n")],
)  # fmt: skip
def test_a_script_ends_with_a_code_and_one_sentence(do, code, message, capsys):
    assert run_script("a.py", [], lambda command_line: SimpleNamespace(device="cpu", plain=False), do) == code
    assert capsys.readouterr().err == message


def test_an_error_that_is_no_fault_of_the_input_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_script(
            "a.py", [], lambda command_line: SimpleNamespace(device="cpu", plain=False), fail(ZeroDivisionError())
        )


@pytest.mark.parametrize("damage", [{"progress": {"steps": 1}}, {"generators": None}])
def test_a_damaged_state_is_one_sentence(tmp_path, damage):
    make_run(tmp_path).save(**damage)  # in the place of what stands there
    with pytest.raises(InputError, match=f"{next(iter(damage))}.*; put back a copy of training_state"):
        make_run(tmp_path).resume("its data")


def test_what_the_machine_lacks_is_a_sentence(capsys):
    for error, said in (
        (MemoryError(), "the memory is full"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "a.txt"), "a.txt: too many files are open"),
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "runs/a"), "runs/a: cannot be used"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "memory is full"),
    ):
        assert run_script("a.py", [], lambda command_line: SimpleNamespace(device="cpu", plain=False), fail(error)) == 2
        printed = capsys.readouterr().err
        assert printed.startswith("a.py: error: ")
        assert said in printed
        assert printed.count("\n") == 1


def test_nonsense_in_the_environment_is_a_sentence(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "x")
    assert run_script("a.py", [], lambda command_line: SimpleNamespace(device="cpu", plain=False), lambda *_: 0) == 2
    assert "WORLD_SIZE is 'x'" in capsys.readouterr().err


def test_a_lock_sweeps_what_killed_runs_left(tmp_path):
    (tmp_path / ".curves.png.abcdefgh.tmp").touch()
    (tmp_path / ".mine.tmp").touch()
    with lock(tmp_path, Processes(0, 1, CPU)):
        assert [path.name for path in tmp_path.iterdir()] == [".mine.tmp"]


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_run_computes_as_its_settings_say(tmp_path, precision, dtype):
    model = Model()
    model.norm = nn.LayerNorm(1)
    own = TrainingSettings(str(tmp_path), precision=precision, compile=precision == "bf16", learning_rate=0.25)
    run = assemble(own, model, Together(0, 1, CPU), lambda sentence: None, {"labels": ["a"]})
    with run.precision.autocast():
        assert model.norm(model(torch.ones(2, 1))).dtype == dtype
    assert run.metadata == {"precision": precision, "device": "cpu", "processes": 1}
    assert (run.compiles, run.recomputes, run.scaler.is_enabled()) == (precision == "bf16", False, False)
    assert assemble(TrainingSettings(str(tmp_path), recompute=True), Model(), Together(0, 1, CPU), print, {}).recomputes
    assert {group["lr"] for group in run.optimizer.param_groups} == {0.25}
    assert type(run.optimizer).__name__ == "BertAdamW"
    assert run.identity == {"config": {"size": 1}, "labels": ["a"]}
