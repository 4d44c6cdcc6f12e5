"""Known data sets: the columns of a table are those of its published header, and its text is the text."""

import pytest

from bert.tasks.kinds import KINDS
from finetuning.known_tasks import KNOWN_TASKS, find_file

# A line of each published training file: GLUE's tables as gluebenchmark.com packs them.
PUBLISHED = {
    "cola": ("gj04\t1\t\tOur friends won't buy this analysis.", ("Our friends won't buy this analysis.", None, "1")),
    "sst2": ("sentence\tlabel\nhide new secretions\t0", ("hide new secretions", None, "0")),
    "mrpc": (
        "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t702876\t702977\tAmrozi accused.\tReferring to him.",
        ("Amrozi accused.", "Referring to him.", "1"),
    ),
    "stsb": (
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n"
        "0\tmain\tMSRvid\t2012\t0001\tnone\tnone\tA plane takes off.\tAn air plane takes off.\t5.000",
        ("A plane takes off.", "An air plane takes off.", 5.0),
    ),
    "qqp": (
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n133273\t213221\t213222\tHow old?\tHow tall?\t1",
        ("How old?", "How tall?", "1"),
    ),
    "qnli": (
        "index\tquestion\tsentence\tlabel\n0\tWhen did it begin?\tIt began in the 3rd century.\tnot_entailment",
        ("When did it begin?", "It began in the 3rd century.", "not_entailment"),
    ),
    "rte": (
        "index\tsentence1\tsentence2\tlabel\n0\tNo weapons found.\tWeapons found.\tnot_entailment",
        ("No weapons found.", "Weapons found.", "not_entailment"),
    ),
    "wnli": (
        "index\tsentence1\tsentence2\tlabel\n0\tI stuck a pin through a carrot.\tThe carrot had a hole.\t1",
        ("I stuck a pin through a carrot.", "The carrot had a hole.", "1"),
    ),
    "mnli": (
        "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t"
        "sentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n"
        "0\t31193\t31193n\tgovernment\t(a)\t(b)\t(c)\t(d)\tIt has two dimensions.\tPrice matters.\tneutral\tentailment",
        ("It has two dimensions.", "Price matters.", "entailment"),
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_line_is_read_with_its_texts_in_order_and_its_label(name, tmp_path):
    line, (first, second, label) = PUBLISHED[name]
    (tmp_path / "train.tsv").write_text(line + "\n")
    known = KNOWN_TASKS[name]
    (example,) = KINDS[known.problem].read(find_file(tmp_path, "train.tsv"), known.columns, True)
    assert (example.first, example.second, example.label) == (first, second, label)


def test_a_task_is_measured_as_glue_and_its_papers_measure_it():
    metrics = {name: known.metric for name, known in KNOWN_TASKS.items()}
    assert metrics == metrics | {
        "cola": "matthews", "sst2": "accuracy", "mrpc": "accuracy", "stsb": "pearson", "qqp": "accuracy",
        "mnli": "accuracy", "qnli": "accuracy", "rte": "accuracy", "wnli": "accuracy", "imdb": "accuracy",
        "conll2003": "f1", "semeval2010": "macro_f1", "squad": "f1", "squad2": "f1",
    }  # fmt: skip
    assert KNOWN_TASKS["mnli"].dev == "dev_matched.tsv"
