"""Makes builds of rows as tests write them, and changes stored ones, which the code itself never does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Any

from stratos_tui.dataset.parts import pair_digest, row_line, split_prompt, text_digest
from stratos_tui.store import datasets
from stratos_tui.store.datasets import PAGE, DatasetRow, LaidRow, Part
from stratos_tui.store.db import Store

_NO_SYSTEM = 0

_CHANGEABLE = (
    """
CREATE TEMP TRIGGER change_row INSTEAD OF UPDATE ON dataset_examples BEGIN
  INSERT INTO dataset_texts
    SELECT new.dataset_id, max(place) + 1, '' FROM dataset_texts WHERE dataset_id = new.dataset_id;
  INSERT INTO dataset_texts
    SELECT new.dataset_id, max(place) + 1, new.prompt FROM dataset_texts WHERE dataset_id = new.dataset_id;
  INSERT INTO dataset_texts
    SELECT new.dataset_id, max(place) + 1, new.completion FROM dataset_texts WHERE dataset_id = new.dataset_id;
  UPDATE dataset_rows
    SET article_id = new.article_id, profile_id = new.profile_id, tenths = new.tenths, weight = new.weight,
      system = (SELECT max(place) - 2 FROM dataset_texts WHERE dataset_id = new.dataset_id),
      turn = (SELECT max(place) - 1 FROM dataset_texts WHERE dataset_id = new.dataset_id),
      completion = (SELECT max(place) FROM dataset_texts WHERE dataset_id = new.dataset_id)
    WHERE dataset_id = old.dataset_id AND split = old.split AND position = old.position;
END
""",
    """
CREATE TEMP TRIGGER delete_row INSTEAD OF DELETE ON dataset_examples BEGIN
  DELETE FROM dataset_rows WHERE dataset_id = old.dataset_id AND split = old.split AND position = old.position;
END
""",
)


def change(store: Store, sql: str, *values: object) -> None:
    """Make a build other than it was built, by a statement over the view ``dataset_examples`` or any table."""
    with store.write() as connection:
        for trigger in _CHANGEABLE:
            connection.execute(trigger)
        before = connection.total_changes
        connection.execute(sql, values)
        assert connection.total_changes > before
        for name in ("change_row", "delete_row"):
            connection.execute(f"DROP TRIGGER {name}")


def add(store: Store, rows: Iterable[DatasetRow], **about: Any) -> int:
    """Store a build of whole rows, some at a time as they come, and return its id."""
    return datasets.add(store, _parts_of(rows), **about)


def content_digest(rows: Iterable[DatasetRow]) -> str:
    """Return the digest over everything that is trained on or evaluated, and nothing else: SHA-256 over the rows."""
    digest = hashlib.sha256()
    for each in rows:
        system, turn = split_prompt(each.prompt)
        pair = pair_digest(text_digest(turn), each.completion.encode())
        digest.update(
            row_line(
                *(each.split, each.position, each.article_id, each.profile_id, each.repeat, each.wording),
                *(each.tenths, each.weight, text_digest(system), pair),
            )
        )
    return digest.hexdigest()


def _parts_of(rows: Iterable[DatasetRow]) -> Iterator[Part]:
    coming, place = iter(rows), count(_NO_SYSTEM + 1, 2)
    shared = [(_NO_SYSTEM, "")]
    while chunk := list(islice(coming, PAGE)):
        texts, shared = shared, []
        laid: list[LaidRow] = []
        for row in chunk:
            at = next(place)
            texts += (at, row.prompt), (at + 1, row.completion)
            ids = row.split, row.position, row.article_id, row.profile_id, row.request_id
            laid.append((*ids, row.repeat, row.wording, row.tenths, row.weight, _NO_SYSTEM, at, at + 1))
        yield Part(texts, laid)
