"""Schema step 6: seals over the evidence, and commitments to what will be asked. Never edited once released."""

# A column and its comment stay on one line: SQLite keeps the text as it is.
# ruff: noqa: E501
from __future__ import annotations

from sqlite_utils import Database

_TABLES = """
CREATE TABLE seals ( -- Signed manifests of what was there at a time (docs/custody.md). Never changed.
  id INTEGER PRIMARY KEY, -- Number of the seal, from 1.
  made_us INTEGER NOT NULL, -- When it was made, UTC microseconds since 1970; as in the manifest.
  manifest BLOB NOT NULL, -- The signed bytes: canonical JSON, `harness.seal/1`.
  signature BLOB NOT NULL, -- Ed25519 signature over the manifest, 64 bytes.
  public_key BLOB NOT NULL, -- Public key of the signature, 32 bytes; as in the manifest.
  timestamp BLOB, -- Reply of an RFC 3161 timestamp service over the manifest, DER; NULL where none was asked or none came.
  hash BLOB NOT NULL -- SHA-256 over the columns above and the hash of the seal before (`harness.seal-row/1`).
) STRICT;

CREATE TABLE commitments ( -- Salted hashes of suites, config and analysis plan, published before a campaign. Never changed.
  id INTEGER PRIMARY KEY, -- Number of the commitment, from 1.
  made_us INTEGER NOT NULL, -- When it was made, UTC microseconds since 1970; as in the document.
  document BLOB NOT NULL, -- What was published: canonical JSON, `harness.commitment/1`.
  sha256 BLOB NOT NULL -- SHA-256 of the document; the next commitment, and runs begun after it, name it.
) STRICT;

CREATE TABLE additions ( -- How far tables that only grow have grown, so that a missing last row shows.
  name TEXT PRIMARY KEY, -- `seals` or `commitments`.
  rows INTEGER NOT NULL, -- How many rows there are.
  last_hash BLOB -- Hash of the newest (`hash`, `sha256`); NULL before the first.
) STRICT, WITHOUT ROWID;
"""


def m006_seals(db: Database) -> None:
    """Seals and commitments."""
    for statement in _TABLES.split(";\n\n"):
        db.execute(statement)
    db.execute("INSERT INTO additions VALUES ('seals', 0, NULL), ('commitments', 0, NULL)")
