"""Known data sets are found and read under the names and in the forms in which their authors publish them.

The sentences are ours. The columns, quotes and file names are as published.
"""

import json

import pytest

from bert.errors import InputError
from finetuning.known_tasks import KNOWN_TASKS, OTHER_FORMS, find_file, known_task
from finetuning.reading import columns_of, read_sets
from finetuning.settings import FinetuningSettings, kind_of

NLI = {"gold_label": "neutral", "sentence1": "A man sleeps.", "sentence2": "He is tired."}
SNLI_HEADER = (
    "gold_label sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse sentence1 sentence2 "
    "captionID pairID label1 label2 label3 label4 label5"
).split()
SWAG_HEADER = ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label\n"


def read(task, directory, **given):
    """(texts and labels of each set, what is said)."""
    settings, said = FinetuningSettings(task=task, data=str(directory), **given), []
    known, kind = known_task(task, directory), kind_of(None, task)
    sets = read_sets(settings, kind, known, columns_of(settings, known), said.append)
    return {name: examples for name, (_, examples) in sets.items()}, said


def texts(examples):
    return [(each.first, each.second, each.label) for each in examples]


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode())
    return folder


def json_lines(*objects):
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in objects)


def test_imdb_is_read_from_its_folders(tmp_path):
    for folder in ("", "aclImdb/"):
        files = {f"{folder}{part}/{label}/0_1.txt": f"a {label} film<br />" for part in ("train", "test")
                 for label in ("neg", "pos")}  # fmt: skip
        directory = write(tmp_path / f"x{folder}", files | {f"{folder}train/unsup/0_0.txt": "?"})
        sets, _ = read("imdb", directory)
        assert sets.keys() == {"train", "test"}
        assert texts(sets["train"]) == [("a neg film<br />", None, "neg"), ("a pos film<br />", None, "pos")]


def test_cola_is_read_as_its_authors_publish_it(tmp_path):
    rows = "gj04\t1\t\tShe won the race.\ngj04\t0\t*\tShe won race the.\n"
    files = {f"raw/{name}.tsv": rows for name in ("in_domain_train", "in_domain_dev", "out_of_domain_dev")}
    write(tmp_path, files)
    for directory in (tmp_path, tmp_path / "raw"):
        sets, _ = read("cola", directory)
        assert texts(sets["train"]) == [("She won the race.", None, "1"), ("She won race the.", None, "0")]
        assert sets.keys() == {"train", "dev", "test"}


def test_mrpc_is_read_from_microsofts_txt(tmp_path):
    rows = (
        "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n"
        '1\t70\t71\tHe called it "a start.\tHe said it was a start.\r\n0\t72\t73\tRain fell, again.\tIt "stopped".\r\n'
    )
    sets, said = read("mrpc", write(tmp_path, {"msr_paraphrase_train.txt": rows, "msr_paraphrase_test.txt": rows}))
    assert texts(sets["train"]) == texts(sets["test"]) == [
        ('He called it "a start.', "He said it was a start.", "1"), ("Rain fell, again.", 'It "stopped".', "0"),
    ]  # fmt: skip
    assert "separated by tabs" in said[0]


def test_sts_benchmark_is_read_with_its_tabs_and_further_fields(tmp_path):
    rows = (
        'main-captions\tMSRvid\t2012test\t0001\t5.000\tA "plane takes off.\tA plane, rising.\n'
        "main-news\tMSRpar\t2012\t0002\t2.600\tIt rained.\tIt poured.\thttp://a\thttp://b\n"
    )
    files = dict.fromkeys(("sts-train.csv", "sts-dev.csv", "sts-test.csv"), rows)
    sets, _ = read("stsb", write(tmp_path, files))
    expected = [('A "plane takes off.', "A plane, rising.", 5.0), ("It rained.", "It poured.", 2.6)]
    assert [texts(sets[name]) for name in ("train", "dev", "test")] == [expected] * 3


def test_quora_is_read_from_its_one_file(tmp_path):
    rows = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n0\t1\t2\tWho?\tWhich?\t0\n1\t3\t4\tWhy?\tWhy so?\t1\n"
    sets, _ = read("qqp", write(tmp_path, {"quora_duplicate_questions.tsv": rows}))
    assert texts(sets["train"]) == [("Who?", "Which?", "0"), ("Why?", "Why so?", "1")]


def snli_txt(*rows):
    return "".join("\t".join(row.get(name, "") for name in SNLI_HEADER) + "\n" for row in rows)


@pytest.mark.parametrize("form", ["jsonl", "txt"])
def test_snli_is_read_without_the_pairs_that_have_no_label(tmp_path, form):
    write_form = json_lines if form == "jsonl" else snli_txt
    rows = [NLI, NLI | {"gold_label": "-"}, NLI | {"gold_label": "entailment", "sentence2": 'He "sleeps.'}]
    content = ("\t".join(SNLI_HEADER) + "\n" if form == "txt" else "") + write_form(*rows)
    files = {f"snli_1.0_{part}.{form}": content for part in ("train", "dev", "test")}
    sets, said = read("snli", write(tmp_path, files))
    assert sets.keys() == {"train", "dev", "test"}
    assert texts(sets["train"]) == [
        ("A man sleeps.", "He is tired.", "neutral"), ("A man sleeps.", 'He "sleeps.', "entailment"),
    ]  # fmt: skip
    assert sum("1 row is left out" in line and "'-', which stands for none" in line for line in said) == 3
    with pytest.raises(InputError, match="the label is '-'"):
        read("snli", tmp_path, bad_rows="stop")


def test_mnli_is_measured_on_both_of_its_dev_sets(tmp_path):
    header = "index\tsentence1\tsentence2\tgold_label\n"
    glue = {"train.tsv": header + "0\ta\tb\tneutral\n", "dev_matched.tsv": header + "0\tc\td\tneutral\n",
            "dev_mismatched.tsv": header + "0\te\tf\tneutral\n"}  # fmt: skip
    sets, _ = read("mnli", write(tmp_path / "glue", glue))
    assert [texts(sets[name])[0][0] for name in ("train", "dev", "test")] == ["a", "c", "e"]
    names = ("train", "dev_matched", "dev_mismatched")
    files = {f"multinli_1.0_{name}.jsonl": json_lines(NLI, NLI | {"gold_label": "-"}) for name in names}
    sets, _ = read("mnli", write(tmp_path / "nyu", files))
    assert [len(sets[name]) for name in ("train", "dev", "test")] == [1, 1, 1]


def test_swag_is_read_from_its_csv(tmp_path):
    row = '0,lsmdc1-7,3,"A girl, alone, waits. She","A girl, alone, waits.",She,gold,walks in.,sings,"x ""y""",z,2\n'
    sets, _ = read("swag", write(tmp_path, {"train.csv": SWAG_HEADER + row, "val.csv": SWAG_HEADER + row}))
    (example,) = sets["dev"]
    assert example.context == "A girl, alone, waits."
    assert example.choices == ("She walks in.", "She sings", 'She x "y"', "She z")
    assert example.label == 2


@pytest.mark.parametrize(
    ("task", "row", "expected"),
    [
        ("tnews", {"label": "108", "label_desc": "news_edu", "sentence": "上课"}, ("上课", None, "108")),
        ("iflytek", {"label": "11", "label_des": "x", "sentence": "应用"}, ("应用", None, "11")),
        ("afqmc", {"sentence1": "甲", "sentence2": "乙", "label": "0"}, ("甲", "乙", "0")),
        ("cmnli", {"sentence1": "甲", "sentence2": "乙", "label": "neutral"}, ("甲", "乙", "neutral")),
        ("ocnli", {"level": "easy", "sentence1": "甲", "sentence2": "乙", "label": "neutral", "genre": "tv"},
         ("甲", "乙", "neutral")),
        ("csl", {"id": 1, "abst": "摘要", "keyword": ["甲", "乙"], "label": "0"}, ("甲 乙", "摘要", "0")),
    ],
)  # fmt: skip
def test_clue_is_read_from_its_json(tmp_path, task, row, expected):
    sets, _ = read(task, write(tmp_path, {"train.json": json_lines(row), "dev.json": json_lines(row)}))
    assert texts(sets["train"]) == texts(sets["dev"]) == [expected]


def test_a_pair_of_clue_without_a_label_is_left_out(tmp_path):
    rows = json_lines({"sentence1": "甲", "sentence2": "乙", "label": "neutral"},
                      {"sentence1": "丙", "sentence2": "丁", "label": "-"})  # fmt: skip
    for task, train in (("cmnli", "train.json"), ("ocnli", "train.50k.json")):
        sets, said = read(task, write(tmp_path / task, {train: rows, "dev.json": rows}))
        assert len(sets["train"]) == len(sets["dev"]) == 1
        assert "1 row is left out" in said[0]


def test_every_form_of_a_task_is_found_by_its_training_file_and_the_usual_one_first(tmp_path):
    for name, usual in KNOWN_TASKS.items():
        for number, form in reversed(list(enumerate((usual, *OTHER_FORMS.get(name, ()))))):
            write(tmp_path / name, {form.train: ""} if number == 0 or "." in form.train else {f"{form.train}/a/b": ""})
            assert known_task(name, tmp_path / name) == form
            assert (form.problem, form.metric) == (usual.problem, usual.metric)
        assert known_task(name, None) == known_task(name, tmp_path / "nowhere") == usual


def test_conll_2003_has_the_names_of_its_authors_and_those_of_its_copies(tmp_path):
    for names in (("eng.train", "eng.testa", "eng.testb"), ("train.txt", "valid.txt", "test.txt")):
        directory = write(tmp_path / names[0], dict.fromkeys(names, ""))
        known = known_task("conll2003", directory)
        assert (known.train, known.dev, known.test) == names


def test_what_is_missing_is_named_by_the_usual_name(tmp_path):
    with pytest.raises(InputError, match=r"holds no snli_1\.0_train\.jsonl"):
        read("snli", tmp_path)
    with pytest.raises(InputError, match="no such directory"):
        find_file(tmp_path / "nowhere", "train.tsv")


def test_a_test_file_that_is_named_goes_before_the_known_one(tmp_path):
    header = "index\tsentence1\tsentence2\tgold_label\n"
    names = ("train.tsv", "dev_matched.tsv", "dev_mismatched.tsv", "mine.tsv")
    write(tmp_path, {name: f"{header}0\t{name}\tb\tneutral\n" for name in names})
    sets, _ = read("mnli", tmp_path, test=str(tmp_path / "mine.tsv"))
    assert sets["test"][0].first == "mine.tsv"
