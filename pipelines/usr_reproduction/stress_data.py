"""The data of the stress tests: simulated as the given data were, with one option changed."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.reproduction.plan import Plan
from pipelines.reproduction.run_pool import last_lines
from pipelines.usr_reproduction.usr_systems import NOISE
from ranking.sources.catalog import SOURCES

_ROOT = Path(__file__).parents[2]
_SIMULATOR, _SPEC = "simulator", "feature_specs/demo.yaml"
_MANIFEST = "manifest.json"


def is_simulated(data: Path) -> bool:
    """Whether the data come from the simulator; what is not there does not."""
    return bool(_manifest(data)) and _manifest(data)["source"].get("source") == _SIMULATOR


def own_value(data: Path, option: str) -> float | None:
    """The value that an option of a stress test has in the given data, if that is known."""
    manifest = _manifest(data)
    if not manifest:
        return None
    value = manifest.get(NOISE, 0.0) if option == NOISE else manifest["source"].get(option)
    return None if value is None else float(value)


def prepare_variant(plan: Plan, variant: str) -> None:
    """Simulates the data of a variant, `option=value`, where they are not there yet.

    Raises:
        ValueError: If the given data are not simulated, the simulation fails, or the folder holds
            data that were made with other options.
    """
    if not is_simulated(plan.data):
        raise ValueError(
            f"{plan.data} must be simulated (--source=simulator) for the parts that vary the data. "
            f"Received: data that cannot be varied by {variant}. Leave these parts out of --parts."
        )
    folder = plan.data_of(variant)
    options = _options(_manifest(plan.data), variant)
    if _manifest(folder):
        _check_options(folder, options)
    else:
        _simulate(folder, options, plan.out / "logs" / f"data-{variant}.log")


def _simulate(folder: Path, options: Mapping[str, str], log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            _command(folder, options), stdout=output, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode:
        raise ValueError(
            f"The data of {folder} could not be simulated, see {log}. It ends with: "
            f"{' '.join(last_lines(log, 2))}"
        )


def _command(folder: Path, options: Mapping[str, str]) -> list[str]:
    given = dict(options)
    flags = [f"--{name}={given.pop(name)}" for name in ("seed", NOISE)]
    command = [sys.executable, "-m", "pipelines.prepare", f"--source={_SIMULATOR}"]
    command += [f"--spec={_ROOT / _SPEC}", f"--data={folder}", *flags]
    return command + [f"--option={name}={value}" for name, value in given.items()]


def _options(manifest: Mapping[str, Any], variant: str) -> dict[str, str]:
    """What the given data were made with, with the variant's option in the place of theirs."""
    source = manifest["source"]
    known = SOURCES[_SIMULATOR].options
    options = {name: str(source[name]) for name in known if name in source}
    option, _, value = variant.partition("=")
    noise = str(manifest.get(NOISE, 0.0))
    return {**options, "seed": str(manifest["seed"]), NOISE: noise, option: value}


def _check_options(folder: Path, options: Mapping[str, str]) -> None:
    manifest = _manifest(folder)
    found = {**manifest["source"], "seed": manifest["seed"], NOISE: manifest.get(NOISE, 0.0)}
    for name, value in options.items():
        if not _is_same(str(found.get(name)), value):
            raise ValueError(
                f"{folder} must hold data with {name}={value}, as the given data say. Received: "
                f"{name}={found.get(name)}. Remove the folder to simulate it again, or name "
                "another --out."
            )


def _is_same(found: str, wanted: str) -> bool:
    """Whether two values of an option are the same, as numbers where they are numbers."""
    try:
        return float(found) == float(wanted)
    except ValueError:
        return found == wanted


def _manifest(data: Path) -> dict[str, Any]:
    """What a folder of prepared data says about itself; nothing where there is none."""
    path = data / _MANIFEST
    if not path.is_file():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
