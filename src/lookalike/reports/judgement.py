"""The report of a neighbour classifier on test images: how good it is, where it errs, decisions."""

from __future__ import annotations

from lookalike.evaluation.judgement import Judgement
from lookalike.reports.blocks import Report, Section
from lookalike.reports.decisions import coverage_section, threshold_section
from lookalike.reports.errors import errors_section
from lookalike.reports.evaluation import evaluation_headline, evaluation_section

# Paths of files are in the JSON document alone, because pages are passed on to others.
_NOT_ON_THE_PAGE = ("source", "model", "trained_on")


def describe(judged: Judgement) -> Report:
    """Return the report of a judgement."""
    sections = [
        evaluation_section(judged.evaluation, title="How good it is on the test images"),
        errors_section(judged.data, judged.explanation),
    ]
    if judged.rejection is not None:
        sections.append(coverage_section(judged.rejection, judged.coverage))
    else:
        sections.append(Section("Leaving out what is not sure", intro=[judged.no_rejection]))
    if judged.threshold is not None and judged.wanted is not None:
        name = judged.wanted.name
        sections.append(
            threshold_section(
                judged.threshold, judged.tested, positive_name=name, title=f"Detecting {name}"
            )
        )
    return Report(
        judged.title,
        judged.subtitle,
        evaluation_headline(judged.evaluation),
        sections,
        parameters={
            name: value for name, value in judged.parameters.items() if name not in _NOT_ON_THE_PAGE
        },
        timings=judged.seconds,
        numbers=judged.to_dict(),
    )
