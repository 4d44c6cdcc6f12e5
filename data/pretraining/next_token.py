"""Next-token prediction: each token predicts the one after it, from those before it.

    [CLS]   good   film   [SEP]
    good    film   [SEP]            the last token of a sequence predicts nothing

So nearly every token has a label, and not 15 % of them. But no token sees what comes after it. Source: Radford et al.
2018 (GPT), equation 1; with BERT's encoder, Devlin et al. 2018, section 5.1, "LTR & No NSP".
"""

from dataclasses import replace

import torch

from bert.heads.batch import Batch


def predict_next(batch: Batch) -> Batch:
    """A masked batch as one that predicts next tokens, of the text as it was before it was masked.

    Returns:
        A batch that selects all tokens but the last of each sequence. Its labels are next_token_labels (selected,).
    """
    assert batch.selected is not None, "a masked batch selects the masked tokens"
    text = batch.input_ids.index_copy(0, batch.selected, batch.labels["masked_labels"])
    is_last = torch.zeros_like(text).index_fill_(0, batch.sequences.boundaries[1:].long() - 1, 1)
    selected = (is_last == 0).nonzero().squeeze(1)
    return replace(batch, input_ids=text, selected=selected, labels={"next_token_labels": text[selected + 1]})
