"""The key `global` of the section `labels` of a spec file, checked against what it needs."""

from collections.abc import Mapping

from ranking.features.spec import CANDIDATES, LABELS, WINDOWS, Field, Roles, global_name
from ranking.features.spec_fields import GLOBAL
from ranking.features.spec_node import SpecNode

_HINTS = {"label": f"`{GLOBAL}` is no label but says how they count; rename a label of that name."}


def read_global_window(labels: SpecNode) -> str | None:
    """Maps the section `labels` to the window of its global labels; `None` where it has none.

    Raises:
        SpecError: If `global` holds anything but a window.
    """
    if not labels.has(GLOBAL):
        return None
    node = labels.mapping()[GLOBAL]
    node.check_keys(("window",), f"`{GLOBAL}`", _HINTS)
    return node.required("window", "day").choice(WINDOWS)


def check_global_labels(
    labels: SpecNode, window: str, fields: Mapping[str, Mapping[str, Field]], roles: Roles
) -> None:
    """Raises an error where global labels lack a role or the name of one is taken."""
    node = labels.mapping()[GLOBAL]
    needed = {"user_id": roles.user_id} | ({} if window == "train" else {"time": roles.time})
    for role, field_name in needed.items():
        if field_name is None:
            raise node.key_error(
                f"must come with `roles.{role}`: a global label is about what a user does with an "
                f"item within a window, here `{window}`.",
                f"Add `{role}` to `roles`, or remove `{GLOBAL}`.",
            )
    for task in fields[LABELS]:
        name = global_name(task)
        for owner in _owners(name, fields):
            raise node.key_error(
                f"must not take the name `{name}`, which belongs to `{owner}`.",
                f"Rename that field, or the label `{task}`.",
            )


def _owners(name: str, fields: Mapping[str, Mapping[str, Field]]) -> list[str]:
    """The fields that have the key that a label `name` would have, or stand beside it."""
    return [
        f"{section}.{field.name}"
        for section, members in fields.items()
        for field in members.values()
        # A session that is shown has candidates and labels side by side.
        if field.key == f"{LABELS}_{name}" or (section == CANDIDATES and field.name == name)
    ]
