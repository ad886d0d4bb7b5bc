"""Steps a second of knowlyr-core's MaxStepsWrapper + RecorderWrapper around a trivial environment, as JSON.

Run by bench/wrappers.ts: python peer_wrappers.py STEPS EPISODE ROUNDS
"""

import json
import platform
import sys
import time
from importlib.metadata import version

from knowlyrcore.env import AgentEnv
from knowlyrcore.timestep import TimeStep
from knowlyrcore.wrappers import MaxStepsWrapper, RecorderWrapper

STEPS, EPISODE, ROUNDS = (int(arg) for arg in sys.argv[1:4])
ACTION = {"tool": "noop", "params": {"path": "a.txt"}}


class Trivial(AgentEnv):
    def reset(self, *, task=None, seed=None):
        return TimeStep(observation="go")

    def step(self, action):
        return TimeStep(observation="ok")

    @property
    def available_tools(self):
        return ["noop"]


def measure(whole):
    env = RecorderWrapper(MaxStepsWrapper(Trivial(), max_steps=EPISODE), agent_name="bench")
    episodes = -(-STEPS // EPISODE)
    length = EPISODE if whole else EPISODE - 1
    spent = 0.0
    for _ in range(episodes):
        start = time.perf_counter()
        env.reset()
        for _ in range(length):
            env.step(ACTION)
        if whole:
            env.get_trajectory()
        spent += time.perf_counter() - start
    return episodes * length / spent


print(
    json.dumps(
        {
            "steps": max(measure(False) for _ in range(ROUNDS)),
            "whole": max(measure(True) for _ in range(ROUNDS)),
            "versions": f"knowlyr-core {version('knowlyr-core')}, Python {platform.python_version()}",
        }
    )
)
