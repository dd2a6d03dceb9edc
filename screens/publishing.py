"""Publishing from the training screen: how far a run is on its way to being served, and the keys that move it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.text import Text

from screens.dialogs import ConfirmScreen
from screens.figures import facts, heading, ok_sign
from screens.launch import launch
from screens.render import DIM, one_line
from stratos_tui.store import models
from stratos_tui.store.db import Store
from stratos_tui.store.models import Model

if TYPE_CHECKING:
    from screens.frame import PhaseScreen
    from stratos_tui.store.runs import Run


@dataclass(frozen=True, slots=True)
class Served:
    """A run's newest model, and of its name (else of the usual one) the current model and the one before it.

    Both are those of one server, ``host``: the model's, else the one that was published to last; it is empty where none
    is recorded. ``elsewhere`` are the current models of other servers.
    """

    model: Model | None
    current: Model | None
    before: Model | None
    elsewhere: tuple[Model, ...]
    name: str
    host: str


def read(store: Store, run_id: int) -> Served:
    """Read how far a run is published, and what a rollback would go back to."""
    from stratos_tui.serving.publish import DEFAULT_NAME, before_current

    model = next((each for each in models.load(store) if each.run_id == run_id), None)
    name = model.name if model is not None else DEFAULT_NAME
    leading = models.current(store, name)
    host = _host(model) if model is not None else ""
    host = host or (_host(leading[0]) if leading else "")
    usable = models.usable(store, name, host)
    elsewhere = tuple(each for each in leading if _host(each) not in ("", host))
    return Served(model, usable[0] if usable else None, before_current(usable), elsewhere, name, host)


def served(found: Served) -> Text:
    """Return how far a run is published, with what the server rendered and answered, and why it was refused."""
    model, text = found.model, heading("served").append("\n")
    if model is None:
        text.append("not published: P publishes a finished run", style=DIM)
        if found.current is not None:
            text.append(f"\n{_tag(found.current)} is current", style=DIM)
        return text
    is_current = found.current is not None and found.current.id == model.id
    items: list[tuple[str, str | Text]] = [
        ("model", _tag(model)),
        ("state", Text.assemble(ok_sign(_good(model)), f" {model.state}{', current' if is_current else ''}")),
    ]
    if found.current is not None and not is_current:
        items.append(("current", _tag(found.current)))
    if found.before is not None:
        items.append(("before", f"{_tag(found.before)} (b goes back)"))
    items += [("also", f"{_tag(each)}, current at {one_line(_host(each))}") for each in found.elsewhere]
    if model.parity:
        equal = bool(model.parity.get("equal"))
        items.append(("bytes", Text.assemble(ok_sign(equal), " as trained" if equal else " NOT as trained")))
    text.append_text(facts(items))
    for check in model.smoke.get("checks", []):
        score = "unreadable" if check.get("score") is None else f"{check['score']:.1f}"
        text.append("\n").append_text(ok_sign(bool(check.get("ok"))))
        text.append(f" {one_line(str(check.get('probe')))} {score}")
        text.append(f", wanted {one_line(str(check.get('wanted')))}", style=DIM)
    if model.error:
        text.append("\n").append_text(ok_sign(False)).append(f" {one_line(model.error)}")
    return text


def ask_publish(screen: PhaseScreen[Any], run: Run, found: Served) -> None:
    """Ask whether to publish a run that is done, and start it."""
    current = f"{_tag(found.current)} stays current until then." if found.current else "Nothing is served yet."
    detail = (
        "It is merged, converted to GGUF and created in Ollama. It becomes current only if the server renders "
        f"training's bytes and all five smoke prompts pass. {current}"
    )
    question = ConfirmScreen(f"Publish run {run.id} as {found.name}?", detail, yes="publish", no="leave it")
    arguments = ["publish", "ollama", "--run", str(run.id), "--name", found.name]
    said = f"publishing run {run.id}: it goes on when the app is left"
    screen.app.push_screen(question, partial(_launch_if, screen, arguments, said, "P"))


def ask_rollback(screen: PhaseScreen[Any], found: Served) -> None:
    """Ask whether to go back to the model before the current one, where there is one, and do it."""
    if found.current is None or found.before is None:
        return
    where = f" at {one_line(found.host)}" if found.elsewhere else ""
    detail = (
        f"{_tag(found.current)} is current now{where} and will be retired. Its files stay, and P publishes it again."
    )
    question = ConfirmScreen(f"Go back to {_tag(found.before)}?", detail, yes="go back", no="leave it")
    arguments = ["publish", "rollback", "--name", found.name, *(["--host", found.host] if found.host else [])]
    said = f"going back to {_tag(found.before)}"
    screen.app.push_screen(question, partial(_launch_if, screen, arguments, said, "b"))


def _launch_if(screen: PhaseScreen[Any], arguments: list[str], said: str, again: str, yes: bool | None) -> None:
    if yes:
        launch(screen, arguments, said, again=again)


def _good(model: Model) -> bool | None:
    return {"usable": True, "refused": False}.get(model.state)


def _host(model: Model) -> str:
    return str(model.parity.get("host", ""))


def _tag(model: Model) -> str:
    from stratos_tui.serving.publish import tag_of

    return one_line(tag_of(model) if model.fingerprint else f"{model.name} (run {model.run_id})")
