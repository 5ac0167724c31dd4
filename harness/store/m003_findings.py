"""Step 3 of the schema: the alpha ledger, the streams, each run's steps, findings and what became of them."""

# A column and its comment stay on one line: SQLite keeps the text as it is.
# ruff: noqa: E501
from __future__ import annotations

FINDINGS = """
CREATE TABLE ledger_periods ( -- Periods of the alpha ledger: which streams may raise a finding, and what each may spend. Never changed.
  id INTEGER PRIMARY KEY, -- Number of the period, from 1.
  world TEXT NOT NULL, -- `real` or `simulated`: the clock of the runs it is for.
  opened_us INTEGER NOT NULL, -- When it began, UTC microseconds since 1970.
  year_us INTEGER NOT NULL, -- When the stretch of time began that the budget is for, UTC microseconds since 1970.
  reason TEXT NOT NULL, -- Why it began: the first one, a change (which), or the end of the stretch before.
  ledger TEXT NOT NULL, -- The ledger, canonical JSON: streams, weights, alpha, alarm levels, rules and their versions.
  previous BLOB, -- Hash of the period before; NULL for the first.
  hash BLOB NOT NULL UNIQUE -- SHA-256 over the columns above (docs/database.md).
) STRICT;

CREATE TABLE streams ( -- Monitored series: one row per name and definition. Another definition is another stream.
  id INTEGER PRIMARY KEY, -- Row number.
  world TEXT NOT NULL, -- `real` or `simulated`.
  name TEXT NOT NULL, -- Endpoint, suite, signal and what narrows it.
  definition TEXT NOT NULL, -- Hash of what makes its numbers comparable: endpoint settings, suite, samples, graders.
  key TEXT NOT NULL, -- The name's parts, canonical JSON.
  state BLOB NOT NULL, -- All that the next run needs, canonical JSON, a Zstandard frame; the newest of its steps has its hash.
  UNIQUE (world, name, definition)
) STRICT;

CREATE TABLE finding_updates ( -- One row per run that was taken into the streams, in the order in which that happened. Never changed.
  id INTEGER PRIMARY KEY, -- Number, from 1.
  run_id INTEGER NOT NULL UNIQUE REFERENCES runs, -- The run.
  period_id INTEGER NOT NULL REFERENCES ledger_periods, -- The ledger's period.
  at_us INTEGER NOT NULL, -- When, UTC microseconds since 1970.
  makers TEXT NOT NULL, -- Versions of the code that made it.
  notes TEXT NOT NULL, -- What is worth knowing about it, canonical JSON: a list of sentences.
  previous BLOB, -- Hash of the update before; NULL for the first.
  hash BLOB NOT NULL -- SHA-256 over the columns above and its steps, findings and events (docs/database.md).
) STRICT;

CREATE TABLE steps ( -- What one run did to one stream. Never changed.
  update_id INTEGER NOT NULL REFERENCES finding_updates, -- The update.
  stream_id INTEGER NOT NULL REFERENCES streams, -- The stream.
  status TEXT NOT NULL, -- `counted`, `burn-in` (ranked, moves no evidence), `reference`, `fact`, `missing` (coverage too low), `restarted` (after an alarm) or `incident` (the incident tier began again).
  value REAL, -- The run's number in natural units: a share or a difference of shares; NULL when nothing was measured.
  score REAL, -- What was ranked.
  n INTEGER NOT NULL, -- Measured calls behind it.
  planned INTEGER NOT NULL, -- Calls planned for it.
  u REAL, -- The draw that broke ties, from the run's seed.
  log_e_down REAL, -- Natural log of the evidence for a drop; NULL before there is any.
  log_e_up REAL, -- Natural log of the evidence for a rise.
  input BLOB NOT NULL, -- Exactly what was taken in, canonical JSON, a Zstandard frame.
  state_sha256 BLOB NOT NULL, -- SHA-256 of the stream's state afterwards, canonical JSON.
  PRIMARY KEY (update_id, stream_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX steps_of_stream ON steps (stream_id, update_id);

CREATE TABLE findings ( -- Claims, as they were raised. Never changed.
  id TEXT PRIMARY KEY, -- Stable id.
  update_id INTEGER NOT NULL REFERENCES finding_updates, -- The update that raised it.
  number INTEGER NOT NULL, -- Place among those of the update, from 0.
  stream TEXT NOT NULL, -- Name of the stream.
  kind TEXT NOT NULL, -- Kind of change, as in the body.
  tier TEXT NOT NULL, -- `persistent` or `incident`, as in the body.
  body TEXT NOT NULL -- The whole finding, canonical JSON (docs/findings.md).
) STRICT;

CREATE TABLE finding_events ( -- What became of findings: confirmed or withdrawn.
  finding_id TEXT NOT NULL REFERENCES findings, -- The finding.
  number INTEGER NOT NULL, -- Place among its events, from 1.
  update_id INTEGER NOT NULL REFERENCES finding_updates, -- The update that brought it.
  event TEXT NOT NULL, -- `confirmed` or `withdrawn`.
  words TEXT NOT NULL, -- Why.
  PRIMARY KEY (finding_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE finding_chain ( -- One row: where the two chains end, so that a missing last row shows.
  id INTEGER PRIMARY KEY CHECK (id = 1), -- Always 1.
  periods INTEGER NOT NULL, -- How many periods there are.
  period_hash BLOB, -- Hash of the newest; NULL before the first.
  updates INTEGER NOT NULL, -- How many updates there are.
  update_hash BLOB -- Hash of the newest; NULL before the first.
) STRICT;
"""
