"""A text's vector: the mean of its own tokens' states, or [CLS]'s, of the layers asked for, over its windows."""

import numpy as np
import pytest
import torch

from bert.commands.embed import embed
from bert.errors import InputError
from bert.model.bert import BertModel
from bert.tasks.classification.read import Example
from bert.tasks.options import Options
from tests.bert.tasks.conftest import CONFIG, TOKENIZER
from tests.conftest import WORDS

TEXTS = ["the bright river", "king", " ".join(WORDS[:19]), "small old stone bird"]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return BertModel(CONFIG.replace(num_hidden_layers=3), with_pooler=False).train()  # dropout is off for vectors


def vectors(model, texts=TEXTS, max_length=40, **options):
    pairs = [(each, None) if isinstance(each, str) else each for each in texts]
    examples = [Example(number, *pair, None) for number, pair in enumerate(pairs)]
    long_texts = options.pop("long_texts", "head")
    return np.stack(list(embed(model, TOKENIZER, examples, Options(max_length, long_texts), **options)))


def states_of(model, first, second=None):
    """The states of one text alone, (layers + 1, tokens, hidden_size); without padding."""
    encoding = TOKENIZER(first, second)
    inputs = torch.tensor([encoding.input_ids]), torch.tensor([encoding.token_type_ids])
    with torch.no_grad():
        output = model.eval()(*inputs, return_hidden_states=True)
    return torch.stack(output.hidden_states)[:, 0].numpy()


def assert_near(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("most_tokens", [1, 1000])
def test_it_is_the_mean_over_all_tokens_of_the_text_with_cls_and_sep_whatever_stands_beside_it(
    model, monkeypatch, most_tokens
):
    monkeypatch.setattr("bert.tasks.prediction.tokens_at_once", lambda model: most_tokens)
    found = vectors(model)
    assert_near(found, [states_of(model, text)[-1].mean(axis=0) for text in TEXTS])
    for wrong in (slice(1, None), slice(0, -1), slice(1, -1)):  # the control: without [CLS], or [SEP]
        assert not np.allclose(found, [states_of(model, text)[-1][wrong].mean(axis=0) for text in TEXTS], rtol=1e-3)


def test_it_is_the_state_of_the_first_token_if_asked(model):
    assert_near(vectors(model, poolings=("cls",)), [states_of(model, text)[-1][0] for text in TEXTS])


def test_layers_are_counted_from_the_embeddings_and_from_the_end(model):
    layers = (0, 1, 2, 3, -1, -2, -4)
    found = vectors(model, layers=layers)
    assert found.shape == (len(TEXTS), len(layers), CONFIG.hidden_size)
    for vector, text in zip(found, TEXTS):
        assert_near(vector, states_of(model, text)[list(layers)].mean(axis=1))
    assert_near(vectors(model, layers=(2,)), found[:, 2])
    assert_near(vectors(model, layers=(-1,)), found[:, 4])
    for layer in (4, -5):
        with pytest.raises(InputError, match=f"--layers {layer}: 0 .the embeddings. to 3"):
            vectors(model, layers=(layer,))


def test_a_pair_is_one_input(model):
    pairs = [("the river", "king"), ("old", "bird ship garden")]
    assert_near(vectors(model, pairs), [states_of(model, *pair)[-1].mean(axis=0) for pair in pairs])


def test_of_several_windows_it_is_the_mean_of_their_vectors(model):
    (found,) = vectors(model, [" ".join(WORDS[:10])], max_length=8, long_texts="windows")
    windows = [WORDS[0:6], WORDS[3:9], WORDS[6:10]]
    assert_near(found, np.mean([states_of(model, " ".join(part))[-1].mean(axis=0) for part in windows], axis=0))
