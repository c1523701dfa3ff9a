"""The section on few labels: its table is what was measured."""

import numpy as np

from lookalike.evaluation.few_labels import FewLabels
from lookalike.reports.blocks import Chart
from lookalike.reports.training import few_labels_section


def test_table_behind_the_chart() -> None:
    errors = {"a": [[0.2, 0.4], [0.1]], "b": [[0.1, 0.1], [0.2]]}
    found = FewLabels(
        [10, 50], {name: [np.array(d) for d in draws] for name, draws in errors.items()}, 500
    )
    section = few_labels_section(found, how="How.")
    assert section.intro == ["How.", found.verdict()]
    (drawn,) = section.blocks
    assert isinstance(drawn, Chart)
    assert found.verdict() in drawn.alt
    heads = [getattr(column, "name", column) for column in drawn.table.columns]
    assert heads == ["classifier", "10", "± at 10", "50"]
    assert drawn.table.texts() == [
        ["b", "10.00%", "0.00%", "20.00%"],
        ["a", "30.00%", "14.14%", "10.00%"],
    ]
