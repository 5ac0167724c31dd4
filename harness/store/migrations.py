"""The schema, step by step. A step that has been released is never edited: a new one is added.

Each column ends in a comment that says what it is and in which unit. SQLite keeps the comments with the table, so
`.schema` in its shell shows them, and docs/database.md is made from them.
"""

# A column and its comment stay on one line: SQLite keeps the text as it is.
# ruff: noqa: E501
from __future__ import annotations

from typing import cast

from sqlite_utils import Database, Migrations
from sqlite_utils.db import Table

from harness.store.m003_findings import FINDINGS
from harness.store.m004_origins import ORIGINS
from harness.store.m005_judge import JUDGEMENTS
from harness.store.m006_seals import m006_seals
from harness.store.rows import APPLICATION_ID

MIGRATIONS = Migrations("harness")
_EVIDENCE = """
CREATE TABLE suites ( -- Suites as used: one row per distinct header and list of probes. Fresh probes make a new row.
  id INTEGER PRIMARY KEY, -- Row number.
  name TEXT NOT NULL, -- Name of the suite.
  version INTEGER NOT NULL, -- Version the suite declares.
  content_hash TEXT NOT NULL, -- Hash of the suite's files, as in the run's header: `sha256:` and 64 hex digits.
  header TEXT NOT NULL, -- The suite's header, canonical JSON.
  sha256 BLOB NOT NULL UNIQUE -- SHA-256 over the columns above and the probes' hashes in order.
) STRICT;

CREATE TABLE probes ( -- Probes as sent: one row per distinct text of a probe of a suite.
  id INTEGER PRIMARY KEY, -- Row number.
  suite TEXT NOT NULL, -- Name of the suite.
  probe_id TEXT NOT NULL, -- The probe's id within the suite.
  family TEXT NOT NULL, -- Skill or theme it samples.
  topic TEXT, -- Topic, where the suite has topics.
  arm TEXT, -- Side of the matched pair.
  pair TEXT, -- Shared by the twins of a pair.
  language TEXT NOT NULL, -- Language code of the question.
  depth INTEGER, -- How deep in its topic, 0 upwards.
  difficulty INTEGER, -- Rung of the family's difficulty ladder, 1 upwards.
  anchor INTEGER NOT NULL, -- 1 for a probe that is never changed.
  fresh INTEGER NOT NULL, -- 1 for text made for one run from its seed.
  kind TEXT, -- Task kind within the family.
  dictionary_id INTEGER REFERENCES dictionaries, -- Dictionary that `definition` was compressed with, if any.
  definition BLOB NOT NULL, -- The whole probe as canonical JSON, a Zstandard frame.
  sha256 BLOB NOT NULL UNIQUE -- SHA-256 over the suite's name and the probe's canonical JSON.
) STRICT;

CREATE TABLE suite_probes ( -- Which probes a suite as used had.
  suite_id INTEGER NOT NULL REFERENCES suites, -- The suite.
  position INTEGER NOT NULL, -- Place of the probe in the suite, from 0.
  probe_id INTEGER NOT NULL REFERENCES probes, -- The probe's row.
  PRIMARY KEY (suite_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoints ( -- Endpoints as used: one row per distinct combination.
  id INTEGER PRIMARY KEY, -- Row number.
  name TEXT NOT NULL, -- Name in the config.
  model TEXT NOT NULL, -- Model as requested.
  protocol TEXT NOT NULL, -- Wire protocol.
  url TEXT, -- Base URL; NULL for a local server that harness starts.
  vantage TEXT NOT NULL, -- From where and as whom it was asked: a name in the config.
  parameters TEXT NOT NULL, -- Sampling settings and further request fields, canonical JSON.
  sha256 BLOB NOT NULL UNIQUE -- SHA-256 over the columns above.
) STRICT;

CREATE TABLE runs ( -- One row per run.
  id INTEGER PRIMARY KEY, -- Number of the run, from 1.
  started_us INTEGER NOT NULL, -- When it started, UTC microseconds since 1970; as in the header.
  finished_us INTEGER, -- When it last ended, UTC microseconds since 1970; NULL while it is running.
  status TEXT NOT NULL, -- `running`, `done`, `interrupted` or `budget`; the newest of its events says the same.
  planned INTEGER NOT NULL, -- Calls in its plan; as in the header.
  completed INTEGER NOT NULL, -- Calls that have their final exchange.
  exchanges INTEGER NOT NULL, -- Exchanges, tries that were repeated included.
  last_hash BLOB NOT NULL, -- Hash of its newest exchange; the run's own hash while it has none.
  header BLOB NOT NULL, -- Everything known before the first call (seed, config, versions, ...), canonical JSON, a Zstandard frame.
  previous_id INTEGER REFERENCES runs, -- The run before; NULL for the first.
  previous_exchanges INTEGER, -- How many exchanges the run before had when this one began.
  previous_last BLOB, -- Hash of the newest of them; the run's own hash if there were none.
  previous_event BLOB, -- Hash of the newest event of the run before at that time; the run's own hash if there was none.
  hash BLOB NOT NULL -- SHA-256 over header, suites, endpoints and the four columns above (docs/database.md).
) STRICT;

CREATE TABLE run_suites ( -- Which suites a run asked.
  run_id INTEGER NOT NULL REFERENCES runs, -- The run.
  position INTEGER NOT NULL, -- Order in the run's hash, from 0.
  suite_id INTEGER NOT NULL REFERENCES suites, -- The suite.
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_endpoints ( -- Which endpoints a run asked.
  run_id INTEGER NOT NULL REFERENCES runs, -- The run.
  position INTEGER NOT NULL, -- Order in the run's hash, from 0.
  endpoint_id INTEGER NOT NULL REFERENCES endpoints, -- The endpoint.
  PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_events ( -- Ends and resumptions of runs; each end seals the exchanges so far.
  run_id INTEGER NOT NULL REFERENCES runs, -- The run.
  number INTEGER NOT NULL, -- Place among the run's events, from 1.
  event TEXT NOT NULL, -- `finished` or `resumed`.
  at_us INTEGER NOT NULL, -- When, UTC microseconds since 1970.
  status TEXT NOT NULL, -- The run's status from then on.
  completed INTEGER NOT NULL, -- Calls that had their final exchange by then.
  exchanges INTEGER NOT NULL, -- Exchanges by then.
  last_hash BLOB NOT NULL, -- Hash of the newest of them; the run's own hash if there were none.
  hash BLOB NOT NULL, -- SHA-256 over the columns above and the hash of the event before (first: the run's own hash).
  PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE chain ( -- One row: where the chain of runs ends, so that a missing last run shows.
  id INTEGER PRIMARY KEY CHECK (id = 1), -- Always 1.
  runs INTEGER NOT NULL, -- How many runs there are.
  last_hash BLOB -- Hash of the newest; NULL before the first.
) STRICT;

CREATE TABLE dictionaries ( -- Compression dictionaries, made from earlier content of the same kind. Never changed or removed.
  id INTEGER PRIMARY KEY, -- Row number.
  content TEXT NOT NULL, -- What it compresses: `request`, `reply`, `reply_headers` or `probe`.
  owner TEXT NOT NULL, -- Name of the endpoint (for probes, of the suite) whose content it was made from.
  type TEXT NOT NULL, -- `raw` (plain earlier content) or `trained` (by Zstandard's trainer).
  data BLOB NOT NULL, -- The dictionary, itself a Zstandard frame without dictionary.
  sha256 BLOB NOT NULL -- SHA-256 of the dictionary.
) STRICT;

CREATE TABLE bodies ( -- Request and reply bodies by content: the same bytes are stored once.
  id INTEGER PRIMARY KEY, -- Row number.
  dictionary_id INTEGER REFERENCES dictionaries, -- Dictionary it was compressed with, if any.
  data BLOB NOT NULL, -- The bytes, a Zstandard frame of its own.
  sha256 BLOB NOT NULL -- SHA-256 of the bytes (of a request: without the digits of its seed).
) STRICT;

CREATE INDEX bodies_by_hash ON bodies (substr(sha256, 1, 6));

CREATE TABLE envelopes ( -- What requests have in common beside the body: one row per distinct combination.
  id INTEGER PRIMARY KEY, -- Row number.
  protocol TEXT NOT NULL, -- Wire protocol.
  streamed INTEGER NOT NULL, -- 1 when a stream was asked for.
  method TEXT NOT NULL, -- HTTP method.
  url TEXT NOT NULL, -- URL without keys or userinfo.
  headers TEXT NOT NULL, -- Request headers that are kept, canonical JSON: a list of [name, value].
  sha256 BLOB NOT NULL UNIQUE -- SHA-256 over the columns above.
) STRICT;

CREATE TABLE exchanges ( -- One row per HTTP request and what came back, or the failure that came instead. Never changed.
  id INTEGER PRIMARY KEY, -- Row number, in order of writing.
  run_id INTEGER NOT NULL REFERENCES runs, -- The run.
  number INTEGER NOT NULL, -- Place in the run's chain, from 1.
  call_id ANY NOT NULL, -- The call's id: the bytes of its hex digits where it is hex of even length, else text.
  call_index INTEGER NOT NULL, -- The call's place in the plan, from 0.
  attempt INTEGER NOT NULL, -- 1 for the first try of the call, counted up by retries.
  final INTEGER NOT NULL, -- 1 for the try that counts; exactly one of a finished call.
  endpoint_id INTEGER NOT NULL REFERENCES endpoints, -- The endpoint.
  probe_id INTEGER NOT NULL REFERENCES probes, -- The probe's row.
  sample INTEGER NOT NULL, -- Which repetition of the probe in this run, from 0.
  seed INTEGER NOT NULL, -- Sampling seed derived for this call alone.
  envelope_id INTEGER NOT NULL REFERENCES envelopes, -- Protocol, method, URL and headers of the request.
  request_body_id INTEGER NOT NULL REFERENCES bodies, -- Body of the request.
  seed_offset INTEGER, -- Byte offset at which the digits of `seed` belong into the stored request body; NULL: it is stored whole.
  status INTEGER, -- HTTP status; NULL when no reply came.
  reply_headers BLOB NOT NULL, -- Reply headers that are kept, canonical JSON (a list of [name, value]), a Zstandard frame.
  reply_headers_dictionary_id INTEGER REFERENCES dictionaries, -- Dictionary they were compressed with, if any.
  reply_body_id INTEGER NOT NULL REFERENCES bodies, -- Body of the reply, content-decoded, otherwise as received.
  failure TEXT, -- Why no complete reply came: one of the closed vocabulary; NULL when one came.
  failure_detail TEXT NOT NULL, -- The same in the words of the transport; empty without a failure.
  sent_us INTEGER NOT NULL, -- When the request was handed to the network, UTC microseconds since 1970.
  total_ms REAL NOT NULL, -- Until the last byte or the failure, milliseconds.
  headers_ms REAL, -- Until the reply's headers, milliseconds.
  first_token_ms REAL, -- Until the first content of a stream, milliseconds; NULL when it is not one.
  gap_median_ms REAL, -- Median wait between content events of a stream, milliseconds.
  gap_max_ms REAL, -- Longest such wait, milliseconds.
  redacted INTEGER NOT NULL, -- 1 when a key echoed by the provider was blanked in the body.
  hash_form INTEGER NOT NULL, -- How `hash` is made: 1 is SHA-256 over `harness.exchange/1` (docs/database.md).
  hash BLOB NOT NULL -- Hash over all of the above, the bytes of both bodies, and the hash before it in the run.
) STRICT;

CREATE UNIQUE INDEX exchanges_in_run ON exchanges (run_id, number);

CREATE INDEX exchanges_by_call ON exchanges (call_id);
"""

_JUDGEMENT = """
CREATE TABLE verdicts ( -- What observations have in common: one row per distinct combination.
  id INTEGER PRIMARY KEY, -- Row number.
  outcome TEXT NOT NULL, -- One of the eight outcomes.
  rule TEXT NOT NULL, -- Name of the rule that decided.
  source TEXT, -- Who refused: `provider` or `model`.
  degree TEXT, -- `full` or `partial` refusal.
  category TEXT, -- The provider's own category of a refusal.
  reason TEXT, -- Why access was denied, or which failure it was.
  rerouted INTEGER NOT NULL, -- 1 when another model than the requested one answered.
  finish_reason TEXT, -- Finish or stop reason exactly as on the wire.
  makers TEXT NOT NULL, -- Names and versions of the code that made the observation.
  sha256 BLOB NOT NULL UNIQUE -- SHA-256 over the columns above.
) STRICT;

CREATE TABLE identities ( -- As whom models answered: one row per distinct combination.
  id INTEGER PRIMARY KEY, -- Row number.
  served_model TEXT, -- Model named in the reply; NULL where it named none.
  fingerprint TEXT, -- System fingerprint in the reply; NULL where it had none.
  sha256 BLOB NOT NULL UNIQUE -- SHA-256 over the columns above.
) STRICT;

CREATE TABLE observations ( -- What a final exchange means. Made from the exchange alone, so it can be made again.
  exchange_id INTEGER PRIMARY KEY REFERENCES exchanges, -- The exchange.
  verdict_id INTEGER NOT NULL REFERENCES verdicts, -- Outcome, rule and makers.
  identity_id INTEGER NOT NULL REFERENCES identities, -- Who answered.
  evidence TEXT NOT NULL, -- The field and value, or the words, that decided.
  notice TEXT, -- A lock or fallback that announced itself, in the provider's words.
  unmapped TEXT, -- A wire value that has no place in our tables yet, `field=value`.
  score REAL, -- 0 to 1 for an answer that could be read; NULL for everything else.
  answer TEXT, -- The answer as the grader read it.
  refusal_score REAL, -- How much the prose reads like a refusal, 0 to 1; NULL when not looked at.
  input_tokens INTEGER, -- Tokens in, as the provider reported them.
  output_tokens INTEGER, -- Tokens out, as the provider reported them.
  cost_usd REAL -- Cost at the endpoint's prices, US dollars.
) STRICT;

CREATE TABLE past_observations ( -- Observations that were replaced by a later grading.
  exchange_id INTEGER NOT NULL REFERENCES exchanges, -- The exchange.
  number INTEGER NOT NULL, -- 1 for the first observation of the exchange, counted up.
  replaced_us INTEGER NOT NULL, -- When it was replaced, UTC microseconds since 1970.
  verdict_id INTEGER NOT NULL REFERENCES verdicts, -- As in observations.
  identity_id INTEGER NOT NULL REFERENCES identities, -- As in observations.
  evidence TEXT NOT NULL, -- As in observations.
  notice TEXT, -- As in observations.
  unmapped TEXT, -- As in observations.
  score REAL, -- As in observations.
  answer TEXT, -- As in observations.
  refusal_score REAL, -- As in observations.
  input_tokens INTEGER, -- As in observations.
  output_tokens INTEGER, -- As in observations.
  cost_usd REAL, -- As in observations, US dollars.
  PRIMARY KEY (exchange_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE tallies ( -- Sums of observations, kept up to date on write: what analysis reads.
  run_id INTEGER NOT NULL REFERENCES runs, -- The run.
  endpoint_id INTEGER NOT NULL REFERENCES endpoints, -- The endpoint.
  probe_id INTEGER NOT NULL REFERENCES probes, -- The probe's row.
  n INTEGER NOT NULL, -- Final exchanges.
  answered INTEGER NOT NULL, -- Of these: an answer was read.
  unparsed INTEGER NOT NULL, -- Of these: content came, no answer could be read in it.
  refused INTEGER NOT NULL, -- Of these: declined.
  refused_provider INTEGER NOT NULL, -- Of the refused: by a structured field or policy error.
  refused_partial INTEGER NOT NULL, -- Of the refused: in part.
  cut INTEGER NOT NULL, -- Of these: stopped by the provider after content had begun.
  empty INTEGER NOT NULL, -- Of these: success status, no content.
  truncated INTEGER NOT NULL, -- Of these: ended by our own token limit.
  denied INTEGER NOT NULL, -- Of these: no access.
  failed INTEGER NOT NULL, -- Of these: nothing learnt. The rest, n - failed, is measured.
  graded INTEGER NOT NULL, -- Of these: have a score.
  score_sum REAL NOT NULL, -- Sum of the scores.
  rerouted INTEGER NOT NULL, -- Of these: another model answered.
  noticed INTEGER NOT NULL, -- Of these: a lock or fallback announced itself.
  unmapped INTEGER NOT NULL, -- Of these: a wire value has no place in our tables yet.
  input_tokens INTEGER NOT NULL, -- Tokens in, summed over those that were reported.
  output_tokens INTEGER NOT NULL, -- Tokens out, summed over those that were reported.
  cost_usd REAL NOT NULL, -- Cost, US dollars, summed over those that are known.
  latency_ms_sum REAL NOT NULL, -- Total milliseconds of the measured exchanges; the mean is over n - failed.
  checksum INTEGER NOT NULL, -- Marks of the observations, present and past, summed modulo 2**61 (docs/database.md).
  PRIMARY KEY (run_id, endpoint_id, probe_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE identity_tallies ( -- How often whom answered, kept up to date on write.
  run_id INTEGER NOT NULL REFERENCES runs, -- The run.
  endpoint_id INTEGER NOT NULL REFERENCES endpoints, -- The endpoint.
  identity_id INTEGER NOT NULL REFERENCES identities, -- Served model and fingerprint.
  n INTEGER NOT NULL, -- Final exchanges.
  PRIMARY KEY (run_id, endpoint_id, identity_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE spend ( -- What runs used, by UTC hour, kept up to date on write: what budgets read.
  hour_us INTEGER NOT NULL, -- Start of the hour in which the requests were sent, UTC microseconds since 1970.
  run_id INTEGER NOT NULL REFERENCES runs, -- The run.
  calls INTEGER NOT NULL, -- Final exchanges.
  input_tokens INTEGER NOT NULL, -- Tokens in, summed over those that were reported.
  output_tokens INTEGER NOT NULL, -- Tokens out, summed over those that were reported.
  cost_usd REAL NOT NULL, -- Cost, US dollars, summed over those that are known.
  PRIMARY KEY (hour_us, run_id)
) STRICT, WITHOUT ROWID;

CREATE VIEW readable_exchanges AS -- Exchanges with their observations in words, for reading by hand.
SELECT x.id, x.run_id, x.number,
  CASE typeof(x.call_id) WHEN 'blob' THEN lower(hex(x.call_id)) ELSE x.call_id END AS call_id,
  x.attempt, x.final, e.name AS endpoint, e.model, p.suite, p.probe_id AS probe, x.sample, x.seed,
  strftime('%Y-%m-%dT%H:%M:%SZ', x.sent_us / 1000000, 'unixepoch') AS sent_at, x.total_ms, x.status, x.failure,
  v.outcome, o.score, o.answer, v.source, v.degree, v.category, v.reason, v.rule, o.evidence, o.notice, v.rerouted,
  i.served_model, i.fingerprint, v.finish_reason, o.input_tokens, o.output_tokens, o.cost_usd, v.makers,
  lower(hex(x.hash)) AS hash
FROM exchanges x JOIN endpoints e ON e.id = x.endpoint_id JOIN probes p ON p.id = x.probe_id
  LEFT JOIN observations o ON o.exchange_id = x.id LEFT JOIN verdicts v ON v.id = o.verdict_id
  LEFT JOIN identities i ON i.id = o.identity_id;

CREATE VIEW readable_tallies AS -- Tallies in words, for reading by hand.
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', r.started_us / 1000000, 'unixepoch') AS started_at, e.name AS endpoint, e.model,
  p.suite, p.probe_id AS probe, p.family, p.topic, p.arm, p.pair, p.language, t.*
FROM tallies t JOIN runs r ON r.id = t.run_id JOIN endpoints e ON e.id = t.endpoint_id JOIN probes p ON p.id = t.probe_id;
"""


def _create(db: Database, statements: str) -> None:
    for statement in statements.split(";\n\n"):
        db.execute(statement)


@MIGRATIONS()
def m001_evidence(db: Database) -> None:
    """Runs and what was sent and received."""
    _create(db, _EVIDENCE)
    cast("Table", db["chain"]).insert({"id": 1, "runs": 0, "last_hash": None})
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


@MIGRATIONS()
def m002_judgement(db: Database) -> None:
    """Observations and the sums of them; calls that are there already count towards budgets."""
    _create(db, _JUDGEMENT)
    db.execute(
        """INSERT INTO spend SELECT sent_us - sent_us % 3600000000 AS hour_us, run_id, count(*), 0, 0, 0.0
           FROM exchanges WHERE final GROUP BY hour_us, run_id"""
    )


@MIGRATIONS()
def m003_findings(db: Database) -> None:
    """The alpha ledger, streams, steps and findings."""
    _create(db, FINDINGS)
    cast("Table", db["finding_chain"]).insert(
        {"id": 1, "periods": 0, "period_hash": None, "updates": 0, "update_hash": None}
    )


@MIGRATIONS()
def m004_origins(db: Database) -> None:
    """Where imported runs come from."""
    _create(db, ORIGINS)


@MIGRATIONS()
def m005_judge(db: Database) -> None:
    """Which judge's exchange graded which answer."""
    _create(db, JUDGEMENTS)


MIGRATIONS()(m006_seals)
