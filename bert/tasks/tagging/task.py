"""Fine-tuning on sentences whose words have a tag each."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from bert.errors import InputError
from bert.heads.loss import Loss, cross_entropy
from bert.heads.tagging import BertForTokenClassification
from bert.tasks.tagging.predict import WordTags
from bert.tasks.tagging.schemes import are_entities
from bert.tasks.tagging.sentence import TaggedSentence
from bert.tasks.task import Task


class TaggingTask(Task):
    """Each window of a long sentence is a training row, with the labels of its words."""

    labels_per_item = True

    def prepare(self) -> None:
        self.options = replace(self.options, fitting_tags=are_entities(self.labels))

    def targets(self, examples: Sequence[TaggedSentence], source: str) -> list[np.ndarray]:
        """The tag ids of each sentence's words."""
        ids = {tag: index for index, tag in enumerate(self.labels)}
        for sentence in examples:
            for place, tag in enumerate(sentence.tags):
                if tag not in ids:
                    raise InputError(
                        f"{source}: line {sentence.line + place}: the tag {tag!r} is not one of those trained on: "
                        f"{', '.join(self.labels)}"
                    )
        return [np.array([ids[tag] for tag in sentence.tags], np.int64) for sentence in examples]

    def losses(
        self, model: BertForTokenClassification, targets: Sequence[np.ndarray], predictions: Sequence[WordTags]
    ) -> dict[str, Loss]:
        labels = np.concatenate([target[each.words] for target, each in zip(targets, predictions)])
        logits = np.concatenate([each.logits for each in predictions])
        return {"tagging": cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))}
