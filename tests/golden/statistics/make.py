"""Writes scipy-more.json: pip install scipy==1.17.1 && python make.py > scipy-more.json"""
import json, sys
import numpy as np, scipy
from scipy import stats

rng = np.random.default_rng(7)
out = {"kind": "scipy-more", "made_by": "scipy " + scipy.__version__, "note": "numpy default_rng(7)", "input": {}}
e = {}
e["t_sf"] = [[x, df, stats.t.sf(x, df)] for df in (1, 2, 4, 9.5, 49, 1000) for x in (0.01, 1, 7, 20, 60)]
e["normal_ppf"] = [[q, stats.norm.ppf(q)] for q in (1e-12, 1e-5, 0.025, 0.3, 0.6, 0.975, 0.9995)]
e["chi2_sf"] = [[x, df, stats.chi2.sf(x, df)] for df in (1, 2, 5, 30, 511) for x in (0.1, 3, 20, 80, 700)]
e["binom"] = [[k, n, p, stats.binom.cdf(k, n, p), stats.binom.pmf(k, n, p)]
              for k, n, p in ((0, 5, .5), (3, 5, .5), (12, 50, .2), (2, 60, .5), (400, 1000, .45), (7, 7, .1))]
obs = [18, 25, 31, 16]; w = [1, 1, 1.5, 1]
exp = np.array(w) * sum(obs) / sum(w)
r = stats.chisquare(obs, exp)
e["chisquare"] = {"observed": obs, "weights": w, "statistic": r.statistic, "p": r.pvalue}
e["binomtest"] = [[b, c, stats.binomtest(b, b + c, .5).pvalue] for b, c in ((1, 9), (3, 3), (0, 6), (12, 41), (5, 4))]
e["wilcoxon"] = []
for n in (6, 12, 40, 80):
    d = np.round(rng.normal(.3, 1, n), 6)
    row = {"d": d.tolist(), "p": stats.wilcoxon(d).pvalue, "W_plus": float(stats.rankdata(abs(d))[d > 0].sum())}
    row["asymptotic_cc"] = stats.wilcoxon(d, method="asymptotic", correction=True).pvalue
    e["wilcoxon"].append(row)
x = np.round(rng.exponential(1, 25), 6)
e["bootstrap"] = {"x": x.tolist()}
for method in ("percentile", "BCa"):
    for name, f in (("mean", np.mean), ("median", np.median)):
        ci = stats.bootstrap((x,), f, n_resamples=200000, method=method, rng=np.random.default_rng(1)).confidence_interval
        e["bootstrap"][method + "_" + name] = [ci.low, ci.high]
out["expected"] = e
json.dump(out, sys.stdout, indent=1, default=float)
print()
