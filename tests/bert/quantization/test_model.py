"""A model in 8 bits: which parts are, how close it is, and that no text depends on the others of its batch."""

import pytest
import torch
from torch import nn

from bert import fast
from bert.adaptation.adapt import adapt, merge
from bert.adaptation.bitfit import BitFit
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.ia3 import IA3
from bert.adaptation.lora import Lora
from bert.adaptation.prefix import Prefix
from bert.config import BertConfig
from bert.errors import InputError
from bert.generation.config import EncoderDecoderConfig
from bert.generation.model import BertForConditionalGeneration
from bert.heads.batch import sequences_of
from bert.heads.pretraining import BertForPreTraining
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel
from bert.quantization import quantize
from bert.quantization.embedding import QuantizedEmbedding
from bert.quantization.linear import QuantizedLinear
from bert.quantization.model import weight_bytes
from tests.bert.adaptation.models import CONFIG, INPUTS, logits_of, make_model, scaled_up, shaken


def parts(model: nn.Module, kind: type[nn.Module]) -> set[str]:
    return {name for name, module in model.named_modules() if isinstance(module, kind)}


def test_the_six_matrices_of_each_layer_and_the_table_of_words_are_and_pooler_and_head_are_not():
    model = make_model()
    before = weight_bytes(model)
    assert quantize(model) is model
    assert parts(model, QuantizedLinear) == {
        f"bert.encoder.layers.{number}.{name}" for number in range(3) for name in
        ("attention.query", "attention.key", "attention.value", "attention.output", "feed_forward.intermediate",
         "feed_forward.output")
    }  # fmt: skip
    assert parts(model, QuantizedEmbedding) == {"bert.embeddings.word_embeddings"}
    assert parts(model, nn.Linear) == {"bert.pooler.dense", "classifier"}
    matrices = 3 * (4 * 22 * 22 + 2 * 22 * 34) + 101 * 22
    scales = 3 * (4 * 22 + 34 + 22) + 101
    assert weight_bytes(model) == before - 3 * matrices + 4 * scales


def test_its_scores_are_close_to_those_in_float32_and_a_second_time_changes_nothing():
    model = make_model()
    expected = logits_of(model)
    found = logits_of(quantize(model))
    error = (found - expected).abs().max() / expected.abs().max()
    assert 1e-5 < error < 0.05
    assert logits_of(quantize(model)).equal(found)


def test_a_text_gets_the_same_scores_alone_as_beside_texts_with_large_numbers():
    """The control: with one scale for the whole batch it would not."""
    model = quantize(make_model())
    together = logits_of(model)
    for row in range(4):
        length = int(INPUTS["attention_mask"][row].sum())
        alone = {name: each[row : row + 1, :length] for name, each in INPUTS.items()}
        with torch.no_grad():
            torch.testing.assert_close(model(**alone).logits[0], together[row], rtol=1e-4, atol=1e-5)


def test_query_key_and_value_quantize_their_states_once(monkeypatch):
    calls = []
    from bert.quantization import linear, model

    for module in (linear, model):
        real = module.quantize_rows
        monkeypatch.setattr(module, "quantize_rows", lambda states, real=real: calls.append(1) or real(states))
    quantized = quantize(BertModel(CONFIG, with_pooler=False).eval())
    calls.clear()
    ids = torch.tensor([3, 1, 4, 1, 5])
    with torch.no_grad():
        quantized(ids, sequences=sequences_of((2, 3)))
        assert len(calls) == 3 * 4  # before query, output, intermediate and output
        calls.clear()
        quantized(ids, sequences=sequences_of((2, 3)), selected=torch.tensor([1]))
    assert len(calls) == 3 * 4 + 1  # the last layer's queries are of selected tokens


@pytest.mark.parametrize("method", [Lora(rank=3), IA3(), BitFit()])
def test_an_adapter_becomes_part_of_the_weights_first(method):
    model = make_model()
    adapt(model, method)
    shaken(model)
    other = make_model()
    adapt(other, method)
    shaken(other)
    merge(other)
    found = logits_of(quantize(model))
    assert found.equal(logits_of(quantize(other)))
    assert len(parts(model, QuantizedLinear)) == 3 * 6


@pytest.mark.parametrize(("method", "in_eight_bits"), [(Houlsby(size=5), 4), (Prefix(length=4), 6)])
def test_what_an_adapter_that_cannot_be_merged_wraps_stays_in_float32(method, in_eight_bits):
    model = make_model()
    adapt(model, method)
    shaken(model)
    expected = logits_of(model)
    torch.testing.assert_close(logits_of(quantize(model)), expected, rtol=0.1, atol=0.1)
    assert len(parts(model, QuantizedLinear)) == 3 * in_eight_bits


def test_a_table_of_words_that_a_head_reads_stays_in_float32():
    model = scaled_up(BertForPreTraining(CONFIG)).eval()
    with torch.no_grad():
        expected = model(**INPUTS).prediction_logits
        found = quantize(model)(**INPUTS).prediction_logits
    assert not parts(model, QuantizedEmbedding)
    assert 1e-5 < (found - expected).abs().max() / expected.abs().max() < 0.05


def test_a_decoder_is_in_eight_bits_too_and_writes_piece_by_piece():
    torch.manual_seed(0)
    config = BertConfig(101, 22, 2, 2, 34, max_position_embeddings=29)
    model = scaled_up(BertForConditionalGeneration(EncoderDecoderConfig(config, config, 2, 3, 0))).eval()
    sequences = sequences_of((3, 2))
    source, padded = torch.tensor([7, 8, 9, 10, 11]), torch.tensor([[7, 8, 9], [10, 11, 0]])
    target = torch.tensor([[5, 6], [12, 13]])

    def scores() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            cache = model.start(model.encode(padded, (padded > 0).long()))
            steps = [model.decoder.step(pieces, cache) for pieces in target.T]
            at_once = model(source, target.flatten(), sequences=sequences, decoder_sequences=sequences_of((2, 2)))
        return torch.stack(steps, dim=1), at_once.logits.view(2, 2, -1)

    expected, _ = scores()
    assert quantize(model) is model
    assert len(parts(model, QuantizedLinear)) == 2 * 6 + 2 * 10
    assert parts(model, QuantizedEmbedding) == {"bert.embeddings.word_embeddings"}
    by_step, at_once = scores()
    torch.testing.assert_close(by_step, at_once, rtol=1e-4, atol=1e-4)
    assert 1e-5 < (by_step - expected).abs().max() / expected.abs().max() < 0.1


def test_with_kernels_off_its_weights_are_ordinary_tensors_that_can_be_saved(tmp_path):
    with fast.off():
        model = quantize(make_model())
    assert not any(module.weight.is_mkldnn for module in model.modules() if isinstance(module, QuantizedLinear))
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    torch.testing.assert_close(logits_of(model), logits_of(quantize(make_model())), rtol=1e-4, atol=1e-5)


def test_on_a_gpu_it_is_refused():
    with pytest.raises(InputError, match="on meta; move it to the CPU first"):
        quantize(BertModel(CONFIG).to("meta"))
    with pytest.raises(InputError, match=r"has torch\.bfloat16; call \.float"):
        quantize(BertModel(CONFIG).bfloat16())


def test_a_tagger_gives_a_row_of_scores_for_each_token():
    model = scaled_up(BertForTokenClassification(CONFIG, labels=["O", "I-X"])).eval()
    with torch.no_grad():
        expected = model(**INPUTS).logits
        found = quantize(model)(**INPUTS).logits
    assert found.shape == expected.shape
    assert (found - expected).abs().max() / expected.abs().max() < 0.05
