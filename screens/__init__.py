"""The Textual screens, one module a phase, and the widgets that they share."""
