"""Several processes started by torchrun train one network, on CPU through gloo."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from canalis.train.cache import produce_cases
from canalis.train.checkpoint import hash_of_weights, load_checkpoint

SCRIPT = """
    import json, sys
    from pathlib import Path
    from canalis.train.loop import Run, leave_others
    from canalis.train.plan import read_plan

    run = Run(read_plan(Path(sys.argv[1])))
    run.train(until=2)
    run.train()
    seen = {"rank": run.rank, "world": run.world, "hash": run.hash(), "step": run.step}
    Path(sys.argv[2], f"{run.rank}.json").write_text(json.dumps(seen))
    leave_others()
"""

PLAN = """
net = "fine"
cases = "cases"
out = "run"
steps = 4
batch = 2
crop = 32
channels = [4, 6]
warm_up = 1
checkpoint_every = 2
validate_every = 4
validation_batches = 1
least_cases = 4
threads = 1
"""


def test_two_processes_end_in_the_same_weights(
    write_toy_case: Callable[[int, Path], None], tmp_path: Path
) -> None:
    produce_cases(write_toy_case, [0, 1, 2, 3, 1_000_000], tmp_path / "cases")
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "two.py").write_text(textwrap.dedent(SCRIPT))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    words = [*launch, str(tmp_path / "two.py"), str(tmp_path / "plan.toml"), str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert (first["world"], first["step"], second["step"]) == (2, 4, 4)
    assert first["hash"] == second["hash"]
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert hash_of_weights(state["average"]) == first["hash"]
    assert "2 processes" in state["part"]["hardware"][0]
    assert (tmp_path / "run" / "cases-1.jsonl").exists()
