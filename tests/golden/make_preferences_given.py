"""Losses of TRL that its DPOTrainer does not have (SimPO, ORPO, KTO), with their gradients, for given log-probabilities.

    bench/.venv-train/bin/python tests/golden/make_preferences_given.py

Reads tests/golden/models/dpo-given.json and writes tests/golden/models/preferences-given.json. TRL's own methods are
called, with the trainer and the model's forward replaced by given numbers, in float64 but for ORPO's, which TRL casts.
"""

import json
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import torch
from trl.experimental.cpo.cpo_trainer import CPOTrainer
from trl.experimental.orpo.orpo_trainer import ORPOTrainer
from trl.trainer.kto_trainer import KTOTrainer

folder = Path(__file__).parent / "models"
given = json.loads((folder / "dpo-given.json").read_text())
mask = torch.tensor(given["completion_mask"], dtype=torch.float64)[:, 1:]
policy = (torch.tensor(given["per_token_logps"], dtype=torch.float64) * mask).sum(1)
reference = (torch.tensor(given["ref_per_token_logps"], dtype=torch.float64) * mask).sum(1)
lengths = mask.sum(1)
P = len(policy) // 2
accelerator = SimpleNamespace(device="cpu", gather_for_metrics=lambda x: x)


def simpo(sums, beta, gamma):
    self = SimpleNamespace(
        alpha=0.0, accelerator=accelerator, loss_type="simpo", simpo_gamma=gamma, beta=beta, label_smoothing=0
    )
    means = sums / lengths
    return CPOTrainer.cpo_loss(self, means[:P], means[P:])[0].mean()


def orpo(sums, beta):
    means = sums / lengths
    self = SimpleNamespace(accelerator=accelerator, beta=beta)
    # As in ORPOTrainer.get_batch_loss_metrics, but with the cross-entropy of each answer by itself, as in the paper.
    return -means[:P].mean() - ORPOTrainer.odds_ratio_loss(self, means[:P], means[P:])[0].mean()


def kto(sums, beta, labels, kl, weights):
    self = MagicMock()
    self.accelerator = accelerator
    self.loss_type, self.beta = "kto", beta
    self.calculate_KL, self.precompute_ref_logps, self.aux_loss_enabled = True, True, False
    self.desirable_weight, self.undesirable_weight = weights
    self._metrics = {"train": defaultdict(list)}
    self._total_train_tokens, self._tp_size = 0, 1
    self._compute_kl_logps = lambda model, batch: torch.tensor(kl, dtype=torch.float64)
    model = MagicMock()
    rows = len(sums)
    model.return_value = SimpleNamespace(
        log_probs=sums[:, None], entropy=torch.zeros(rows, 1), mean_logits=torch.zeros(rows, 1)
    )
    batch = {
        "input_ids": torch.zeros(rows, 2, dtype=torch.long),
        "attention_mask": torch.ones(rows, 2, dtype=torch.long),
        "completion_mask": torch.ones(rows, 2, dtype=torch.long),
        "label": torch.tensor(labels),
        "ref_logps": reference,
        "ref_KL_logps": torch.zeros(len(kl), dtype=torch.float64),
    }
    return KTOTrainer._compute_loss(self, model, batch, False)


def case(facts, loss):
    sums = policy.clone().requires_grad_()
    value = loss(sums)
    value.backward()
    return {**facts, "loss": value.item(), "grad": sums.grad.tolist()}


cases = []
for beta, gamma in [(2.0, 0.5), (0.5, 1.0), (2.5, 0.0)]:
    cases.append(case({"loss_type": "simpo", "beta": beta, "gamma": gamma}, lambda s: simpo(s, beta, gamma)))
for beta in [0.1, 1.0]:
    cases.append(case({"loss_type": "orpo", "beta": beta}, lambda s: orpo(s, beta)))
for beta, kl, weights in [(0.1, [0.4, 0.8], (1, 1)), (0.5, [-3.0, 1.0], (1, 1)), (0.5, [2.0, 0.0], (1.5, 0.5))]:
    labels = [at % 3 != 0 for at in range(2 * P)]
    facts = {"loss_type": "kto", "beta": beta, "labels": labels, "kl": kl, "weights": weights}
    cases.append(case(facts, lambda s: kto(s, beta, labels, kl, weights)))

text = json.dumps(
    {
        "made_by": "TRL 1.16.0, torch " + torch.__version__.split("+")[0],
        "answers": policy.tolist(),
        "reference": reference.tolist(),
        "lengths": lengths.tolist(),
        "cases": cases,
    }
)
(folder / "preferences-given.json").write_text(text + "\n")
for each in cases:
    print(each["loss_type"], each["loss"])
