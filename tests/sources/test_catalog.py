import re
import subprocess
import sys
from pathlib import Path

import pytest

import ranking
from ranking.sources.catalog import SOURCES, open_source
from ranking.sources.source_error import SourceError
from tests.helpers.specs import shop_spec

MODULES = Path(ranking.__file__).parent / "sources"
READS = re.compile(r"(?:options|chosen)\.(?:text|choice|share|count)\(\s*\"(\w+)\"")


def test_unknown_source_is_one_error_with_near_names():
    with pytest.raises(SourceError, match="no source `parqet`. Did you mean `parquet`"):
        open_source("parqet", shop_spec(), "x", {}, 0)


def test_unknown_option_is_one_error_with_near_names():
    with pytest.raises(SourceError, match="`parquet` has no option `tst_share`.*`test_share`"):
        open_source("parquet", shop_spec(), "x", {"tst_share": "0.1"}, 0)


@pytest.mark.parametrize("source", ["parquet", "user_sequences", "amazon_search", "kuaisar"])
def test_a_source_that_reads_says_that_it_needs_an_input(source):
    with pytest.raises(SourceError, match=f"`{source}` needs `input`"):
        open_source(source, shop_spec(), None, {}, 0)


def test_negative_seed_is_an_error():
    with pytest.raises(SourceError, match="seed=-1"):
        open_source("parquet", shop_spec(), "x", {}, -1)


def test_every_source_has_a_summary_and_every_option_a_help_text():
    for entry in SOURCES.values():
        assert entry.summary and all(entry.options.values())


def test_every_source_that_reads_says_what():
    assert [name for name, entry in SOURCES.items() if not entry.input] == ["simulator"]


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("parquet", ["parquet"]),
        ("user_sequences", ["user_sequences", "sequence_protocol"]),
        ("kuaisar", ["kuaisar"]),
        ("amazon_search", ["amazon_search", "amazon_search_protocol"]),
    ],
)
def test_the_catalog_lists_exactly_the_options_that_are_read(source, modules):
    text = "".join((MODULES / f"{module}.py").read_text() for module in modules)
    assert set(READS.findall(text)) == set(SOURCES[source].options)


def test_listing_the_catalog_imports_no_source():
    code = "import sys, ranking.sources.catalog; print('pyarrow' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.split() == [b"False"]
