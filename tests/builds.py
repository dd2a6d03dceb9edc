"""Changes stored builds, which the code itself never does: so that a check has something to find."""

from __future__ import annotations

from stratos_tui.store.db import Store

_CHANGEABLE = (
    """
CREATE TEMP TRIGGER change_row INSTEAD OF UPDATE ON dataset_examples BEGIN
  INSERT INTO dataset_texts
    SELECT new.dataset_id, max(place) + 1, new.prompt FROM dataset_texts WHERE dataset_id = new.dataset_id;
  INSERT INTO dataset_texts
    SELECT new.dataset_id, max(place) + 1, new.completion FROM dataset_texts WHERE dataset_id = new.dataset_id;
  UPDATE dataset_rows
    SET article_id = new.article_id, profile_id = new.profile_id, tenths = new.tenths, weight = new.weight, system = -1,
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
