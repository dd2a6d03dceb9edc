"""Keeps odd terminal input from ending the app."""

from __future__ import annotations

import os
from encodings.utf_8 import IncrementalDecoder
from typing import TYPE_CHECKING

from textual.driver import Driver

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

HUNG_UP = 129
"""The exit code of a process whose terminal went away: 128 and the number of SIGHUP."""


class _Decoder(IncrementalDecoder):
    """Decodes what a terminal sends, whatever it is; ends the process when the terminal is gone."""

    def __init__(self) -> None:
        super().__init__("replace")

    def decode(self, data: ReadableBuffer, final: bool = False) -> str:
        if not data and not final:
            # nothing can be shown or restored any more, and everything is in the store; Textual would read on for ever
            os._exit(HUNG_UP)
        return super().decode(data, final)


def tolerant(driver: type[Driver]) -> type[Driver]:
    """Return the Linux driver made to read bytes that are not UTF-8; any other driver as it is.

    An X10 mouse report past column 95 (a terminal multiplexer sends one after a reattach) holds bytes above 0x7F.
    Textual 8.2.8 decodes its input strictly, so one such click ends the app, with exit code 0.
    """
    if driver.__module__ != "textual.drivers.linux_driver":
        return driver
    from textual.drivers import linux_driver

    vars(linux_driver)["getincrementaldecoder"] = lambda _encoding: _Decoder
    return driver
