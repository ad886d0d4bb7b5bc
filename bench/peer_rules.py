"""Times the predecessor's rules: reads steps as JSON from stdin, sizes from the arguments, writes one JSON object.

Its reward wrapper scores the whole prefix again at each step; `prefixes` is that, for 300 steps.
"""

import json
import sys
import time
from importlib.metadata import version

from agentreward.config import RewardConfig
from agentreward.reward import RewardEngine

steps = json.load(sys.stdin)
engine = RewardEngine(RewardConfig(rule_weight=1.0, model_weight=0.0, domain="coding"))


def score(count):
    return engine.score({"task": "", "steps": steps[:count], "outcome": {"success": True}})


def best(work, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return min(times)


batch = {size: best(lambda: score(int(size)), 1 if int(size) > 1000 else 3) for size in sys.argv[1:]}
prefixes = best(lambda: [score(count) for count in range(1, 301)], 1)
print(json.dumps({
    "batch": batch,
    "prefixes": prefixes,
    "versions": f"python {sys.version.split()[0]}, knowlyr-reward {version('knowlyr-reward')}",
}))
