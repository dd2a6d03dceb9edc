"""The schema, as numbered migrations; applied names are recorded in the file by sqlite-utils.

Append a function to change the schema; never edit one that has landed. ``PRAGMA user_version`` repeats how many have
been applied, so that opening a current file costs one read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

MIGRATION_SET = "stratos"
APPLICATION_ID = 0x53545253
"""``STRS``, in the header of every stratos file."""

_M001 = """
CREATE TABLE profiles (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('career', 'interest')),
  role TEXT NOT NULL,
  location TEXT NOT NULL,
  seniority TEXT NOT NULL CHECK (seniority IN ('student', 'graduate', 'experienced', 'senior', 'none')),
  context TEXT NOT NULL,
  companies TEXT NOT NULL,
  institutions TEXT NOT NULL,
  interests TEXT NOT NULL,
  industries TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('shipped', 'imported', 'operator')),
  digest TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

-- every state a profile has been in, so that an edit can be undone and a digest be read back
CREATE TABLE profile_revisions (
  id INTEGER PRIMARY KEY,
  profile_id TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  digest TEXT NOT NULL,
  body TEXT NOT NULL,
  origin TEXT NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1)),
  at TEXT NOT NULL
) STRICT;
CREATE INDEX profile_revisions_by_profile ON profile_revisions (profile_id, id);

CREATE TABLE articles (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  content_key TEXT NOT NULL UNIQUE,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  source TEXT NOT NULL,
  source_type TEXT NOT NULL CHECK (source_type IN ('official', 'news', 'blog', 'unknown')),
  url TEXT NOT NULL,
  category TEXT NOT NULL,
  published TEXT,
  fetched TEXT,
  deadline TEXT,
  collection TEXT NOT NULL CHECK (collection IN ('polarizing', 'imported')),
  origin TEXT NOT NULL,
  near_duplicate_of TEXT,
  split TEXT CHECK (split IN ('train', 'eval')),
  split_rule TEXT,
  added_at TEXT NOT NULL
) STRICT;
CREATE INDEX articles_by_title ON articles (title COLLATE NOCASE, seq);
CREATE INDEX articles_by_split ON articles (split, seq);

-- scores by anything but this store's own teacher requests; the kinds never mix unseen (decisions.md, 16)
CREATE TABLE labels (
  article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
  profile_id TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  origin TEXT NOT NULL CHECK (origin IN ('expected', 'operator', 'imported')),
  tenths INTEGER NOT NULL CHECK (tenths BETWEEN 0 AND 100),
  reason TEXT NOT NULL,
  trace TEXT NOT NULL,
  grammar TEXT NOT NULL CHECK (grammar IN ('prism', 'old', 'none')),
  provenance TEXT NOT NULL,
  at TEXT NOT NULL,
  PRIMARY KEY (article_id, profile_id, origin)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_by_profile ON labels (profile_id, origin);

-- the operator's labelling as steps, each undone as a whole: one key press may label several pairs
CREATE TABLE label_history (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  article_id TEXT NOT NULL,
  profile_id TEXT NOT NULL,
  before INTEGER,
  after INTEGER,
  at TEXT NOT NULL,
  undone INTEGER NOT NULL DEFAULT 0 CHECK (undone IN (0, 1))
) STRICT;
CREATE INDEX label_history_by_step ON label_history (undone, step);

CREATE TABLE jobs (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  params TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'canceled')),
  done INTEGER NOT NULL DEFAULT 0,
  total INTEGER NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '',
  pid INTEGER,
  heartbeat TEXT,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL,
  started_at TEXT,
  ended_at TEXT
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, id);

CREATE TABLE batches (
  id INTEGER PRIMARY KEY,
  teacher TEXT NOT NULL,
  model TEXT NOT NULL,
  simulated INTEGER NOT NULL CHECK (simulated IN (0, 1)),
  run_token TEXT NOT NULL UNIQUE,
  remote_id TEXT UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('intended', 'submitted', 'ended', 'ingested', 'failed')),
  request_count INTEGER NOT NULL,
  succeeded INTEGER NOT NULL DEFAULT 0,
  errored INTEGER NOT NULL DEFAULT 0,
  expired INTEGER NOT NULL DEFAULT 0,
  canceled INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  intended_at TEXT NOT NULL,
  submitted_at TEXT,
  ended_at TEXT,
  ingested_at TEXT,
  code_version TEXT NOT NULL
) STRICT;
CREATE INDEX batches_by_state ON batches (state, id);

-- one question to a teacher: a pair, on a day, by a prompt. A pair is asked again as a further attempt
CREATE TABLE requests (
  id INTEGER PRIMARY KEY,
  article_id TEXT NOT NULL REFERENCES articles (id),
  profile_id TEXT NOT NULL REFERENCES profiles (id),
  teacher TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  custom_id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN
    ('planned', 'submitted', 'answered', 'accepted', 'rejected', 'errored', 'expired', 'canceled', 'discarded')),
  batch_id INTEGER REFERENCES batches (id),
  reference_date TEXT NOT NULL,
  profile_digest TEXT NOT NULL,
  prompt_fingerprint TEXT NOT NULL,
  settings TEXT NOT NULL,
  planned_at TEXT NOT NULL,
  code_version TEXT NOT NULL,
  UNIQUE (article_id, profile_id, teacher, attempt)
) STRICT;
CREATE INDEX requests_by_state ON requests (teacher, state, id);
CREATE INDEX requests_by_batch ON requests (batch_id, id);

-- what came back, kept raw before it is judged, so that judging can be redone without paying again
CREATE TABLE answers (
  request_id INTEGER PRIMARY KEY REFERENCES requests (id),
  result_type TEXT NOT NULL,
  stop_reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  model TEXT NOT NULL,
  raw TEXT NOT NULL,
  text TEXT NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_cache_write INTEGER NOT NULL,
  tokens_cache_read INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  received_at TEXT NOT NULL
) STRICT;

-- one verdict on one answer; accepted ones are the examples
CREATE TABLE judgements (
  request_id INTEGER PRIMARY KEY REFERENCES requests (id),
  accepted INTEGER NOT NULL CHECK (accepted IN (0, 1)),
  code TEXT NOT NULL,
  measured TEXT NOT NULL,
  limits TEXT NOT NULL,
  span_start INTEGER NOT NULL,
  span_end INTEGER NOT NULL,
  tenths INTEGER CHECK (tenths BETWEEN 0 AND 100),
  reason TEXT NOT NULL,
  trace TEXT NOT NULL,
  tier INTEGER,
  words INTEGER NOT NULL,
  rules TEXT NOT NULL,
  decided_by TEXT NOT NULL CHECK (decided_by IN ('rules', 'operator')),
  judged_at TEXT NOT NULL,
  code_version TEXT NOT NULL
) STRICT;
CREATE INDEX judgements_by_code ON judgements (accepted, code, request_id);

-- money in integer nanodollars; a simulated row was never paid by anybody
CREATE TABLE ledger (
  id INTEGER PRIMARY KEY,
  batch_id INTEGER REFERENCES batches (id),
  request_id INTEGER REFERENCES requests (id),
  kind TEXT NOT NULL CHECK (kind IN ('reserve', 'release', 'settle')),
  nanodollars INTEGER NOT NULL,
  simulated INTEGER NOT NULL CHECK (simulated IN (0, 1)),
  priced_as TEXT NOT NULL,
  price_date TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX ledger_settles_once ON ledger (request_id) WHERE kind = 'settle';
CREATE INDEX ledger_by_batch ON ledger (batch_id, kind);

-- what an operator has read and agreed to before anything was paid (decisions.md, 14)
CREATE TABLE acknowledgements (
  subject TEXT PRIMARY KEY,
  wording TEXT NOT NULL,
  at TEXT NOT NULL,
  code_version TEXT NOT NULL
) STRICT;

CREATE TABLE datasets (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  order_digest TEXT NOT NULL,
  teacher TEXT NOT NULL,
  params TEXT NOT NULL,
  summary TEXT NOT NULL,
  prompt_fingerprint TEXT NOT NULL,
  created_at TEXT NOT NULL,
  code_version TEXT NOT NULL
) STRICT;

-- the immutable text of a build; position is the curriculum's order in train and stable in eval
CREATE TABLE dataset_examples (
  dataset_id INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
  split TEXT NOT NULL CHECK (split IN ('train', 'eval')),
  position INTEGER NOT NULL,
  article_id TEXT NOT NULL,
  profile_id TEXT NOT NULL,
  request_id INTEGER NOT NULL,
  repeat INTEGER NOT NULL,
  wording INTEGER NOT NULL,
  tenths INTEGER NOT NULL CHECK (tenths BETWEEN 0 AND 100),
  prompt TEXT NOT NULL,
  completion TEXT NOT NULL,
  PRIMARY KEY (dataset_id, split, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES datasets (id),
  base TEXT NOT NULL,
  params TEXT NOT NULL,
  fingerprint TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'stopped')),
  step INTEGER NOT NULL DEFAULT 0,
  total_steps INTEGER NOT NULL DEFAULT 0,
  order_digest TEXT NOT NULL DEFAULT '',
  metrics TEXT NOT NULL DEFAULT '{}',
  folder TEXT NOT NULL DEFAULT '',
  pid INTEGER,
  heartbeat TEXT,
  stop_requested INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL,
  started_at TEXT,
  ended_at TEXT,
  code_version TEXT NOT NULL
) STRICT;

CREATE TABLE telemetry (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  split TEXT NOT NULL CHECK (split IN ('train', 'eval')),
  loss REAL,
  learning_rate REAL,
  grad_norm REAL,
  token_accuracy REAL,
  tokens REAL,
  epoch REAL,
  at TEXT NOT NULL,
  PRIMARY KEY (run_id, step, split)
) STRICT, WITHOUT ROWID;

CREATE TABLE scores (
  id INTEGER PRIMARY KEY,
  article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
  profile_id TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  scorer TEXT NOT NULL,
  identity TEXT NOT NULL,
  profile_digest TEXT NOT NULL,
  reference_date TEXT NOT NULL,
  prompt_fingerprint TEXT NOT NULL,
  settings TEXT NOT NULL,
  tenths INTEGER CHECK (tenths BETWEEN 0 AND 100),
  reason TEXT NOT NULL,
  trace TEXT NOT NULL,
  raw TEXT NOT NULL,
  error TEXT NOT NULL,
  latency_ms REAL NOT NULL,
  tokens_in INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  scored_at TEXT NOT NULL,
  code_version TEXT NOT NULL,
  UNIQUE (article_id, profile_id, identity, profile_digest, reference_date)
) STRICT;
CREATE INDEX scores_by_scorer ON scores (scorer, id);

CREATE TABLE evaluations (
  id INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  scorer TEXT NOT NULL,
  dataset_id INTEGER REFERENCES datasets (id),
  run_id INTEGER REFERENCES runs (id),
  verdict TEXT NOT NULL,
  result TEXT NOT NULL,
  created_at TEXT NOT NULL,
  code_version TEXT NOT NULL
) STRICT;

CREATE TABLE evaluation_pairs (
  evaluation_id INTEGER NOT NULL REFERENCES evaluations (id) ON DELETE CASCADE,
  article_id TEXT NOT NULL,
  profile_id TEXT NOT NULL,
  teacher_tenths INTEGER NOT NULL,
  tenths INTEGER,
  PRIMARY KEY (evaluation_id, article_id, profile_id)
) STRICT, WITHOUT ROWID;
"""


def m001_phases(db: Database) -> None:
    """Every phase from profiles to evaluations."""
    for statement in _statements(_M001):
        db.execute(statement)


_M002 = """
-- a noise request asks an accepted pair again to see how far the teacher agrees with itself; it is never an example
ALTER TABLE requests ADD COLUMN purpose TEXT NOT NULL DEFAULT 'example' CHECK (purpose IN ('example', 'noise'));
-- what the teacher is told was wrong with the attempt before
ALTER TABLE requests ADD COLUMN repair TEXT NOT NULL DEFAULT '';
-- thinking that the server counted; it is part of tokens_out
ALTER TABLE answers ADD COLUMN tokens_thinking INTEGER NOT NULL DEFAULT 0;
-- an operator's text in place of the answer's, which stays as it came
ALTER TABLE judgements ADD COLUMN edited TEXT;
ALTER TABLE judgements ADD COLUMN editor TEXT NOT NULL DEFAULT '';
ALTER TABLE batches ADD COLUMN purpose TEXT NOT NULL DEFAULT 'example'
  CHECK (purpose IN ('example', 'pilot', 'noise', 'candidates'));
ALTER TABLE batches ADD COLUMN way TEXT NOT NULL DEFAULT 'batches' CHECK (way IN ('batches', 'live'));
-- one call of distil: what its own cap counts
ALTER TABLE batches ADD COLUMN sitting TEXT NOT NULL DEFAULT '';
ALTER TABLE batches ADD COLUMN expires_at TEXT;
ALTER TABLE batches ADD COLUMN polled_at TEXT;
CREATE INDEX batches_by_sitting ON batches (sitting);

-- what an operator has set for this workspace; a value is JSON
CREATE TABLE settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  at TEXT NOT NULL
) STRICT;

-- what happened while a teacher was asked, as it happened
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  at TEXT NOT NULL,
  teacher TEXT NOT NULL,
  batch_id INTEGER REFERENCES batches (id),
  what TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

-- articles that a teacher wrote on request: they wait for an operator, and never go into the data by themselves
CREATE TABLE candidates (
  id INTEGER PRIMARY KEY,
  teacher TEXT NOT NULL,
  profile_ids TEXT NOT NULL,
  band TEXT NOT NULL CHECK (band IN ('noise', 'low', 'moderate', 'high', 'critical')),
  custom_id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('planned', 'submitted', 'waiting', 'accepted', 'discarded', 'errored')),
  batch_id INTEGER REFERENCES batches (id),
  prompt_fingerprint TEXT NOT NULL,
  settings TEXT NOT NULL,
  model TEXT NOT NULL DEFAULT '',
  raw TEXT NOT NULL DEFAULT '',
  fault TEXT NOT NULL DEFAULT '',
  title TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL DEFAULT '',
  source TEXT NOT NULL DEFAULT '',
  source_type TEXT NOT NULL DEFAULT 'unknown' CHECK (source_type IN ('official', 'news', 'blog', 'unknown')),
  deadline TEXT,
  category TEXT NOT NULL DEFAULT '',
  tokens_in INTEGER NOT NULL DEFAULT 0,
  tokens_out INTEGER NOT NULL DEFAULT 0,
  article_id TEXT REFERENCES articles (id),
  planned_at TEXT NOT NULL,
  received_at TEXT,
  decided_at TEXT,
  code_version TEXT NOT NULL
) STRICT;
CREATE INDEX candidates_by_state ON candidates (state, id);
"""


def m002_distillation(db: Database) -> None:
    """What distilling needs beyond asking and judging: repair, edits, noise floor, settings, events, candidates."""
    for statement in _statements(_M002):
        db.execute(statement)


def m003_ledger_by_request(db: Database) -> None:
    """Find a request's money at once: without it, forgetting a planned request reads the whole ledger."""
    db.execute("CREATE INDEX ledger_by_request ON ledger (request_id)")


_M004 = """
-- per-sample weights are one way to rebalance; a row without one weighs 1
ALTER TABLE dataset_examples ADD COLUMN weight REAL NOT NULL DEFAULT 1.0;

-- token lengths of a build's rows under one tokenizer: counted once, read by every check and picture after
CREATE TABLE dataset_lengths (
  dataset_id INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
  tokenizer TEXT NOT NULL,
  split TEXT NOT NULL CHECK (split IN ('train', 'eval')),
  position INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  PRIMARY KEY (dataset_id, tokenizer, split, position)
) STRICT, WITHOUT ROWID;

-- contrast pairs scored by generation while a run trains: what the loss does not show
CREATE TABLE probes (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  pairs INTEGER NOT NULL,
  parsed INTEGER NOT NULL,
  gap REAL,
  psr REAL,
  mae REAL,
  detail TEXT NOT NULL,
  at TEXT NOT NULL,
  PRIMARY KEY (run_id, step)
) STRICT, WITHOUT ROWID;

-- a run's weights on their way to being served: merged, converted, created, tested; one is current for each name
CREATE TABLE models (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs (id),
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('merged', 'converted', 'created', 'usable', 'refused', 'retired')),
  files TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  modelfile TEXT NOT NULL,
  parity TEXT NOT NULL,
  smoke TEXT NOT NULL,
  tools TEXT NOT NULL,
  error TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  code_version TEXT NOT NULL
) STRICT;
CREATE INDEX models_by_name ON models (name, id);
"""


def m004_training(db: Database) -> None:
    """Weighted rows, token lengths, probes during training, and models on their way to being served."""
    for statement in _statements(_M004):
        db.execute(statement)


_M005 = """
-- a build's texts, each once: many rows share a system turn, some an article's turn, repeats a completion
CREATE TABLE dataset_texts (
  dataset_id INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
  place INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (dataset_id, place)
) STRICT;

-- system, turn and completion are places
CREATE TABLE dataset_rows (
  dataset_id INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
  split TEXT NOT NULL CHECK (split IN ('train', 'eval')),
  position INTEGER NOT NULL,
  article_id TEXT NOT NULL,
  profile_id TEXT NOT NULL,
  request_id INTEGER NOT NULL,
  repeat INTEGER NOT NULL,
  wording INTEGER NOT NULL,
  tenths INTEGER NOT NULL CHECK (tenths BETWEEN 0 AND 100),
  weight REAL NOT NULL,
  system INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  completion INTEGER NOT NULL,
  PRIMARY KEY (dataset_id, split, position)
) STRICT, WITHOUT ROWID;

-- cut as bytes: instr and substr stop at a NUL in a text
CREATE TEMP TABLE apart AS SELECT dataset_id, split, position, article_id, profile_id, request_id, repeat, wording,
  tenths, weight, completion, CAST(prompt AS BLOB) AS prompt,
  instr(CAST(prompt AS BLOB), CAST('<|im_start|>user' || char(10) AS BLOB)) AS user FROM dataset_examples;
UPDATE apart SET user = 1 WHERE user = 0;
ALTER TABLE apart ADD COLUMN system TEXT;
ALTER TABLE apart ADD COLUMN turn TEXT;
UPDATE apart SET system = CAST(substr(prompt, 1, user - 1) AS TEXT), turn = CAST(substr(prompt, user) AS TEXT);
INSERT INTO dataset_texts SELECT dataset_id, row_number() OVER (PARTITION BY dataset_id ORDER BY text) - 1, text FROM (
  SELECT dataset_id, system AS text FROM apart UNION SELECT dataset_id, turn FROM apart
  UNION SELECT dataset_id, completion FROM apart
);
CREATE INDEX dataset_texts_by_text ON dataset_texts (dataset_id, text);
INSERT INTO dataset_rows SELECT a.dataset_id, a.split, a.position, a.article_id, a.profile_id, a.request_id, a.repeat,
  a.wording, a.tenths, a.weight, s.place, t.place, c.place FROM apart a
  JOIN dataset_texts s ON s.dataset_id = a.dataset_id AND s.text = a.system
  JOIN dataset_texts t ON t.dataset_id = a.dataset_id AND t.text = a.turn
  JOIN dataset_texts c ON c.dataset_id = a.dataset_id AND c.text = a.completion;
DROP INDEX dataset_texts_by_text;
DROP TABLE apart;
DROP TABLE dataset_examples;

-- the rows with their text, as they are trained on
CREATE VIEW dataset_examples AS
  SELECT r.dataset_id, r.split, r.position, r.article_id, r.profile_id, r.request_id, r.repeat, r.wording, r.tenths,
    s.text || t.text AS prompt, c.text AS completion, r.weight
  FROM dataset_rows r
  LEFT JOIN dataset_texts s ON s.dataset_id = r.dataset_id AND s.place = r.system
  LEFT JOIN dataset_texts t ON t.dataset_id = r.dataset_id AND t.place = r.turn
  LEFT JOIN dataset_texts c ON c.dataset_id = r.dataset_id AND c.place = r.completion;
"""


def m005_texts_once(db: Database) -> None:
    """A build's texts once each instead of in every row: a seventh of the space in ``benchmarks/dataset_build.py``."""
    for statement in _statements(_M005):
        db.execute(statement)


_M006 = """
-- bytes: what the process holds, and where it computes on a GPU the most that it had there and what there is
ALTER TABLE telemetry ADD COLUMN memory INTEGER;
ALTER TABLE telemetry ADD COLUMN device_memory INTEGER;
ALTER TABLE telemetry ADD COLUMN device_total INTEGER;

-- accelerate's configuration, a path: resuming a run of several processes needs it
ALTER TABLE runs ADD COLUMN accelerate TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN processes INTEGER NOT NULL DEFAULT 1;
-- settings that keep the loss and were replaced on the way, a JSON list
ALTER TABLE runs ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';
"""


def m006_device(db: Database) -> None:
    """Memory step by step, and what a run is launched with."""
    for statement in _statements(_M006):
        db.execute(statement)


MIGRATIONS: list[Callable[[Database], None]] = [
    m001_phases,
    m002_distillation,
    m003_ledger_by_request,
    m004_training,
    m005_texts_once,
    m006_device,
]


def _statements(script: str) -> list[str]:
    # sqlite3's executescript commits first, which would take the migration out of its transaction
    lines = (line for line in script.splitlines() if not line.lstrip().startswith("--"))
    return [statement.strip() for statement in "\n".join(lines).split(";\n") if statement.strip()]
