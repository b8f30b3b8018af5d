"""The files that a server reads, as far as their formats are public."""

import re
from pathlib import Path

import yaml
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tools" / "serving"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
# What the server's own help lists, as far as it concerns models, threads and requests.
FLAGS_OF_THE_SERVER = {
    "allow_version_labels_for_unavailable_models",
    "batching_parameters_file",
    "enable_batching",
    "enable_model_warmup",
    "file_system_poll_wait_seconds",
    "model_base_path",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "model_name",
    "monitoring_config_file",
    "port",
    "rest_api_num_threads",
    "rest_api_port",
    "rest_api_timeout_in_ms",
    "tensorflow_inter_op_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_session_parallelism",
    "xla_cpu_compilation_enabled",
}


def _compose(name: str) -> dict:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))["services"]["serving"]


def test_the_model_config_is_one() -> None:
    text = (FOLDER / "models.config").read_text(encoding="utf-8")
    config = text_format.Parse(text, ModelServerConfig())
    (model,) = config.model_config_list.config
    (mounted,) = [one for one in _compose("compose.yaml")["volumes"] if "EXPORT" in one]
    assert mounted.endswith(f"}}:{model.base_path}:ro")
    assert model.name == "ranker" and model.model_platform == "tensorflow"
    assert model.model_version_policy.latest.num_versions == 2
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}


def test_batching_keeps_what_the_layout_needs() -> None:
    text = (FOLDER / "batching_parameters.txt").read_text(encoding="utf-8")
    text = re.sub(r"#.*", "", text)
    values = dict(re.findall(r"(\w+) \{ value: (\d+) \}", text))
    assert set(values) == {
        "max_batch_size",
        "batch_timeout_micros",
        "num_batch_threads",
        "max_enqueued_batches",
    }
    sizes = [int(size) for size in re.findall(r"allowed_batch_sizes: (\d+)", text)]
    assert sizes == sorted(set(sizes)) and sizes[-1] == int(values["max_batch_size"])
    assert "pad_variable_length_inputs: true" in text


def test_what_the_command_reads_is_mounted() -> None:
    base, batching = _compose("compose.yaml"), _compose("batching.yaml")
    mounts = dict(one.removesuffix(":ro").rsplit(":", 1)[::-1] for one in base["volumes"])
    assert set(base["command"]) < set(batching["command"])
    for flag in batching["command"]:
        name, value = flag.removeprefix("--").split("=")
        if name.endswith("_file"):
            assert (FOLDER / mounts[value]).is_file()
    for port in base["ports"]:
        assert port.startswith("127.0.0.1:")


def test_every_flag_is_the_servers_and_explained() -> None:
    for flag in _compose("batching.yaml")["command"]:
        name = flag.split("=")[0]
        assert name.removeprefix("--") in FLAGS_OF_THE_SERVER
        assert f"`{name}`" in README
    of_the_server = README[README.index("## compose.yaml") : README.index("## models.config")]
    named = set(re.findall(r"`--([a-z_]+)(?:=[^`]*)?`", of_the_server))
    assert len(named) > 5 and named <= FLAGS_OF_THE_SERVER
    assert "The server itself was not run" in README


def test_make_serve_names_files_and_variables_that_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile[makefile.index("\nserve:") : makefile.index("\nbench-serving:")]
    files = re.findall(r"--file (\S+?)[\s)]", recipe)
    assert [Path(file).name for file in files] == ["compose.yaml", "batching.yaml"]
    assert all((ROOT / file).is_file() for file in files)
    variables = re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    assert sorted(variables) == ["EXPORT", "SERVING_VERSION"]
    assert "EXPORT='$(abspath $(RUN))/export'" in recipe


def test_the_batching_file_replaces_no_more_than_the_command() -> None:
    assert set(_compose("batching.yaml")) == {"command"}
    assert set(_compose("compose.yaml")) == {"image", "ports", "volumes", "command"}
