"""The command: many clients at the same time, and a signal in the middle."""

import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from bert.__main__ import main
from bert.adaptation.loading import source_of
from bert.checkpoints.directory import save_checkpoint
from bert.commands.predict import predict_file
from bert.commands.serve import _signals
from bert.commands.services import service_of
from bert.config import BertConfig
from bert.heads.classification import BertForSequenceClassification
from bert.heads.tagging import BertForTokenClassification
from bert.serve.limits import Limits
from bert.serve.server import Server
from bert.tokenization.wordpiece import WordPieceTokenizer

ROOT = Path(__file__).parents[3]
LETTERS = "abcdefgh"
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])
CONFIG = BertConfig(len(TOKENIZER.vocabulary), 12, 2, 2, 12, max_position_embeddings=24)


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(1)
    model = BertForSequenceClassification(CONFIG, labels=["good", "bad", "so so"])
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(5.0 if weight.dim() > 1 else 1.0)
    save_checkpoint(tmp_path / "run", model, TOKENIZER)
    return tmp_path / "run"


def texts(count: int) -> list[str]:
    generator = random.Random(2)
    return [" ".join(generator.choices(LETTERS, k=generator.randint(1, 30))) for _ in range(count)]


def post(url: str, content) -> tuple[int, dict]:
    """The code and the answer."""
    request = urllib.request.Request(f"{url}/predict", json.dumps(content).encode())
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def predicted(run: Path, inputs: list[str]) -> dict[str, list[str]]:
    """What ``predict`` writes for each text: the label, and the probabilities."""
    path = run.parent / "new.txt"
    path.write_text("\n".join(inputs) + "\n")
    predict_file(run, path, output := io.BytesIO(), {})
    return {text: row.split("\t")[:-1] for text, row in zip(inputs, output.getvalue().decode().splitlines()[1:])}


def test_200_requests_of_8_clients_get_the_answers_of_predict(run):
    inputs = texts(200)
    expected = predicted(run, inputs)
    with Server(service_of(source_of(run), {}), port=0) as server, ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda text: post(server.url, {"text": text}), inputs))
        rows = server.measurements.batch_rows
    assert sum(rows * count for rows, count in rows.items()) == 200 and max(rows) > 1  # some were computed together
    for text, (code, answer) in zip(inputs, answers):
        label, *probabilities = expected[text]
        assert (code, answer["text"], answer["prediction"]) == (200, text, label)
        assert [answer[f"p({label})"] for label in ("good", "bad", "so so")] == pytest.approx(
            list(map(float, probabilities)), abs=2e-6
        )


def test_a_text_of_a_million_characters_is_answered_while_others_go_on(run):
    with Server(service_of(source_of(run), {"text": False}), port=0) as server, ThreadPoolExecutor(1) as client:
        long = client.submit(post, server.url, {"text": "a b c d e " * 100_000})
        others = 0
        while not long.done():
            assert post(server.url, {"text": "a b"})[0] == 200
            others += 1
        assert long.result()[0] == 200 and others > 0
        assert post(server.url, {"text": "a"})[0] == 200


def test_windows_without_end_are_refused_by_their_tokens(tmp_path):
    save_checkpoint(tmp_path, BertForTokenClassification(CONFIG, labels=["O", "B-X"]), TOKENIZER)
    limits = Limits(input_tokens=1600)
    with Server(service_of(source_of(tmp_path), {}), port=0, limits=limits) as server:
        assert post(server.url, {"text": "a b c"})[0] == 200
        code, answer = post(server.url, {"inputs": [{"tokens": ["a"]}, {"tokens": ["a"] * 2000}]})
        assert code == 413 and re.match(r"input 2 has [\d,]+ tokens in its windows; at most 1,600", answer["error"])


def test_a_signal_under_load_loses_no_request_that_was_taken(run):
    command = [sys.executable, "-m", "bert", "serve", str(run), "--port", "0", "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    )
    url = process.stdout.readline().split()[0]
    expected = predicted(run, inputs := texts(40))
    codes: Counter[int] = Counter()
    under_load, wrong = threading.Event(), []

    def client(number: int) -> None:
        for turn in range(10_000):
            text = inputs[(number * 7 + turn) % len(inputs)]
            try:
                code, answer = post(url, {"text": text})
            except (ConnectionError, urllib.error.URLError):
                return  # it takes no more
            codes[code] += 1
            if code == 200 and answer["prediction"] != expected[text][0]:
                wrong.append(text)
            if sum(codes.values()) > 60:
                under_load.set()

    clients = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for each in clients:
        each.start()
    assert under_load.wait(120)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=120)
    for each in clients:
        each.join(120)
    assert (process.returncode, errors, wrong) == (0, "", [])
    assert set(codes) <= {200, 503}
    assert f"requests answered: {codes[200]:,}" in output  # all that it answered have come here


def test_a_signal_that_another_thread_gets_ends_the_wait():
    main_thread, late = threading.get_ident(), threading.Event()

    def to_itself() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    def to_the_main_thread() -> None:  # so that a wait that slept on ends, too
        late.set()
        signal.pthread_kill(main_thread, signal.SIGINT)

    timer, rescue = threading.Timer(0.05, to_itself), threading.Timer(10, to_the_main_thread)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with _signals() as wait:
        timer.start()
        rescue.start()
        wait()
        rescue.cancel()
    assert not late.is_set()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_what_cannot_be_served_is_one_sentence(run, capsys):
    for arguments, sentence in (
        ([str(run / "nothing")], "nothing"),
        ([str(run), "--beams", "2"], "--beams: it would change nothing"),
        ([str(run), "--port", "70000"], "cannot listen on 127.0.0.1, port 70000"),
        ([str(run), "--max-length", "999"], "reads at most 24 tokens"),
        ([str(run), "--body", str(run)], "adapter"),
    ):
        assert main(["serve", *arguments, "--device", "cpu"]) == 2
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1 and sentence in captured.err and captured.out == ""
