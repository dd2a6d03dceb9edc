"""The app's own two themes: dark, and light. Bands have their own colours (``screens/render.py``)."""

from __future__ import annotations

from textual.theme import Theme

THEMES: tuple[Theme, ...] = (
    Theme(
        name="stratos-dark",
        primary="#5f87af",
        secondary="#7f9f7f",
        accent="#d7af5f",
        foreground="#d4d7dd",
        background="#11141a",
        surface="#171b22",
        panel="#1e232c",
        success="#2f9e5b",
        warning="#d9822b",
        error="#d65d5d",
        dark=True,
        variables={
            "cursor-here": "#28394b",
            "cursor-away": "#20252d",
            "quiet": "#858d98",
            "edge": "#39404b",
            "scrollbar": "#3a4350",
            "scrollbar-background": "#151920",
        },
    ),
    Theme(
        name="stratos-light",
        primary="#3a6ea5",
        secondary="#5b7f5b",
        accent="#9a6a00",
        foreground="#22262d",
        background="#fbfbf9",
        surface="#f1f1ee",
        panel="#e6e6e1",
        success="#23804a",
        warning="#b3611a",
        error="#b03a3a",
        dark=False,
        variables={
            "cursor-here": "#cfe0f1",
            "cursor-away": "#e4e4df",
            "quiet": "#6b727c",
            "edge": "#c6c9c8",
            "scrollbar": "#b9bcc1",
            "scrollbar-background": "#efefec",
        },
    ),
)

OWN_VARIABLES = ("cursor-here", "cursor-away", "quiet", "edge")
"""Variables of ours that other themes do not have."""


def defaults(dark: bool) -> dict[str, str]:
    """Return our own variables for a theme that does not set them."""
    theme = THEMES[0] if dark else THEMES[1]
    return {name: theme.variables[name] for name in OWN_VARIABLES}
