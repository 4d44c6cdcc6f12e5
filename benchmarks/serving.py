"""How much faster a server answers if it computes waiting texts as one batch.

    python -m benchmarks.serving runs/sst2
    python -m benchmarks.serving runs/sst2 --clients 8 32 --turns 5 --threads 2

Two servers of the same run work in turns, so that other load on the machine slows both. One is the command ``serve``
as it is. The batches of the other one have a single text (``--max-batch-tokens 1``). Clients run in a process of their
own. A request has one text, and the next request follows the answer. The texts are SST-2's validation set, in the
folder of the environment variable BERT_DATA, or those of --texts.

"CPU" is the time of the server's process on all cores, which other programs hardly change. The first two rows have no
server: the same texts in one process, one by one and in batches. They bound what batches can gain.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import torch

from bert.adaptation.loading import source_of
from bert.commands.services import service_of
from bert.files.lines import Lines
from bert.files.tables import read_rows
from bert.serve.measurements import quantile
from bert.serve.requests import NAME

SERVERS = {"one at a time": ["--max-batch-tokens", "1"], "batches": []}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="the directory of a fine-tuned run of single texts")
    parser.add_argument("--texts", metavar="FILE", help="a table with the run's column (SST-2's validation set)")
    parser.add_argument("--clients", nargs="+", type=int, default=[8, 32], metavar="N", help="(8 32)")
    parser.add_argument("--requests", type=int, default=400, metavar="N", help="of a turn (400)")
    parser.add_argument("--turns", type=int, default=3, metavar="N", help="(3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="of a server (all)")
    parser.add_argument("--int8", action="store_true", help="servers with matrices of 8 bits")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    service = service_of(source_of(given.run), {"text": False})
    column = service.key_of_text
    if column is None:
        raise SystemExit(f"{given.run}: takes no single texts; name a run that does")
    path = given.texts or Path(os.environ.get("BERT_DATA", ""), "glue", "SST-2", "dev.tsv")
    texts = [str(row.values[0]) for row in read_rows(path, {"--text-column": column})][: given.requests]
    bodies = [json.dumps({column: text}) for text in texts]
    items = service.read(Lines(NAME, bodies))
    tokens = sum(item.tokens for item in items) / len(items)
    load = os.getloadavg()[0]
    print(f"{len(texts)} texts of {tokens:.1f} tokens on average; {given.threads} threads; load {load:.1f}\n")
    print("| | clients | texts a second | p50 | p95 | texts a CPU second |\n|---|---|---|---|---|---|")
    for name, size in (("the model alone, one by one", 1), ("the model alone, batches of 64", 64)):
        rates, cpu_rates = [], []
        for _ in range(given.turns):
            begin, cpu = time.perf_counter(), time.process_time()
            for start in range(0, len(items), size):
                service.predict(items[start : start + size])
            rates.append(len(items) / (time.perf_counter() - begin))
            cpu_rates.append(len(items) / (time.process_time() - cpu))
        print(f"| {name} | | {statistics.median(rates):.0f} | | | {statistics.median(cpu_rates):.0f} |", flush=True)
    flags = ["--no-text", "--device", "cpu"] + ["--int8"] * given.int8
    with started(given, [*flags, *SERVERS["one at a time"]]) as alone, started(given, flags) as batched:
        servers = {"server, one at a time": alone, "server, batches": batched}
        for clients in given.clients:
            measure(servers, clients, bodies, given.turns)


def measure(servers: dict, clients: int, bodies: list[str], turns: int) -> None:
    """Prints a row for each server: medians of the turns, and the ratio of the two."""
    results: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in servers}
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for turn in range(turns + 1):
            for name, (process, port) in servers.items():
                cpu = cpu_seconds(process.pid)
                seconds, waits = pool.apply(send, (port, clients, bodies))
                cpu = cpu_seconds(process.pid) - cpu
                if turn:  # the first one warms up
                    count = len(bodies)
                    results[name].append((count / seconds, quantile(waits, 0.5), quantile(waits, 0.95), count / cpu))
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in results.items()}
    for name, (rate, p50, p95, cpu_rate) in medians.items():
        print(f"| {name} | {clients} | {rate:.0f} | {p50 * 1e3:.0f} ms | {p95 * 1e3:.0f} ms | {cpu_rate:.0f} |")
    one, other = medians.values()
    ratios = [later[0] / earlier[0] for earlier, later in zip(*results.values())]
    print(f"| gain | {clients} | {statistics.median(ratios):.2f} | | | {other[3] / one[3]:.2f} |", flush=True)


def send(port: int, clients: int, bodies: list[str]) -> tuple[float, list[float]]:
    """Sends all bodies from so many clients. Returns the seconds in all, and those of each request, ascending."""

    def client(number: int) -> list[float]:
        connection = HTTPConnection("127.0.0.1", port)
        waits = []
        for body in bodies[number::clients]:
            begin = time.perf_counter()
            connection.request("POST", "/predict", body)
            response = connection.getresponse()
            content = response.read()
            if response.status != 200:
                raise RuntimeError(content.decode())
            waits.append(time.perf_counter() - begin)
        connection.close()
        return waits

    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        waits = sorted(wait for each in threads.map(client, range(clients)) for wait in each)
    return time.perf_counter() - begin, waits


@contextmanager
def started(given: argparse.Namespace, flags: list[str]):
    """A server's process and its port. It ends with the block."""
    command = [sys.executable, "-m", "bert", "serve", given.run, "--port", "0", *flags]
    environment = os.environ | {"OMP_NUM_THREADS": str(given.threads)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()
        if not url:
            raise SystemExit("the server did not start")
        yield process, int(url[0].rpartition(":")[2])
    finally:
        process.terminate()
        process.communicate()


def cpu_seconds(pid: int) -> float:
    """The time that a process has computed, on all cores (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
