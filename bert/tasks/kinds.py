"""The table of all kinds of tasks, by the names of ``--problem``.

``train_finetune.py`` and ``python -m bert predict`` both work from it. To add a kind, write a folder like ``tagging/``
and a head in ``bert/heads/``. Then add a row here. ``tests/finetuning/test_a_new_kind.py`` does so with a small one.
"""

from functools import partial

from bert.generation.model import BertForConditionalGeneration
from bert.heads.choices import BertForMultipleChoice
from bert.heads.classification import BertForSequenceClassification
from bert.heads.cloze import BertForCloze
from bert.heads.embedding import BertForRetrieval, BertForSimilarity
from bert.heads.relations import BertForRelationExtraction
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.summaries import BertForExtractiveSummarization
from bert.heads.tagging import BertForTokenClassification
from bert.tasks.choices.inputs import choice_inputs
from bert.tasks.choices.measure import baseline_of_choices, measure_choices
from bert.tasks.choices.predict import choice_rows, predict_choices
from bert.tasks.choices.read import read_choices
from bert.tasks.choices.task import ChoiceTask
from bert.tasks.classification.inputs import text_inputs
from bert.tasks.classification.measure import baseline_of_labels, measure_labels
from bert.tasks.classification.predict import label_rows, predict_labels
from bert.tasks.classification.read import MULTI, REGRESSION, find_labels, hold_out, read_examples
from bert.tasks.classification.task import ClassificationTask, MultiLabelTask, RegressionTask
from bert.tasks.cloze.inputs import cloze_inputs
from bert.tasks.cloze.predict import cloze_rows, predict_clozes
from bert.tasks.cloze.task import ClozeTask
from bert.tasks.generation.inputs import source_inputs
from bert.tasks.generation.measure import METRICS, baseline_of_pairs, measure_outputs
from bert.tasks.generation.predict import write_outputs, writing_rows
from bert.tasks.generation.read import has_columns, hold_out_lines, read_pairs
from bert.tasks.generation.task import GenerationTask
from bert.tasks.options import Columns
from bert.tasks.ranking import RANKING_METRICS
from bert.tasks.relations.inputs import marked_inputs
from bert.tasks.relations.measure import baseline_of_relations, measure_relations
from bert.tasks.relations.predict import predict_relations, relation_rows
from bert.tasks.relations.read import find_relations, read_marked_texts
from bert.tasks.relations.task import RelationTask
from bert.tasks.retrieval.inputs import search_inputs
from bert.tasks.retrieval.measure import baseline_of_words, measure_searches
from bert.tasks.retrieval.predict import predict_vectors, search_rows
from bert.tasks.retrieval.read import hold_out_texts, read_searches
from bert.tasks.retrieval.task import RetrievalTask
from bert.tasks.similarity.inputs import pair_inputs
from bert.tasks.similarity.measure import baseline_of_overlap, measure_similarity
from bert.tasks.similarity.predict import predict_cosines, similarity_rows
from bert.tasks.similarity.read import read_scored_pairs
from bert.tasks.similarity.task import SimilarityTask
from bert.tasks.spans.inputs import question_inputs
from bert.tasks.spans.measure import baseline_of_answers, measure_answers
from bert.tasks.spans.predict import answer_rows, predict_answers
from bert.tasks.spans.read import hold_out_articles, is_squad, read_questions
from bert.tasks.spans.task import SpanTask
from bert.tasks.summaries.inputs import document_inputs
from bert.tasks.summaries.measure import baseline_of_summaries, measure_summaries
from bert.tasks.summaries.predict import predict_sentences, summary_rows
from bert.tasks.summaries.read import read_documents
from bert.tasks.summaries.task import SummaryTask
from bert.tasks.tagging.inputs import sentence_inputs
from bert.tasks.tagging.measure import ENTITY_METRICS, baseline_of_tags, measure_tags, metrics_of_tags
from bert.tasks.tagging.predict import predict_tags, tag_rows
from bert.tasks.tagging.read import find_tags, read_sentences, settle_tags
from bert.tasks.tagging.task import TaggingTask
from bert.tasks.task import Kind

IN_WINDOWS = "go in windows"
TEXT_COLUMNS = frozenset({"text_column", "text_pair_column", "header"})
TRAINING_COLUMNS = TEXT_COLUMNS | {"label_column", "bad_rows"}
# the flags about tasks that come one after another
LATER_TASKS = frozenset({
    "continue_from", "method", "keep", "task_known", "replay_every", "ewc_strength", "ewc_decay", "fisher_examples",
    "lwf_weight", "old_train", "old_dev",
})  # fmt: skip
SEARCH_COLUMNS = frozenset({"query_column", "negatives_column"})
VECTOR = frozenset({"pool", "normalize", "workers", "text"})  # the flags about vectors
TAG_COLUMNS = frozenset({"word_column", "tag_column"})
# the flags about how a decoder writes, and what training does not need of them
WRITING = frozenset({"beams", "length_penalty", "min_output", "max_output", "no_repeat_ngram"})
SAMPLING = frozenset({"sample", "temperature", "top_p", "seed"})
# the flags about a decoder and its vocabulary
GENERATION = WRITING | {
    "train_targets", "dev_targets", "test_targets", "history", "initialization", "size", "decoder_checkpoint",
    "decoder_layers", "vocab", "target_vocab", "vocab_size", "tokenizer", "max_target_length", "label_smoothing",
    "taken_over_rate", "batch_tokens",
}  # fmt: skip

_classification = partial(
    Kind,
    inputs=text_inputs,
    head=BertForSequenceClassification,
    predict=predict_labels,
    rows=label_rows,
    hold_out=hold_out,
    column_flags=lambda path: TEXT_COLUMNS,
)
KINDS: dict[str, Kind] = {
    "single-label": _classification(
        read=read_examples,
        measure=measure_labels,
        baseline=baseline_of_labels,
        task=ClassificationTask,
        find_labels=find_labels,
        metrics=("accuracy", "macro_f1", "weighted_f1", "matthews"),
        metrics_of_two_labels=("f1",),
        flags=TRAINING_COLUMNS
        | {"pool", "class_weights", "workers", "text", "unlabelled", "distil_from", "temperature"}
        | LATER_TASKS,
    ),
    "multi-label": _classification(
        read=partial(read_examples, problem_type=MULTI),
        measure=partial(measure_labels, problem_type=MULTI),
        baseline=partial(baseline_of_labels, problem_type=MULTI),
        task=MultiLabelTask,
        find_labels=partial(find_labels, problem_type=MULTI),
        metrics=("micro_f1", "macro_f1", "weighted_f1", "accuracy"),
        flags=TRAINING_COLUMNS | {"pool", "label_separator", "class_weights", "workers", "text"},
    ),
    "regression": _classification(
        read=partial(read_examples, problem_type=REGRESSION),
        measure=partial(measure_labels, problem_type=REGRESSION),
        baseline=partial(baseline_of_labels, problem_type=REGRESSION),
        task=RegressionTask,
        find_labels=partial(find_labels, problem_type=REGRESSION),
        metrics=("pearson", "spearman", "mean_squared_error"),
        flags=TRAINING_COLUMNS | {"pool", "workers", "text"},
    ),
    "cloze": Kind(
        read=read_examples,
        inputs=cloze_inputs,
        head=BertForCloze,
        predict=predict_clozes,
        rows=cloze_rows,
        measure=measure_labels,
        baseline=baseline_of_labels,
        task=ClozeTask,
        hold_out=hold_out,
        metrics=("accuracy", "macro_f1", "weighted_f1", "matthews"),
        metrics_of_two_labels=("f1",),
        flags=TRAINING_COLUMNS | {"patterns", "zero_shot", "unlabelled", "masked_lm_weight", "workers", "text"},
        column_flags=lambda path: TEXT_COLUMNS,
    ),
    "tagging": Kind(
        read=read_sentences,
        inputs=sentence_inputs,
        head=BertForTokenClassification,
        predict=predict_tags,
        rows=tag_rows,
        measure=measure_tags,
        baseline=baseline_of_tags,
        task=TaggingTask,
        find_labels=find_tags,
        hold_out=hold_out,
        settle=settle_tags,
        metrics=ENTITY_METRICS,
        metrics_of_labels=metrics_of_tags,
        flags=TAG_COLUMNS | {"text"},
        column_flags=lambda path: TEXT_COLUMNS - {"text_pair_column"} | {"word_column"},
        long_text_handling=IN_WINDOWS,
        predict_file="FILE.txt",
    ),
    "spans": Kind(
        read=read_questions,
        inputs=question_inputs,
        head=BertForQuestionAnswering,
        predict=predict_answers,
        rows=answer_rows,
        measure=measure_answers,
        baseline=baseline_of_answers,
        task=SpanTask,
        hold_out=hold_out_articles,
        metrics=("f1", "exact_match"),
        flags=frozenset({"null_threshold", "bad_rows", "text"}),
        column_flags=lambda path: frozenset() if is_squad(path) else TEXT_COLUMNS,
        long_text_handling=IN_WINDOWS,
        max_length=384,  # google-research/bert run_squad.py
        has_two_segments=True,
        predict_columns=Columns("question", "context"),
    ),
    "relations": Kind(
        read=read_marked_texts,
        inputs=marked_inputs,
        head=BertForRelationExtraction,
        predict=predict_relations,
        rows=relation_rows,
        measure=measure_relations,
        baseline=baseline_of_relations,
        task=RelationTask,
        find_labels=find_relations,
        hold_out=hold_out,
        metrics=("macro_f1", "accuracy"),
        flags=frozenset({"bad_rows", "text"}),
        long_text_handling="lose what is farthest from both entities",
        predict_file="FILE.txt",
    ),
    "choices": Kind(
        read=read_choices,
        inputs=choice_inputs,
        head=BertForMultipleChoice,
        predict=predict_choices,
        rows=choice_rows,
        measure=measure_choices,
        baseline=baseline_of_choices,
        task=ChoiceTask,
        hold_out=hold_out,
        metrics=("accuracy",),
        flags=frozenset({"bad_rows", "text"}),
        may_have_windows=False,
        has_two_segments=True,
        predict_file="FILE.jsonl",
    ),
    "summary": Kind(
        read=read_documents,
        inputs=document_inputs,
        head=BertForExtractiveSummarization,
        predict=predict_sentences,
        rows=summary_rows,
        measure=measure_summaries,
        baseline=baseline_of_summaries,
        task=SummaryTask,
        hold_out=hold_out,
        metrics=("rouge1", "rouge2", "rougeL", "rougeLsum"),
        flags=frozenset({"summary_sentences", "bad_rows", "text"}),
        long_text_handling=f"{IN_WINDOWS} of whole sentences, in which a still longer sentence loses its end",
        max_length=512,  # Liu 2019, section 3.2
        has_two_segments=True,
        predict_file="FILE.jsonl",
    ),
    "similarity": Kind(
        read=read_scored_pairs,
        inputs=pair_inputs,
        head=BertForSimilarity,
        predict=predict_cosines,
        rows=similarity_rows,
        measure=measure_similarity,
        baseline=baseline_of_overlap,
        task=SimilarityTask,
        hold_out=hold_out,
        metrics=("spearman", "pearson"),
        flags=TRAINING_COLUMNS | VECTOR,
        column_flags=lambda path: TEXT_COLUMNS,
        may_have_windows=False,
        reads_texts_alone=True,
    ),
    "retrieval": Kind(
        read=read_searches,
        inputs=search_inputs,
        head=BertForRetrieval,
        predict=predict_vectors,
        rows=search_rows,
        measure=measure_searches,
        baseline=baseline_of_words,
        task=RetrievalTask,
        hold_out=hold_out_texts,
        metrics=RANKING_METRICS,
        flags=VECTOR | SEARCH_COLUMNS | {"text_column", "header", "bad_rows", "temperature"},
        column_flags=lambda path: frozenset({"text_column", "query_column", "header"}),
        may_have_windows=False,
        reads_texts_alone=True,
    ),
    "generation": Kind(
        read=read_pairs,
        inputs=source_inputs,
        head=BertForConditionalGeneration,
        predict=write_outputs,
        rows=writing_rows,
        measure=measure_outputs,
        baseline=baseline_of_pairs,
        task=GenerationTask,
        hold_out=hold_out_lines,
        metrics=METRICS,
        flags=GENERATION | {"text_column", "label_column", "header", "bad_rows", "workers", "text"},
        column_flags=lambda path: TEXT_COLUMNS - {"text_pair_column"} if has_columns(path) else frozenset(),
        writing_flags=WRITING | SAMPLING,
        may_have_windows=False,
        predict_file="FILE.txt",
    ),
}
