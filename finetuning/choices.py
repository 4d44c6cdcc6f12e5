"""One of several choices: from JSON lines to batches, and from a model to its accuracy."""

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from bert.evaluation.page import WORST_SHOWN, table
from bert.evaluation.report import Evaluation
from bert.heads.loss import cross_entropy
from bert.heads.multiple_choice import BertForMultipleChoice
from bert.predict_choices import choice_logits
from bert.task_inputs.choices import Choices
from bert.tokenization.choice_inputs import choice_inputs
from bert.training.distributed import Processes
from bert.training.precision import Precision
from data.tasks.batches import Batch
from data.tasks.choices import choice_batch
from finetuning.measuring import in_shares, mean_of
from finetuning.sets import TaskSet


class ChoiceTask:
    """Multiple choice with its examples: what the script needs to train a model on it and to measure one.

    Args:
        sets: "train", "dev" and perhaps "test": (source, examples).
        tokenizer, max_length, long_texts: how texts become inputs.

    Raises:
        InputError: where long_texts is "windows".
    """

    model_class = BertForMultipleChoice
    head = "classifier"
    batches_by_length = True
    labels = ()

    def __init__(self, sets: dict[str, tuple[str, list[Choices]]], tokenizer, max_length: int, long_texts: str):
        self.tokenizer = tokenizer
        self.sets = {}
        for name, (_, examples) in sets.items():
            fitted = [
                choice_inputs(tokenizer, example.context, example.choices, max_length, long_texts)
                for example in examples
            ]
            too_long = sum(each.is_cut for each in fitted)
            self.sets[name] = TaskSet(examples, [each.inputs for each in fitted], too_long)

    @property
    def model_arguments(self) -> dict:
        """What the model's constructor takes besides the configuration."""
        return {}

    def row_lengths(self) -> list[int]:
        """Of the training examples, in tokens of the longest choice."""
        return [max(len(choice.input_ids) for choice in choices) for choices in self.sets["train"].inputs]

    def make_batch(self, chosen: np.ndarray) -> Batch:
        """The training examples of these numbers as tensors (see ``choice_batch``); their choices stay together."""
        texts = self.sets["train"]
        inputs, labels = zip(*((texts.inputs[row], texts.examples[row].label) for row in chosen))
        return choice_batch(inputs, labels, self.tokenizer.pad_token_id)

    def evaluate(
        self, model: BertForMultipleChoice, name: str, precision: Precision, processes: Processes,
        in_full: bool = False,
    ) -> Evaluation:  # fmt: skip
        """The accuracy on a set, the same in every process.

        Args:
            in_full: also what the report shows: predictions and the worst mistakes.
        """
        texts, pad_token_id = self.sets[name], self.tokenizer.pad_token_id
        rows = in_shares(
            lambda share: choice_logits(model, share, pad_token_id), texts.inputs, model, precision, processes
        )
        logits = pad_sequence(rows, batch_first=True, padding_value=-torch.inf)  # shares may differ in most choices
        labels = torch.tensor([example.label for example in texts.examples])
        losses = mean_of("choice", cross_entropy(logits, labels))
        metrics = {"accuracy": losses["choice_accuracy"]}
        if not in_full:
            return Evaluation(metrics, losses)
        best = list(zip(texts.examples, *(values.tolist() for values in logits.softmax(dim=-1).max(dim=-1))))
        wrong = sorted((each for each in best if each[2] != each[0].label), key=lambda each: -each[1])
        return Evaluation(
            metrics, losses, ["line", "label", "prediction", "p(prediction)", "choice"],
            [[example.line, example.label, guess, probability, example.choices[guess]]
             for example, probability, guess in best],
            [("Most confidently wrong", table(
                ["confidence", "line", "label", "prediction", "context"],
                ([f"{probability:.3f}", example.line, example.choices[example.label], example.choices[guess],
                  example.context[:1_000]] for example, probability, guess in wrong[:WORST_SHOWN])))],
        )  # fmt: skip
