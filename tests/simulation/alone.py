"""Runs one seed alone: ``python -m tests.simulation.alone SEED [WORD…]``; ``--story`` tells it where nothing is wrong.

With words, the lines of the story that have one of them.
"""

import sys

from tests.simulation.world import run


def main(seed: str, *words: str) -> int:
    ending = run(int(seed))
    wanted = [word for word in words if word != "--story"]
    if ending.wrongs or "--story" in words:
        lines = ending.story.splitlines()
        print("\n".join(line for line in lines if not wanted or any(word in line for word in wanted)))
    print(f"seed {ending.seed}: {ending.posts} posts, {', '.join(ending.faults)}; {ending.seconds:.1f} s")
    print("\n".join(ending.wrongs) or "nothing is wrong")
    return bool(ending.wrongs)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
