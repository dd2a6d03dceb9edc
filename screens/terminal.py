"""Keeps odd terminal input from ending the app."""

from __future__ import annotations

from codecs import getincrementaldecoder
from functools import partial

from textual.driver import Driver


def tolerant(driver: type[Driver]) -> type[Driver]:
    """Return the Linux driver made to read bytes that are not UTF-8; any other driver as it is.

    An X10 mouse report past column 95 (a terminal multiplexer sends one after a reattach) holds bytes above 0x7F.
    Textual 8.2.8 decodes its input strictly, so one such click ends the app, with exit code 0.
    """
    if driver.__module__ != "textual.drivers.linux_driver":
        return driver
    from textual.drivers import linux_driver

    decoder = partial(getincrementaldecoder("utf-8"), errors="replace")
    vars(linux_driver)["getincrementaldecoder"] = lambda _encoding: decoder
    return driver
