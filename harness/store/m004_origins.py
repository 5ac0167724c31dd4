"""Step 4 of the schema: where imported runs come from."""

# ruff: noqa: E501
from __future__ import annotations

ORIGINS = """
CREATE TABLE origins ( -- Where imported runs come from: one row per imported run, none for runs of our own.
  run_id INTEGER PRIMARY KEY REFERENCES runs, -- The run.
  source TEXT NOT NULL, -- Format of the file: `harness`, `inspect`, `lm-eval`, `promptfoo` or `columns`.
  file TEXT NOT NULL, -- Name of the file, without its folder.
  file_sha256 BLOB NOT NULL, -- SHA-256 of the file's bytes; of a folder, over its files' names and hashes.
  tool TEXT NOT NULL, -- What wrote the file, as far as it says.
  imported_us INTEGER NOT NULL, -- When it was imported, UTC microseconds since 1970.
  harness_version TEXT NOT NULL, -- Version of harness that imported it.
  key BLOB NOT NULL UNIQUE, -- What the same run is known by when it is imported again.
  record BLOB NOT NULL, -- How it was read, canonical JSON, a Zstandard frame: for `harness` the run's own record and its findings, otherwise mapping and options.
  sha256 BLOB NOT NULL -- SHA-256 over the columns above but the first; the run's trigger names it.
) STRICT;

CREATE TABLE origin_exchanges ( -- The chain that imported exchanges had where they were made; only for the source `harness`.
  exchange_id INTEGER PRIMARY KEY REFERENCES exchanges, -- The exchange.
  number INTEGER NOT NULL, -- Its place in the chain of its run there, from 1.
  previous BLOB NOT NULL, -- Hash of the exchange before it there; for the first, the hash of the run there.
  hash BLOB NOT NULL -- Its own hash there.
) STRICT
"""
