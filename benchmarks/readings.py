"""Try readings of what the report leaves open and measure how far each stays from its confusion matrix.

Writes results/readings.json, which nbs/08_experiment.ipynb shows. Labels score the readings, no more.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import normalized_mutual_info_score
from tqdm import tqdm

from impaug.data import load_wisconsin
from impaug.engine import train_importance
from impaug.evaluate import scores
from impaug.experiment import presets, report_figures
from impaug.files import origin
from impaug.learn import training_options
from impaug.model import EntropyLoss
from impaug.runs import split_rows
from impaug.threshold import find_threshold

seeds = range(50)
base = presets["report"]
no_decay = dict(importance_decay=0.0)
readings = {
    "preset report": {},
    "decay 0.0003": dict(importance_decay=3e-4),
    "decay 0.00035": dict(importance_decay=3.5e-4),
    "decay 0.0002": dict(importance_decay=2e-4),
    "decay 0.001": dict(importance_decay=1e-3),
    "nine columns": dict(keep_id=False),
    "missing filled by 0": dict(missing="zero"),
    "missing filled by the mean": dict(missing="mean"),
    "network decays too": dict(weight_decay=3.3e-4),
    "lazy Adam": dict(lazy=True),
    "min-max, decay 0.00018": dict(scaling="minmax", importance_decay=1.8e-4),
    "min-max, decay 0.0002": dict(scaling="minmax", importance_decay=2e-4),
    "min-max, decay 0.00025, network too": dict(scaling="minmax", importance_decay=2.5e-4, weight_decay=2.5e-4),
    "standardised, decay 0.00012, network too": dict(scaling="standard", importance_decay=1.2e-4, weight_decay=1.2e-4),
    "power-transformed, decay 0.0002": dict(scaling="power", importance_decay=2e-4),
    "no decay": no_decay,
    "no decay, importance rate 0.01": dict(importance_lr=0.01, **no_decay),
    "no decay, importance rate 0.02": dict(importance_lr=0.02, **no_decay),
    "no decay, importance rate 0.1": dict(importance_lr=0.1, **no_decay),
    "min-max, no decay, importance rate 0.02": dict(scaling="minmax", importance_lr=0.02, **no_decay),
    "min-max, no decay, importance rate 0.03": dict(scaling="minmax", importance_lr=0.03, **no_decay),
    "standardised, no decay, importance rate 0.02": dict(scaling="standard", importance_lr=0.02, **no_decay),
    "raw columns": dict(scaling="none"),
    "raw columns without identifier": dict(scaling="none", keep_id=False),
    "beta = 4": dict(criterion=EntropyLoss(beta=4.0)),
}


def quartiles(values):
    return [round(float(q), 4) for q in np.quantile(values, [0, 0.25, 0.5, 0.75, 1])]


def measure(preset, wisconsin):
    "Quartiles (with the extremes) of what the report gives, over seeds, and the rows that would have to change cell."
    rows, y = split_rows(wisconsin, preset).rows, wisconsin.target
    options = training_options(preset, len(rows))
    # Trained as `learn` trains, and cut here: some readings leave no row below the threshold, which `learn` refuses.
    fit = train_importance(
        rows, seeds, criterion=preset.criterion, monitor=lambda importance, clusters: clusters, **options
    )
    curve = []
    for clusters in fit.monitored:
        curve.append([normalized_mutual_info_score(y, one) for one in clusters])
    curve = np.array(curve)
    runs = []
    for importance in fit.importance:
        above = importance > find_threshold(importance, preset.threshold)
        runs.append(scores(y, above.astype(int)))
    cells = np.array([run["confusion"] for run in runs])
    moved = abs(cells - np.array(report_figures["confusion"])).sum(axis=(1, 2)) / 2
    return dict(
        f1=quartiles([r["f1"] for r in runs]),
        nmi=quartiles([r["nmi"] for r in runs]),
        share=quartiles([r["pseudo_minority_share"] for r in runs]),
        rows_moved=quartiles(moved),
        confusion=np.median(cells, axis=0).tolist(),
        nmi_first=quartiles(curve[0]),
        nmi_peak=quartiles(curve.max(axis=0)),
        nmi_last=quartiles(curve[-1]),
    )


if __name__ == "__main__":
    wisconsin = load_wisconsin()
    lines = []
    for name, changed in tqdm(readings.items(), desc="readings", unit="reading"):
        preset = replace(base, **changed)
        fields = asdict(preset) | dict(criterion=str(preset.criterion))
        lines.append(json.dumps(dict(reading=name, preset=fields, **measure(preset, wisconsin))))
    path = Path(__file__).parent.parent / "results" / "readings.json"
    head = dict(seeds=[seeds.start, seeds.stop], statistics=["min", "25 %", "median", "75 %", "max"])
    head |= origin("make readings")
    body = ",\n  ".join(lines)
    path.write_text(f'{{"about": {json.dumps(head)},\n "readings": [\n  {body}\n ]}}\n')
    print("wrote results/readings.json; nbs/08_experiment.ipynb shows it")
