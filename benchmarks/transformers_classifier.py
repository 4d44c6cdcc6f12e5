"""Text classification as transformers' users do it: rows, optimizer, one update, a score.

What its documentation shows for BertForSequenceClassification and a plain PyTorch loop, with the numbers of BERT's
paper in the place of its own. ``benchmarks.finetuning`` sets train_finetune.py beside it.
"""

from functools import partial
from pathlib import Path

import torch

from bert.tasks.classification.read import find_labels, label_ids, read_examples
from bert.tasks.metrics import classification_metrics, regression_metrics
from bert.training.optimizer import BETAS, EPSILON, WEIGHT_DECAY
from finetuning.known_tasks import KNOWN_TASKS, find_file

SINGLE, REGRESSION = "single_label_classification", "regression"
# Each task's folder, and the type of its problem as both libraries name it.
TASKS = {
    "mrpc": ("MRPC", SINGLE), "rte": ("RTE", SINGLE), "stsb": ("STS-B", REGRESSION), "cola": ("CoLA", SINGLE),
    "sst2": ("SST-2", SINGLE),
}  # fmt: skip
BATCH_SIZE, LEARNING_RATE, MAX_LENGTH = 32, 5e-5, 128


def their_classification(task: str, data: Path, checkpoint: str):
    """The model, the rows by set, what makes batches of them, and what scores the model on batches."""
    import transformers  # only here: it takes seconds

    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    rows, labels = their_rows(task, data, tokenizer)
    model = transformers.BertForSequenceClassification.from_pretrained(
        checkpoint, num_labels=len(labels), problem_type=TASKS[task][1], dtype=torch.float32
    )
    score = partial(their_score, metric=KNOWN_TASKS[task].metric)
    return model, rows, transformers.DataCollatorWithPadding(tokenizer), score


def their_rows(task: str, data: Path, tokenizer) -> tuple[dict[str, list[dict]], list[str]]:
    """Training and dev examples as transformers' collator takes them, and the labels' names."""
    known, problem_type = KNOWN_TASKS[task], TASKS[task][1]
    paths = {"train": find_file(data, known.train), "dev": find_file(data, known.dev)}
    examples = {name: list(read_examples(path, known.columns, True, problem_type)) for name, path in paths.items()}
    labels = find_labels(examples["train"], str(paths["train"]), problem_type)
    rows = {}
    for name, chosen in examples.items():
        numbers = label_ids(chosen, labels, problem_type, str(paths[name])).tolist()
        texts = [[example.first for example in chosen]]
        if known.columns.text_pair is not None:
            texts.append([example.second for example in chosen])
        encoded = tokenizer(*texts, truncation=True, max_length=MAX_LENGTH)
        rows[name] = [
            {field: encoded[field][row] for field in encoded} | {"labels": number} for row, number in enumerate(numbers)
        ]
    return rows, labels


def their_optimizer(model, learning_rate: float = LEARNING_RATE) -> torch.optim.Optimizer:
    """torch's AdamW in the two groups of transformers' examples."""
    undecayed = ("bias", "LayerNorm.weight")
    decayed = {name: not name.endswith(undecayed) for name, _ in model.named_parameters()}
    groups = [
        {
            "params": [parameter for name, parameter in model.named_parameters() if decayed[name] == decay],
            "weight_decay": WEIGHT_DECAY if decay else 0.0,
        }
        for decay in (True, False)
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=BETAS, eps=EPSILON, fused=True)


def their_step(model, batch: dict, optimizer: torch.optim.Optimizer) -> None:
    """One update of transformers' model."""
    model(**batch).loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


@torch.inference_mode()
def their_score(model, batches, metric: str) -> float:
    """The measure of transformers' model on a set."""
    model.eval()
    logits = torch.cat([model(**batch).logits for batch in batches])
    truth = torch.cat([batch["labels"] for batch in batches]).numpy()
    if model.config.problem_type == REGRESSION:
        return regression_metrics(truth, logits[:, 0].numpy())[metric]
    return classification_metrics(truth, logits.argmax(dim=-1).numpy(), model.config.num_labels)[metric]
