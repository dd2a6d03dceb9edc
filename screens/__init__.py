"""The Textual screens, one module a phase, and the widgets that they share.

Where to look:

- ``frame.py``: how to write a phase screen, and the frame that every one stands in.
- ``host.py``: what a screen may ask of the app (store, clock, phases, what runs).
- ``render.py``: how scores, provenance, times and money look, and how text from outside is made harmless.
- ``dialogs.py``: a question, a line of input, help.
- ``widgets/virtual_table.py`` and ``widgets/listing_table.py``: the one table, and a store's listing in it.
- ``themes.py``, ``frame.tcss`` and the ``.tcss`` file beside each screen: colours and layout.

Screens hold no SQL, no HTTP, no torch and no scoring rules. They read through ``stratos_tui.store`` in worker threads,
act through the packages of the phases, and start long work as jobs that outlive them.
"""
