"""What is being typed of one score: digits, a point, or a band's letter, and when it is complete."""

from __future__ import annotations

from dataclasses import dataclass

from stratos_tui.prism.bands import points


@dataclass(frozen=True, slots=True)
class ScoreEntry:
    """A score on its way for the profile number ``slot`` of the sheet, from 0."""

    slot: int
    typed: str = ""

    def digit(self, digit: str) -> ScoreEntry:
        """Return the entry with one more digit; a digit that cannot follow is left out."""
        longer = f"{self.typed}{digit}"
        return self if len(longer) > 2 and "." not in self.typed else ScoreEntry(self.slot, longer)

    def point(self) -> ScoreEntry:
        """Return the entry with a decimal point; a second one is left out."""
        return self if "." in self.typed else ScoreEntry(self.slot, f"{self.typed or '0'}.")

    def shorter(self) -> ScoreEntry | None:
        """Return the entry without its last character, None where there is nothing left to take away."""
        return ScoreEntry(self.slot, self.typed[:-1]) if self.typed else None

    @property
    def score(self) -> str:
        """The score as it would be taken now: ``9`` is 9.0, ``95`` is 9.5, ``10`` is 10.0; empty without a digit."""
        if len(self.typed) == 2 and self.typed.isdigit() and self.typed != "10":
            return points(int(self.typed))
        return self.typed.removesuffix(".")

    @property
    def complete(self) -> bool:
        """Whether nothing can follow, so that it is taken without enter."""
        _, point, decimal = self.typed.partition(".")
        return bool(decimal) if point else len(self.typed) == 2 and self.typed != "10"
