"""Scores what the comparison shows: what is known at once, the rest live; a new choice drops the one under way."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import aclosing
from typing import Protocol

from textual.screen import Screen

from screens.host import host
from stratos_tui.records import Scored
from stratos_tui.scoring.live import LiveScorer
from stratos_tui.scoring.protocol import Failed, Finished, Loading, Piece
from stratos_tui.scoring.scorer_adaptive import Task
from stratos_tui.scoring.scorers import RUBRIC
from stratos_tui.store.scores import ScoreKey

PAUSE_SECONDS = 0.2
"""How long a choice must stand before a model is asked: leafing through articles asks for none of those passed by."""
TOGETHER = 10
"""Pairs that a model is asked for in one request."""
KEPT = 2_000
"""Answers kept in memory, so that going back to a pair shows it at once."""


class Viewer(Protocol):
    """Who shows the answers. Everything is called on the interface's thread."""

    def waiting(self, profile_ids: list[str], why: str) -> None:
        """Say what these profiles' answers wait for."""

    def wrote(self, profile_id: str, piece: str) -> None:
        """Append a piece of a raw answer."""

    def answered(self, scored: Scored) -> None:
        """Show a whole answer."""

    def rubric_answered(self, scored: Scored) -> None:
        """Show what the rubric says where another scorer is asked."""

    def unanswered(self, profile_ids: list[str], message: str) -> None:
        """Show that no answer comes, and why."""


class LiveScores:
    """Answers for one screen. Make it once the screen is mounted, close it with the screen."""

    def __init__(self, screen: Screen[None], viewer: Viewer) -> None:
        self._screen = screen
        self._viewer = viewer
        self._live = LiveScorer(host(screen).store)
        self._known: OrderedDict[tuple[str, ScoreKey], Scored] = OrderedDict()

    def ask(self, scorer: str, tasks: Sequence[Task], *, again: bool = False) -> None:
        """Show the answers for these pairs of one article; what another request was still waiting for is dropped.

        ``again`` asks also for what is known.
        """
        if again:
            for task in tasks:
                self._known.pop((scorer, task.key), None)
        open_tasks = []
        for task in tasks:
            known = self._known.get((scorer, task.key))
            if known is None:
                open_tasks.append(task)
            else:
                self._viewer.answered(known)
        self._screen.run_worker(self._run(scorer, open_tasks), exclusive=True, group="score")
        if scorer != RUBRIC:
            self._screen.run_worker(self._beside(list(tasks)), exclusive=True, group="rubric")

    async def close(self) -> None:
        """Drop what is under way and end the scoring process, if one was started."""
        # before the process ends: a request that ends with it would report a failure to a screen that is gone
        self._screen.workers.cancel_node(self._screen)
        await self._live.close()

    async def _run(self, scorer: str, tasks: list[Task]) -> None:
        together = max(len(tasks), 1) if scorer == RUBRIC else TOGETHER
        if tasks and scorer != RUBRIC:
            await asyncio.sleep(PAUSE_SECONDS)
        for first in range(0, len(tasks), together):
            if not await self._request(scorer, tasks[first : first + together]):
                return

    async def _beside(self, tasks: list[Task]) -> None:
        async with aclosing(self._live.request(RUBRIC, tasks)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    self._viewer.rubric_answered(event.scored)

    async def _request(self, scorer: str, batch: list[Task]) -> bool:
        ids = [task.profile.id for task in batch]
        viewer = self._viewer
        viewer.waiting(ids, "asking")
        try:
            return await self._follow(scorer, batch, ids)
        except OSError as error:
            viewer.unanswered(ids, f"the scoring process could not be started ({error.strerror})")
            return False

    async def _follow(self, scorer: str, batch: list[Task], ids: list[str]) -> bool:
        viewer = self._viewer
        async with aclosing(self._live.request(scorer, batch)) as events:
            async for event in events:
                match event:
                    case Loading():
                        viewer.waiting(ids, "loading the model")
                    case Piece(pair, text):
                        viewer.wrote(ids[pair], text)
                    case Finished(pair, scored):
                        self._keep(scorer, batch[pair], scored)
                        viewer.answered(scored)
                    case Failed(message):
                        viewer.unanswered(ids, message)
                        return False
        return True

    def _keep(self, scorer: str, task: Task, scored: Scored) -> None:
        self._known[scorer, task.key] = scored
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
