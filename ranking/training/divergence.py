"""Training that left the finite numbers."""

from ranking.training.settings import TrainingSettings


class DivergenceError(ValueError):
    """Says at which step training diverged and what to change.

    Args:
        what: What is no finite number any more, and since when.
        settings: The settings that it was trained with.
    """

    def __init__(self, what: str, settings: TrainingSettings) -> None:
        remedy = f"Lower `learning_rate` (now {settings.learning_rate:g})"
        if settings.clip_norm is None:
            remedy += ", set `clip_norm` (1 is a common start)"
        if settings.precision == "mixed_float16":
            remedy += ", or set `precision` to mixed_bfloat16, whose numbers reach further"
        super().__init__(
            f"Training must stay within finite numbers. Received: {what}. {remedy}, and train "
            "again with --overwrite. Checkpoints written before are as they were."
        )
