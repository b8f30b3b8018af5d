"""The inputs that belong to a scenario, and those that mean the same in every one."""

from ranking.features.spec import FeatureSpec, Field


def scenario_fields(spec: FeatureSpec) -> tuple[Field, ...]:
    """Maps a spec to its scenario-specific inputs, x_ss of USR.

    They are the field of `roles.scenario`, then those of `roles.scenario_features` as listed
    there; none without a scenario.

    Example:
        >>> from ranking.features.spec_reader import parse_spec
        >>> spec = parse_spec('''
        ... name: smallest
        ... tables: {item: {width: 8, integer_ids: 100}, page: {width: 2, values: [a, b]}}
        ... session: {page: {table: page}, age: {dense: float32}}
        ... behaviors: {sequence: {max_length: 20}, item: {table: item}}
        ... candidates: {item: {table: item}, price: {dense: float32}}
        ... labels: {click: {label: binary}}
        ... roles: {item: [item], scenario: page, scenario_features: [candidates_price]}
        ... ''', "smallest.yaml")
        >>> [field.key for field in scenario_fields(spec)]
        ['page', 'candidates_price']
    """
    by_key = {field.key: field for field in spec.session + spec.candidates}
    scenario = () if spec.roles.scenario is None else (spec.roles.scenario,)
    return tuple(by_key[key] for key in (*scenario, *spec.roles.scenario_features))


def agnostic_fields(spec: FeatureSpec) -> tuple[Field, ...]:
    """Maps a spec to its scenario-agnostic inputs, x_sa of USR.

    They are the session inputs, then the candidate inputs, that describe neither the item nor the
    query and do not belong to the scenario.

    Example:
        >>> from ranking.features.spec_reader import parse_spec
        >>> spec = parse_spec('''
        ... name: smallest
        ... tables: {item: {width: 8, integer_ids: 100}, page: {width: 2, values: [a, b]}}
        ... session: {page: {table: page}, age: {dense: float32}}
        ... behaviors: {sequence: {max_length: 20}, item: {table: item}}
        ... candidates: {item: {table: item}, price: {dense: float32}}
        ... labels: {click: {label: binary}}
        ... roles: {item: [item], scenario: page, scenario_features: [candidates_price]}
        ... ''', "smallest.yaml")
        >>> [field.key for field in agnostic_fields(spec)]
        ['age']
    """
    roles = spec.roles
    elsewhere = {field.key for field in scenario_fields(spec)}
    elsewhere |= set(roles.query) | {f"candidates_{name}" for name in roles.item}
    fields = spec.session + spec.candidates
    return tuple(field for field in fields if field.is_input and field.key not in elsewhere)
