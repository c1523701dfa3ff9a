"""Parameters of ``fit``, for example ``sample_weight``, by pipeline step and split."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.validation import _check_method_params, _num_samples


class FitParams:
    """The parameters of an estimator's ``fit``, for any subset of rows.

    Parameters
    ----------
    estimator : predictor, or Pipeline that ends with one
    X : as given to fit
    params : dict
        Parameters of ``estimator.fit``: arrays with one entry per image, or other values.

    Raises
    ------
    TypeError
        If the predictor does not have such a parameter.
    ValueError
        If the step of a parameter is not clear.
    """

    def __init__(self, estimator: Any, X: Any, params: dict[str, Any]) -> None:
        self.X = X
        self._predictor = estimator.steps[-1][0] if isinstance(estimator, Pipeline) else ""
        self._of_steps = _share_out(estimator, params)
        unknown = self._of_steps.get(self._predictor, {}).keys() - {"sample_weight"}
        if unknown:
            raise TypeError(
                f"fit got {sorted(unknown)} for the predictor, whose fit takes X, y and "
                "sample_weight"
            )

    def of_step(self, name: str, rows: NDArray[np.int64]) -> dict[str, Any]:
        """Return the parameters of one step of the pipeline for a fit to these rows."""
        params: dict[str, Any] = _check_method_params(
            self.X, self._of_steps.get(name, {}), indices=rows
        )
        return params

    def sample_weight(self, rows: NDArray[np.int64] | None = None) -> Any:
        """Return the predictor's weights of these rows, by default of all, or None."""
        if rows is None:
            rows = np.arange(_num_samples(self.X))
        return self.of_step(self._predictor, rows).get("sample_weight")


def _share_out(estimator: Any, params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the parameters by step name, which is "" for a predictor without pipeline."""
    if not isinstance(estimator, Pipeline):
        return {"": params}
    if not params:
        return {}
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(estimator, "fit", **params)
        return {name: routed[name].get("fit_transform") or routed[name].fit for name in routed}
    of_steps: dict[str, dict[str, Any]] = {name: {} for name, _ in estimator.steps}
    for key, value in params.items():
        name, _, param = key.partition("__")
        if not param or name not in of_steps:
            raise ValueError(
                f"fit got {key!r}, but the step of the pipeline that it is for is missing; name it "
                f"<step>__{param or key} with a step among {', '.join(of_steps)}"
            )
        of_steps[name][param] = value
    return of_steps
