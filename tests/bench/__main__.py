"""`make bench`: every benchmark in a process of its own; a table, and build/bench.json.

Each row is a ratio within one run: ours against a peer, or against a stated limit. Names on the command line choose.
"""

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

ROWS = {  # module: the rows it makes, in the order of the table
    "opcua": ("opcua_receive", "opcua_receive_100", "opcua_receive_10000", "opcua_receive_mixed"),
    "mqtt": ("mqtt_receive",),
    "store": ("store_ingest", "store_bytes", "store_bytes_unshared", "store_buckets", "store_raw", "store_latest"),
    "detect": ("detect",),
    "detect_cva": ("detect_cva",),
    "detect_bank": ("detect_bank", "detect_bank_alike", "detect_bank_tick", "detect_bank_everything"),
    "run_length": ("arl0_cusum_50", "arl0_cusum_25", "arl0_ewma"),
    "forecast": ("forecast",),
    "replay": ("replay",),
    "state": ("state_ms", "state_bytes"),
    "spine": ("spine", "spine_mqtt"),
    "influxql": ("influxql",),
    "commit": ("commit_under_query",),
    "readers": ("commit_under_readers",),
    "latency": ("latency_p50", "latency_p99", "latency_under_query"),
    "alarm_book": ("alarm_book",),
    "flood": ("flood",),
    "finding_to_mail": ("finding_to_mail",),
    "journal": ("journal_written",),
    "influx_lines": ("influx_lines",),
    "metrics": ("metrics",),
    "plant": ("plant",),
    "opcua_serve": ("opcua_serve",),
    "mqtt_serve": ("mqtt_serve",),
}
BUILD = Path(__file__).parents[2] / "build"
LONGEST_S = 900


def main(names: list[str]) -> int:
    """Run the chosen benchmarks, print as they come, and keep the rows of those not run."""
    unknown = set(names) - set(ROWS)
    if unknown:
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    BUILD.mkdir(exist_ok=True)
    file = BUILD / "bench.json"
    kept = json.loads(file.read_text()) if file.exists() and names else {}
    failed = []
    print(f"{'name':24} {'ours':>12} {'peer':>12} {'ratio':>9}  unit; note")
    for module in names or ROWS:
        rows = _run_apart(module)
        if rows is None:
            failed.append(module)
            continue
        kept.update(rows)
        for name, row in rows.items():
            print(
                f"{name:24} {row['ours']:>12.4g} {row['peer']:>12.4g} {row['ratio']:>9.3g}  {row['unit']}; {row['note']}"
            )
        file.write_text(json.dumps(kept, indent=1) + "\n")
    for module in failed:
        print(f"{module}: failed, its rows are absent", file=sys.stderr)
    return 1 if failed else 0


def _run_apart(module: str) -> dict[str, dict[str, object]] | None:
    """One benchmark in a fresh process, whose last line of output is its rows."""
    started_s = time.monotonic()
    command = [sys.executable, "-m", "tests.bench", "--child", module]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        print(f"{module}: not done within {LONGEST_S} s", file=sys.stderr)
        return None
    if done.returncode != 0 or not done.stdout:
        return None
    rows = json.loads(done.stdout.decode().strip().splitlines()[-1])
    print(f"# {module}: {time.monotonic() - started_s:.0f} s", file=sys.stderr)
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(importlib.import_module(f"tests.bench.{sys.argv[2]}").run()))
    else:
        sys.exit(main(sys.argv[1:]))
