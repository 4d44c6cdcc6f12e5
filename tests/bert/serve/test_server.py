"""Clients that are right, wrong, slow, too many and too large; and the end of a server."""

import json
import threading
import time

import pytest

from bert.errors import InputError
from bert.serve.limits import Limits
from bert.serve.server import Server
from tests.bert.serve.stub import Client, Stub


@pytest.fixture
def stub():
    stub = Stub()
    yield stub
    stub.open.set()


@pytest.fixture
def served(stub):
    """Makes servers with other limits, and ends them."""
    servers = []

    def serve(**limits) -> Server:
        servers.append(Server(stub.service, port=0, limits=Limits(**limits)))
        return servers[-1]

    yield serve
    stub.open.set()
    for server in servers:
        server.end()


def test_a_connection_serves_several_requests_one_after_another(served):
    client = Client(served())
    client.post('{"text": "ab"}').post('{"inputs": ["ab", {"text": "cd"}]}')  # the second one comes early
    assert client.answer() == (200, {"found": "ba"})
    assert client.answer() == (200, {"outputs": [{"found": "ba"}, {"found": "dc"}]})
    assert client.post('{"text": 1}').answer() == (400, {"error": "line 1: has no text"})
    assert client.post('{"inputs": ["ab", 5]}').answer()[0] == 400
    assert client.post("{bad").answer()[0] == 400
    assert client.post('{"text": "ab"}', "Connection: close").answer()[0] == 200 and client.is_ended()


def test_other_paths_and_methods_are_refused_in_a_sentence(served):
    server = served()
    assert Client(server).post("{}", path="/nothing").answer()[0] == 404
    code, headers, _ = Client(server).send("GET /predict HTTP/1.1\r\n\r\n").read()
    assert (code, headers["Allow"]) == (405, "POST")
    assert Client(server).send("DELETE / HTTP/1.1\r\n\r\n").answer()[0] == 405
    assert Client(server).send("GET http://[::1/health HTTP/1.1\r\n\r\n").answer()[0] == 404
    code, sentence = Client(server).send("nonsense\r\n\r\n").answer()
    assert code == 400 and "nonsense" in sentence["error"]
    assert Client(server).send("POST /predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").answer()[0] == 411
    for length in ("-5", "5\r\nContent-Length: 6", "x"):
        assert Client(server).send(f"POST /predict HTTP/1.1\r\nContent-Length: {length}\r\n\r\n").answer()[0] == 400


def test_the_page_and_the_health_are_there_and_nothing_else_of_the_folder(served):
    server = served()
    code, headers, body = Client(server).send("GET /?a=b HTTP/1.1\r\n\r\n").read()
    assert code == 200 and headers["Content-Type"].startswith("text/html") and b"<form" in body
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert Client(server).send("GET /page.js HTTP/1.1\r\n\r\n").read()[0] == 200
    for path in ("/page.html", "/__init__.py", "/../server.py"):
        assert Client(server).send(f"GET {path} HTTP/1.1\r\n\r\n").answer()[0] == 404
    code, health = Client(server).send("GET /health HTTP/1.1\r\n\r\n").answer()
    assert code == 200 and health["status"] == "ok" and health["example"] == {"text": "abc"}
    client = Client(server).send("HEAD /health HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert client.socket.makefile("rb").read().endswith(b"\r\n\r\n")  # no body


def test_a_full_queue_refuses_with_a_time_to_come_back(stub, served):
    server = served(queue=2)
    stub.open.clear()
    first = Client(server).post('{"text": "ab"}')
    assert stub.begun.wait(10)
    second = Client(server).post('{"inputs": ["ab", "cd"]}')
    while len(server.batcher) < 2:
        time.sleep(0.001)
    code, headers, body = Client(server).post('{"text": "ab"}').read()
    assert (code, headers["Retry-After"]) == (429, "1") and "2 inputs wait already, of at most 2" in body.decode()
    stub.open.set()
    assert first.answer()[0] == second.answer()[0] == 200
    assert Client(server).post('{"inputs": ["a", "b", "c"]}').answer()[0] == 413  # it would never find room


def test_an_endless_body_is_refused_before_it_is_read(served):
    server = served(body=1000)
    code, sentence = Client(server).post("x" * 1001).answer()
    assert (code, "1,001 bytes; at most 1,000" in sentence["error"]) == (413, True)
    client = Client(server).send(f"POST /predict HTTP/1.1\r\nContent-Length: {10**12}\r\n\r\n", b"x" * 2000)
    assert client.answer()[0] == 413 and client.is_ended()
    asks_first = Client(server).send("POST /predict HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n")
    assert asks_first.answer()[0] == 413
    assert Client(server).send("GET / HTTP/1.1\r\n", b"a: " + b"x" * 40_000).answer()[0] == 431
    assert Client(server).send(b"GET /" + b"x" * 40_000).answer()[0] in (414, 431)
    assert Client(server).post("x" * 1000).answer()[0] == 400


def test_a_slow_client_has_as_long_for_all_its_bytes_together(served):
    server = served(timeout=0.3)
    slow = Client(server).send("POST /predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
    begin = time.monotonic()
    threading.Thread(target=lambda: slow.send(*["x"] * 8, pause=0.06), daemon=True).start()
    assert slow.answer()[0] == 408 and time.monotonic() - begin < 2
    assert Client(server).is_ended()  # it never sent anything: there is nothing to answer
    head = Client(server).send("POST /pre")
    assert head.answer()[0] == 408


def test_an_answer_that_takes_too_long_is_given_up(stub, served):
    server = served(timeout=0.2)
    stub.open.clear()
    busy, waiting = Client(server).post('{"text": "ab"}'), Client(server).post('{"text": "cd"}')
    assert busy.answer()[0] == waiting.answer()[0] == 503
    stub.open.set()
    assert Client(server).post('{"text": "ab"}').answer() == (200, {"found": "ba"})


def test_slow_clients_do_not_take_all_places(stub, served, monkeypatch):
    monkeypatch.setattr("bert.serve.connections.PATIENCE", 0.1)
    server = served(connections=4)
    idle = Client(server).post('{"text": "ab"}')
    assert idle.answer()[0] == 200  # and it stays connected
    slow = [Client(server).send("POST /predict HTTP/1.1\r\n") for _ in range(3)]
    time.sleep(0.2)
    for _ in range(4):
        assert Client(server).post('{"text": "ab"}', "Connection: close").answer() == (200, {"found": "ba"})
    assert idle.is_ended()
    stub.open.clear()
    waiting = [Client(server).post('{"text": "ab"}') for _ in range(4)]  # the slow ones go, one by one
    while len(server.connections._busy) < 4:
        time.sleep(0.001)
    code, sentence = Client(server).answer()
    assert code == 503 and "too many connections" in sentence["error"]
    stub.open.set()
    assert [client.answer()[0] for client in waiting] == [200] * 4
    assert all(client.answer()[0] == 408 for client in slow)


def test_a_failure_of_the_model_hits_one_request_alone(stub, served, capsys):
    server = served()
    stub.open.clear()
    first = Client(server).post('{"text": "ab"}')
    assert stub.begun.wait(10)
    wrong, right = Client(server).post('{"inputs": ["ab", "broken"]}'), Client(server).post('{"text": "cd"}')
    while len(server.batcher) < 3:
        time.sleep(0.001)
    stub.open.set()
    assert first.answer()[0] == right.answer()[0] == 200
    code, sentence = wrong.answer()
    assert code == 500 and "the model failed on input 2 (RuntimeError)" in sentence["error"]
    assert "a broken model" in capsys.readouterr().err


def test_a_text_of_more_tokens_than_others_can_wait_for_is_refused(served):
    server = served(input_tokens=160)
    assert Client(server).post(json.dumps({"text": "x" * 160})).answer()[0] == 200
    code, sentence = Client(server).post(json.dumps({"inputs": ["a", "x" * 161]})).answer()
    assert code == 413 and "input 2 has 161 tokens" in sentence["error"]


def test_the_end_answers_what_was_taken_and_refuses_what_is_new(stub, served):
    server = served()
    idle = Client(server).post('{"text": "ab"}')
    assert idle.answer()[0] == 200
    stub.open.clear(), stub.begun.clear()
    taken = [Client(server).post('{"text": "ab"}')]
    assert stub.begun.wait(10)
    taken.append(Client(server).post('{"text": "cd"}'))
    while len(server.batcher) < 1:
        time.sleep(0.001)
    late = Client(server)
    ending = threading.Thread(target=server.end)
    ending.start()
    while not server.batcher._closed:
        time.sleep(0.001)
    assert late.post('{"text": "ab"}').answer()[0] == 503
    with pytest.raises(ConnectionError):
        Client(server)
    assert idle.is_ended()
    stub.open.set()
    assert [client.answer() for client in taken] == [(200, {"found": "ba"}), (200, {"found": "dc"})]
    ending.join(10)
    assert not ending.is_alive()


def test_clients_that_always_come_back_do_not_keep_a_server_from_its_end(served):
    server = served()
    take, clients = server.get_request, []

    def take_another():
        clients.append(Client(server))
        assert len(clients) < 1000
        return take()

    server.get_request = take_another
    server.end()
    assert clients  # some were refused on the way


def test_the_metrics_count_requests_and_batches(served):
    server = served()
    for body in ('{"inputs": ["ab", "cde"]}', "{bad"):
        Client(server).post(body).answer()
    _, headers, body = Client(server).send("GET /metrics HTTP/1.1\r\n\r\n").read()
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = body.decode().splitlines()
    for line in (
        'bert_requests_total{path="/predict",code="200"} 1', 'bert_requests_total{path="/predict",code="400"} 1',
        "bert_request_seconds_count 1", 'bert_batch_rows_bucket{le="1"} 0', 'bert_batch_rows_bucket{le="2"} 1',
        "bert_batch_rows_count 1", "bert_batch_tokens_total 5", "bert_queue_length 0",
    ):  # fmt: skip
        assert line in lines
    assert all(line.startswith("#") or len(line.split()) == 2 for line in lines)


def test_a_taken_port_is_one_sentence(stub, served):
    with pytest.raises(InputError, match=r"cannot listen on 127.0.0.1, port \d+: .*; name another"):
        Server(stub.service, port=served().server_address[1])
    for host, port in (("no.such.host.invalid", 0), ("127.0.0.1", 70_000)):
        with pytest.raises(InputError, match="cannot listen"):
            Server(stub.service, host, port)
