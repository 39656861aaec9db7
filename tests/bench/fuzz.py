"""The gateway's decoders, connections and services against a million inputs, led by coverage (libFuzzer).

Any exception that is not a refusal, a service that breaks, a connection that neither answers nor says why it
closed, an input over 10 s or a process over RSS_MB ends the run as a failure; the input is kept and named.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.bench import Table

RUNS: Final = 1_000_000
QUICK_RUNS: Final = 20_000
RSS_MB: Final = 500
INPUT_BYTES_MAX: Final = 4_096
# Two processes of half the inputs would not be faster on two cores that the rest of a bench wants too.
_DONE: Final = re.compile(r"Done (\d+) runs in (\d+) second")
_STATE: Final = re.compile(r"#\d+\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+).*?rss: (\d+)Mb")


def run(quick: bool) -> Table:
    table = Table(
        "gateway: fuzzed decoders and connections",
        "none: it is a search for failures",
        "inputs of up to 4 KB in six ways: types alone, raw bytes before and after the channel, messages of "
        "strangers and of sessions, several at once",
    )
    runs = QUICK_RUNS if quick else RUNS
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        command = [
            sys.executable, "-m", "tests.bench.fuzz", str(corpus), f"-runs={runs}", f"-rss_limit_mb={RSS_MB}",
            "-timeout=10", f"-max_len={INPUT_BYTES_MAX}", "-len_control=0",
            f"-artifact_prefix={tempfile.gettempdir()}/heloop-",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = done.stderr + done.stdout
    finished, states = _DONE.search(told), _STATE.findall(told)
    failures = 0 if done.returncode == 0 and finished else 1
    table.add("failures", failures, None, "", better="less", target="0")
    if finished:
        count, took_s = int(finished[1]), max(1, int(finished[2]))
        table.add("inputs", count, None, "")
        table.add("inputs a second", count / took_s, None, "1/s")
    if states:
        coverage, _, corpus_size, rss_mb = states[-1]
        table.add("branches reached", float(coverage), None, "")
        table.add("inputs kept as new", float(corpus_size), None, "")
        table.add("memory at the end", float(rss_mb), None, "MB", better="less", target=f"< {RSS_MB}")
    if failures:
        table.notes += told.splitlines()[-40:]
    return table


def main() -> None:
    import atheris  # only where it is installed: Linux, x86-64

    with atheris.instrument_imports(include=["asyncua.ua.ua_binary", "controller.opcua.gateway"]):
        from tests.system.fuzzed import Fuzzed, seeds

    corpus = Path(sys.argv[1])
    for number, one in enumerate(seeds()):
        (corpus / f"seed-{number:03}").write_bytes(one)
    fuzzed = Fuzzed(Path(tempfile.mkdtemp(prefix="heloop-fuzz-")))
    atheris.Setup(sys.argv, fuzzed.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
