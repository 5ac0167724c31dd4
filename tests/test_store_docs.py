"""docs/database.md is true."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import zstandard

from harness.store import Store, chain, describe
from tests.store_examples import fill

PAGE = Path(__file__).parent.parent / "docs" / "database.md"


def test_the_tables_in_the_docs_are_those_of_the_schema() -> None:
    """The reference part is what the schema's own comments give, to the letter."""
    text = PAGE.read_text(encoding="utf-8")
    made = text.split("<!-- tables: made from the schema -->\n")[1].split("<!-- end of tables -->")[0]
    assert made.strip() == describe.as_markdown().strip()


def test_every_column_of_a_database_is_described(tmp_path: Path) -> None:
    """No table, view or column exists that the docs leave out; keys and units agree with SQLite's own account."""
    fill(tmp_path / "t.db", runs=1)
    described = {table.name: table for table in describe.tables()}
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        names = {
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            )
            if not name.startswith(("_", "sqlite_"))
        }
        assert names == set(described)
        for name, table in described.items():
            columns = connection.execute(f"SELECT name, pk FROM pragma_table_info('{name}')").fetchall()
            if table.columns:
                assert [each for each, _ in columns] == [each.name for each in table.columns]
                keys = sorted((place, each) for each, place in columns if place)
                assert ", ".join(each for _, each in keys) == table.key
            for column in table.columns:
                unit = {"_us": "microseconds", "_ms": "milliseconds", "_usd": "US dollars"}
                for suffix, word in unit.items():
                    if column.name.endswith(suffix) and table.name != "past_observations":
                        assert re.search(word, column.meaning, re.IGNORECASE), f"{name}.{column.name}"


def test_the_query_in_the_docs_works(tmp_path: Path) -> None:
    """The example for looking by hand runs on a real database and counts what is there."""
    fill(tmp_path / "t.db", runs=1)
    found = re.search(
        r'sqlite3 -readonly results/harness.db "\n(.*?)"\n```', PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        rows = connection.execute(found[1]).fetchall()
        assert sum(row[3] for row in rows) == 12
        assert connection.execute("SELECT sum(n) FROM readable_tallies").fetchone() == (12,)


def test_a_stored_reply_can_be_read_without_harness(tmp_path: Path) -> None:
    """A row's frame and its dictionary are all that is needed, as the docs say."""
    fill(tmp_path / "t.db", runs=1, exchanges=40)
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        row_id, frame, name, dictionary = connection.execute(
            """SELECT x.id, b.data, d.type, d.data FROM exchanges x JOIN bodies b ON b.id = x.reply_body_id
               JOIN dictionaries d ON d.id = b.dictionary_id ORDER BY x.id DESC LIMIT 1"""
        ).fetchone()
    data = zstandard.ZstdDecompressor().decompress(dictionary)
    kind = zstandard.DICT_TYPE_RAWCONTENT if name == "raw" else zstandard.DICT_TYPE_FULLDICT
    used = zstandard.ZstdCompressionDict(data, dict_type=kind)
    reply = zstandard.ZstdDecompressor(dict_data=used).decompress(frame)
    with Store.open(tmp_path / "t.db", mode="read") as store:
        assert store.exchange(str(row_id))[0].exchange.response_body == reply
    if shutil.which("zstd") is None:
        pytest.skip("the zstd command is not installed; the library read it")
    (tmp_path / "d").write_bytes(data)
    made = subprocess.run(
        ["zstd", "-d", "-c", "-D", tmp_path / "d"], input=frame, capture_output=True, check=True
    )
    assert made.stdout == reply


@pytest.mark.parametrize("name", ["exchange", "run", "event", "suite", "endpoint", "seal-row"])
def test_each_hashed_form_is_described(name: str) -> None:
    """Every format tag used in a hash is in the docs, and every field of it is named there."""
    text = PAGE.read_text(encoding="utf-8")
    assert f"harness.{name}/1" in text
    source = Path(chain.__file__).read_text(encoding="utf-8")
    form = re.search(rf'\{{(?:(?!\}}).)*"harness\.{name}/1"(?:(?!\n    \)).)*', source, re.DOTALL)
    assert form
    for field in re.findall(r'"(\w+)":', form[0]):
        if field != "format":
            assert f"`{field}`" in text or json.dumps(field) in text, field
