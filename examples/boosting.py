"""Tune scikit-learn's gradient boosting on a table that it brings: logarithmic ranges, whole numbers and a condition.

genius search examples/boosting.py --objective log_loss:lower --proposer guided --iterations 15 --threads 1
"""

from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_validate

space = {
    "learning_rate": {"range": [0.01, 1.0], "log": True},
    "max_iter": (10, 150),  # a tuple is a range
    "min_samples_leaf": (1, 60),
    "l2_regularization": {"range": [1e-3, 100.0], "log": True},
    "grown_by": ["depth", "leaves"],  # a list is the options
    "max_depth": {"range": [1, 8], "when": {"grown_by": "depth"}},
    "max_leaf_nodes": {"range": [2, 48], "when": {"grown_by": "leaves"}},
}


def train(config: dict[str, Any]) -> dict[str, float]:
    """Measure the cross-validated log loss, and the accuracy in percent, of gradient boosting on 569 tumours."""
    settings = {name: value for name, value in config.items() if name != "grown_by"}
    if config["grown_by"] == "depth":
        settings["max_leaf_nodes"] = None
    model = HistGradientBoostingClassifier(**settings, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    table, labels = load_breast_cancer(return_X_y=True)
    scores = cross_validate(model, table, labels, cv=folds, scoring=("neg_log_loss", "accuracy"))
    return {"log_loss": -scores["test_neg_log_loss"].mean(), "accuracy": 100 * scores["test_accuracy"].mean()}
