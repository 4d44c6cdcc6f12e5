"""The messages of a pretraining run, at its beginning and at its end."""

from bert.commands.fill_mask import fill_mask
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.tokenizer import Tokenizer
from bert.training.fitted_schedule import FittedSchedule
from bert.training.flags import LARGEST
from bert.training.optimizer import optimizer_in_words
from bert.training.run import Run
from bert.training.schedule import Schedule
from bert.training.script import Log, how_to_go_on
from bert.variants.build import variant_of
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.masking import DEFAULT, Masking
from pretraining.masking_flags import masking_rate
from pretraining.phases import phases
from pretraining.settings import PretrainingSettings

MOST_RANDOM_PAIRS = 0.6  # half are random by the paper's rule, and some more at the ends of documents


def describe(
    settings: PretrainingSettings, run: Run, corpus: TokenizedCorpus, schedule: Schedule, updates_per_epoch: int
) -> list[str]:
    """The run that is about to start, for the user to check, as lines."""
    config = run.trainable.config
    parameters = sum(parameter.numel() for parameter in run.model.parameters())
    origin = settings.size if settings.checkpoint is None else f"from {settings.checkpoint}"
    lines = [
        f"Model:  {origin}, {config.num_hidden_layers} layers of {config.hidden_size}, {parameters:,} parameters"
        + (f", {variant.replace(',', ', ')}." if (variant := variant_of(run.model)) else "."),
        f"Corpus: {corpus.number_of_documents:,} documents, {len(corpus.tokens):,} pieces of a vocabulary of "
        f"{config.vocab_size:,}; {len(corpus.held_out):,} documents are held out.",
        f"Run:    {how_long(settings, schedule, updates_per_epoch)}, to {settings.output}.",
        f"Device: {run.description}.",
        f"Preset: {settings.preset}, dropout {config.hidden_dropout_prob:g} of hidden states and "
        f"{config.attention_probs_dropout_prob:g} of attention weights.",
    ]
    masks = how_masked(settings.masking, masking_rate(settings.masking_rate), settings.whole_word_masking)
    if settings.predicts_next:
        lines.append("Task:   each token predicts the next one, from left to right.")
    if masks:
        later = "none, until --resume --objective masked. Then: " if settings.predicts_next else ""
        lines.append(f"Masks:  {later}{masks}.")
    if settings.join_examples > 1:
        lines.append(f"Joined: {settings.join_examples} examples make a sequence, and attend to each other.")
    lines += optimizer_in_words(settings.optimizer, settings.weight_decay)
    if settings.average is not None:
        lines.append(f"Mean:   of the weights over about {settings.average:,} updates; it is evaluated and saved.")
    if (count := settings.keep_checkpoints) is not None:
        lines.append(
            f"Keeps:  {count} checkpoints, {4 * parameters * count / 1e6:,.0f} MB, in {settings.output}/checkpoints."
        )
    return lines


def how_masked(masking: Masking, wanted: tuple[float, float] | None = None, whole_words: bool = False) -> str:
    """How the masks of a run differ from the default. Empty if they do not.

    Args:
        wanted: the rates that the flags or the recipe name, if the run has others.
        whole_words: whether the tokens of a word are masked together.

    >>> how_masked(Masking(rate=(0.3, 0.15), shares=(100, 0, 0)))
    "30% of the tokens, falling to 15% at the schedule's end; 100% of them [MASK], 0% random, 0% as they are"
    """
    parts = []
    first, last = masking.rate
    if wanted not in (None, masking.rate):
        parts.append(f"{100 * last:g}% of the tokens (a change of the rate would need to know the last update)")
    elif first != last:
        way = "falling" if last < first else "rising"
        parts.append(f"{100 * first:g}% of the tokens, {way} to {100 * last:g}% at the schedule's end")
    elif masking.rate != DEFAULT.rate:
        parts.append(f"{100 * first:g}% of the tokens")
    if masking.shares != DEFAULT.shares:
        parts.append("{}% of them [MASK], {}% random, {}% as they are".format(*masking.shares))
    if whole_words:
        parts.append("whole words")
    if masking.copies:
        share = "" if first == last else ", as many as its rate says"
        parts.append(f"epoch {masking.copies} has the examples and masks of epoch 0 again{share}")
    return "; ".join(parts)


def how_long(settings: PretrainingSettings, schedule: Schedule, updates_per_epoch: int) -> str:
    """What limits a run, and what its learning rate is laid over."""
    examples, steps = f"{settings.batch_size} examples", schedule.max_steps
    if settings.phases:
        parts = (f"{each.end - each.start:,} of up to {each.max_length} tokens" for each in phases(settings.phases))
        return f"{steps:,} steps of {examples}: {', then '.join(parts)}"
    examples += f" of up to {settings.max_length} tokens"
    if isinstance(schedule, FittedSchedule):
        most = "" if schedule.limit == LARGEST else f" and at most {steps:,} steps"
        return f"{settings.max_minutes:g} minutes{most}, to which the schedule is fitted, in steps of {examples}"
    said = f"{steps:,} steps of {examples} (about {steps / updates_per_epoch:.1f} epochs)"
    if schedule.decays_to not in (None, steps):
        said += f" of a schedule over {schedule.decays_to:,}"
    if schedule.max_seconds is not None:
        said += f", in sessions of {schedule.max_seconds / 60:g} minutes"
    return said


def warn_of_random_pairs(share: float, corpus: TokenizedCorpus, max_length: int) -> str:
    """The note for a corpus that leaves next-sentence prediction little to learn. Empty if it leaves enough.

    Args:
        share: of the pairs, how many have a random B. Half of them have, by the paper's rule. More have if sentences
            are followed by none in their document, or if one alone fills an input.
    """
    if share <= MOST_RANDOM_PAIRS:
        return ""
    sentences = len(corpus.sentence_starts) - 1
    return (
        f"Note: {share:.1%} of the sentence pairs are random, since often no next sentence exists or fits: a document "
        f"has {sentences / corpus.number_of_documents:.1f} sentences on average, a sentence "
        f"{len(corpus.tokens) / sentences:.0f} tokens, and an input {max_length}. Always guessing 'random' is right as "
        "often, so next-sentence prediction learns little. Write one sentence per line and blank lines between "
        "documents only, use --document-per-line if each line is a document, use a larger --max-length, or train "
        "without that task: --no-nsp."
    )


def fill_in_blanks(
    model: BertForPreTraining, tokenizer: Tokenizer, corpus: TokenizedCorpus, log: Log, count: int = 3
) -> None:
    """Shows the model at work. It guesses the middle word of a sentence in each of a few held-out documents.

    These are the first suitable sentences, whatever the model makes of them.
    """
    shown = 0
    for document in corpus.held_out.tolist():
        for sentence in range(corpus.document_starts[document], corpus.document_starts[document + 1]):
            ids = corpus.tokens[corpus.sentence_starts[sentence] : corpus.sentence_starts[sentence + 1]].tolist()
            blank = len(ids) // 2
            if not 10 <= len(ids) <= 25 or any(tokenizer.continues_word[piece] for piece in ids[blank : blank + 2]):
                continue
            word = tokenizer.decode([ids[blank]])
            if not (word.isalpha() and len(word) > 2):
                continue
            with_blank = [*ids[:blank], tokenizer.mask_token_id, *ids[blank + 1 :]]
            text = tokenizer.decode(with_blank, skip_special_tokens=False)
            fillings = fill_mask(model, tokenizer, text)[0]
            log("", text, f"  was:     {word}")
            log("  guesses: " + ", ".join(f"{filling.piece} {filling.probability:.0%}" for filling in fillings))
            shown += 1
            break
        if shown == count:
            return


def next_commands(settings: PretrainingSettings, ended: str, step: int, fills_blanks: bool = True) -> list[str]:
    """The commands that the user may want next, as lines, of a run that ended after ``step`` updates.

    Args:
        fills_blanks: whether its model can. One that reads from left to right cannot.
    """
    run = settings.output
    if ended != "finished":
        return how_to_go_on("train_pretrain.py", run)
    end = settings.schedule_to
    if end and step < end:
        return ["", f"The schedule goes on to step {end:,}: python train_pretrain.py --output {run} --resume "
                    f"--max-steps {end}"]  # fmt: skip
    if not fills_blanks:
        return [
            "",
            f"The model is in {run}; its curves are in {run}/curves.png. It reads from left to right. Fine-tune it:",
            f"  python train_finetune.py --checkpoint {run} --output {run}-finetuned",
        ]
    sentence = "This function returns the [MASK] of the list." if settings.corpus is None else "This is a [MASK]."
    return [
        "",
        f"The model is in {run}; its curves are in {run}/curves.png. Try it:",
        f'  python -m bert fill-mask {run} "{sentence}"',
    ]
