"""Step 5 of the schema: which judge's exchange graded which answer. Never edited once released."""

# A column and its comment stay on one line: SQLite keeps the text as it is.
from __future__ import annotations

JUDGEMENTS = """
CREATE TABLE judgements ( -- Which exchange of a judge graded which answer; the highest number counts. Never changed.
  exchange_id INTEGER NOT NULL REFERENCES exchanges, -- The exchange that was judged.
  number INTEGER NOT NULL, -- 1 for the first judgement of the exchange, counted up.
  judge_exchange_id INTEGER NOT NULL UNIQUE REFERENCES exchanges, -- The judge's exchange, in a run of its own.
  judged_us INTEGER NOT NULL, -- When the verdict was taken, UTC microseconds since 1970.
  sha256 BLOB NOT NULL, -- SHA-256 over the columns above, with the hashes of the two exchanges in place of their rows.
  PRIMARY KEY (exchange_id, number)
) STRICT, WITHOUT ROWID
"""
