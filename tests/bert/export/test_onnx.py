"""ONNX graphs, run by onnxruntime: every head at other shapes than it was made with; in 8 bits; as the README says."""

import json
import subprocess
import sys

import pytest
import torch

from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.export.forms import STATES, form_of
from bert.export.onnx_graph import open_graph, write_graph
from bert.export.parts import parts_of
from bert.generation.config import EncoderDecoderConfig
from bert.generation.model import BertForConditionalGeneration
from bert.heads.classification import BertForSequenceClassification
from tests.bert.adaptation.runs import TOKENIZER
from tests.bert.export.heads import CONFIG, HEADS, SHAPES, batch_for, largest_difference, small_model

pytestmark = pytest.mark.peers
ALIKE = {"mean", "encoder"}  # other heads have the same operations; test_padded.py has them


@pytest.mark.parametrize("name", [name for name in HEADS if name not in ALIKE])
def test_every_head_gives_our_numbers_at_other_shapes(name, tmp_path):
    import onnx

    head = small_model(name)
    write_graph(tmp_path / "model.onnx", parts_of(head)["model"], int8=False)
    run = open_graph(tmp_path / "model.onnx")
    for batch, seq in SHAPES:
        inputs = batch_for(head, batch, seq)
        with torch.no_grad():
            assert largest_difference(form_of(head).read(head, inputs), run(inputs)) < 1e-4
    value = onnx.load(tmp_path / "model.onnx").graph.input[0]
    axes = tuple(dimension.dim_param for dimension in value.type.tensor_type.shape.dim)
    assert axes == form_of(head).inputs["input_ids"]


def test_a_model_that_writes_is_an_encoder_and_a_decoder(tmp_path):
    torch.manual_seed(7)
    decoder = CONFIG.replace(vocab_size=77, hidden_size=26, max_position_embeddings=19)
    model = BertForConditionalGeneration(EncoderDecoderConfig(CONFIG, decoder, 2, 3, 0)).eval()
    runs = {}
    for name, part in parts_of(model).items():
        write_graph(tmp_path / f"{name}.onnx", part, int8=False)
        runs[name] = open_graph(tmp_path / f"{name}.onnx")
    for batch, seq, target in ((1, 23, 19), (5, 9, 1)):
        inputs = batch_for(small_model("encoder"), batch, seq)
        written = torch.randint(0, 77, (batch, target))
        with torch.no_grad():
            expected = model(decoder_input_ids=written, **inputs).logits
        states = runs["encoder"](inputs)[STATES]
        mask = inputs["attention_mask"]
        found = runs["decoder"]({"decoder_input_ids": written, STATES: states, "attention_mask": mask})["logits"]
        assert torch.allclose(found, expected, atol=1e-4)


def test_the_command_writes_8_bits_and_a_readme_whose_program_runs_without_us(tmp_path):
    import onnx

    from bert.commands.export import export_run

    torch.manual_seed(3)
    config = BertConfig(TOKENIZER.vocab_size, 64, 1, 2, 96, max_position_embeddings=19, initializer_range=0.2)
    model = BertForSequenceClassification(config, labels=["dry", "wet"])
    save_checkpoint(tmp_path / "run", model, TOKENIZER)
    check = export_run(tmp_path / "run", tmp_path / "out", "onnx", int8=True, threshold=0.2)
    assert check.texts == 256 and check.labels == 256 and check.flipped <= 25
    assert 0 < check.largest_difference < 0.2
    weights = onnx.load(tmp_path / "out" / "model.onnx").graph.initializer
    kinds = {
        tuple(each.dims): onnx.TensorProto.DataType.Name(each.data_type) for each in weights if len(each.dims) == 2
    }
    assert kinds[64, 96] == "INT8" and kinds[96, 64] == "FLOAT"  # the feed-forward network's first and second matrix
    assert json.loads((tmp_path / "out" / "check.json").read_text())["int8"] is True
    program = (tmp_path / "out" / "README.md").read_text().split("```python\n")[1].split("```")[0]
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path / "out", capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "torch" not in program and len(ran.stdout.splitlines()) == 2  # the scores of two texts
