"""Live through the world of a seed again: `python -m tests.world.repeat SEED`."""

import sys

from tests.world.life import run_seed
from tests.world.site import START_NS, Crash, plan


def main(seed: int) -> int:
    """Print what happens in the world and what was wrong with it; 1 if anything was."""
    for at_s, event in plan(seed):
        if isinstance(event, Crash):
            print(f"{at_s:8.3f} s  {event}")
        elif hasattr(event, "spec"):
            print(
                f"{at_s:8.3f} s  {event.spec.kind} of {event.spec.target} {'begins' if event.active else 'ends'} {dict(event.spec.settings)}"
            )
    judgement = run_seed(seed)
    print(f"\nstarts at {START_NS} ns; {dict(judgement.happened)}")
    for problem in judgement.problems or ["nothing is wrong"]:
        print(problem)
    return 1 if judgement.problems else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
