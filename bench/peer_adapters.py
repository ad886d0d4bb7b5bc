"""Reads an OpenHands log with knowlyr-recorder and prints seconds, steps and peak memory as JSON."""
import json
import resource
import sys
import time

from agentrecorder.adapters.openhands import OpenHandsAdapter

adapter = OpenHandsAdapter()
seconds = []
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    trajectory = adapter.parse(sys.argv[1])
    seconds.append(time.perf_counter() - start)
print(json.dumps({
    "seconds": seconds,
    "steps": len(trajectory.steps),
    "trajectories": 1,
    "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
