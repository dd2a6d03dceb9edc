"""Runs reads and writes of one screen in threads, one after another, so that none overtakes the one before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from stratos_tui.errors import StratosError

if TYPE_CHECKING:
    from screens.frame import PhaseScreen

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Errand:
    work: Callable[[], Any]
    then: Callable[[Any], object] | None
    lost: Callable[[], object] | None
    kind: str


class InOrder:
    """A queue of errands for one screen. Use it on the interface's thread only.

    A key that writes and the read that shows what it wrote must not change places, and while a key repeats only the
    newest read is worth doing.
    """

    def __init__(self, screen: PhaseScreen[Any]) -> None:
        self._screen = screen
        self._waiting: deque[_Errand] = deque()
        self._busy = False

    def do(
        self,
        work: Callable[[], Result],
        then: Callable[[Result], object] | None = None,
        *,
        lost: Callable[[], object] | None = None,
        kind: str = "",
    ) -> None:
        """Run ``work`` in a thread after what was asked before, then ``then(result)`` on the interface's thread.

        An errand with a ``kind`` replaces a waiting one of the same kind. An error becomes the screen's error line, and
        ``lost`` is called instead of ``then``.
        """
        if kind:
            self._waiting = deque(each for each in self._waiting if each.kind != kind)
        self._waiting.append(_Errand(work, then, lost, kind))
        self._go_on()

    def _go_on(self) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        errand = self._waiting.popleft()
        # by way of the screen's own queue: an error in what is shown must not vanish with the thread
        self._screen.background(
            lambda: _attempt(errand.work), lambda ended: self._screen.call_later(self._ended, errand, *ended)
        )

    def _ended(self, errand: _Errand, result: Any, error: str) -> None:
        self._busy = False
        try:
            if error:
                self._screen.fail(error)
                if errand.lost is not None:
                    errand.lost()
            elif errand.then is not None:
                errand.then(result)
        finally:
            self._go_on()


def _attempt(work: Callable[[], Any]) -> tuple[Any, str]:
    try:
        return work(), ""
    except StratosError as error:
        return None, str(error)
    except Exception as error:
        return None, f"{type(error).__name__}: {error}; nothing stored was lost"
