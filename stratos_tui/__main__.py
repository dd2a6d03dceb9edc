"""``python -m stratos_tui``: the same door as the ``stratos`` command."""

from stratos_tui.cli import main

main()
