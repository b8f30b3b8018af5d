"""Contrast between views: a scenario's view shall look like itself, not like another's."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from ranking.layers.positive_sampler import PositiveSampler
from ranking.layers.row_sample import RowSample
from ranking.losses.view_contrast import view_contrast, within_view_variance
from ranking.models.networks import LossTerm
from ranking.models.usr_settings import ViewContrastSettings
from ranking.models.usr_views import Views

INTERESTS, FEATURES = "interests", "features"
_ROWS, _POSITIVES, _MASK = "contrast_rows", "contrast_positives", "contrast_mask"


def contrast_outputs(
    views: Views, candidates_mask: Any, settings: ViewContrastSettings
) -> dict[str, Any]:
    """What the contrastive terms need, and the views themselves for whoever looks into them.

    Shapes: B sessions, C candidates, S scenarios, n rows.

    Returns:
        `interests` `[B, C, S, d]` and `features` `[B, C, S, Dsa]`, where they are; and the rows
        out of all B * C that are contrasted: their numbers `contrast_rows` `[n]`, for each of them
        the place of its positive among them `contrast_positives` `[n]`, and `contrast_mask` `[n]`.
    """
    found = {INTERESTS: views.interests, FEATURES: views.features}
    outputs = {name: value for name, value in found.items() if value is not None}
    if not outputs:
        return {}
    sample = RowSample(settings.contrastive_rows, name="contrast.rows")
    rows, mask = sample(ops.reshape(candidates_mask, (-1,)))
    positives = PositiveSampler(name="contrast.positives")(mask)
    return {**outputs, _ROWS: rows, _POSITIVES: positives, _MASK: mask}


def contrast_terms(settings: ViewContrastSettings) -> list[LossTerm]:
    """Equations 5 and 8, and beside them, with no weight, how much views differ between rows.

    The contrastive losses reward views that are the same for all users, so `interest_variance`
    and `feature_variance` tell whether they still say anything about them.
    """
    weight, temperature = settings.contrastive_weight, settings.temperature
    terms = []
    for name, output, is_there, own_weight, own_temperature in (
        (
            "interest",
            INTERESTS,
            settings.interest_extractor,
            settings.interest_contrastive_weight,
            None,
        ),
        (
            "feature",
            FEATURES,
            settings.feature_generator,
            settings.feature_contrastive_weight,
            settings.feature_temperature,
        ),
    ):
        if not is_there:
            continue
        terms.append(LossTerm(f"{name}_variance", 0.0, _variance(output)))
        chosen = weight if own_weight is None else own_weight
        if chosen > 0:
            divisor = temperature if own_temperature is None else own_temperature
            terms.append(LossTerm(f"{name}_contrast", chosen, _contrast(output, divisor, settings)))
    return terms


def _contrast(output: str, temperature: float, settings: ViewContrastSettings) -> Any:
    def function(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Any, Any]:
        del batch  # Everything is in the outputs.
        return view_contrast(
            _sampled(outputs, output),
            outputs[_POSITIVES],
            outputs[_MASK],
            negatives=settings.contrastive_negatives,
            similarity=settings.similarity,
            temperature=temperature,
        )

    return function


def _variance(output: str) -> Any:
    def function(outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> tuple[Any, Any]:
        del batch
        return within_view_variance(ops.stop_gradient(_sampled(outputs, output)), outputs[_MASK])

    return function


def _sampled(outputs: Mapping[str, Any], output: str) -> Any:
    """Views `[n, S, D]` of the rows that are contrasted."""
    views = outputs[output]
    flat = ops.reshape(views, (-1, *views.shape[2:]))
    return ops.take(flat, outputs[_ROWS], axis=0)
