"""Asks where a build is to be written, and writes it: JSONL in two forms, or a Hugging Face dataset directory."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from screens.dialogs import PromptScreen
from screens.render import count
from stratos_tui.records import Split

if TYPE_CHECKING:
    from screens.frame import PhaseScreen

Form = Literal["messages", "prompt-completion", "hf"]
SPLITS: tuple[Split, ...] = ("train", "eval")
KEYS: dict[Form, str] = {"messages": "e", "prompt-completion": "E", "hf": "w"}


def ask(screen: PhaseScreen[Any], dataset_id: int, form: Form) -> None:
    """Ask where both splits of a build go, and write them there; nothing that exists is overwritten."""
    if form == "hf":
        prompt = PromptScreen(
            f"Export build {dataset_id} as a Hugging Face directory to which folder?",
            value=f"dataset-{dataset_id}",
            hint="The folder is made: datasets.load_from_disk opens it, with the splits train and eval.",
            check=_unusable_folder,
        )
    else:
        prompt = PromptScreen(
            f"Export build {dataset_id} as {form} to which file?",
            value=f"dataset-{dataset_id}.jsonl",
            hint="Train goes to NAME.train.jsonl and eval to NAME.eval.jsonl, beside each other.",
            check=_unusable_file,
        )
    screen.app.push_screen(prompt, partial(_export, screen, dataset_id, form))


def _export(screen: PhaseScreen[Any], dataset_id: int, form: Form, text: str | None) -> None:
    if not text:
        return
    where = Path(text.strip()).expanduser()

    def work() -> str:
        if form == "hf":
            return _write_folder(screen, dataset_id, where)
        return _write_files(screen, dataset_id, where, form)

    screen.background(work, screen.say, again=KEYS[form])


def _write_folder(screen: PhaseScreen[Any], dataset_id: int, folder: Path) -> str:
    from stratos_tui.dataset.export_hf import export_hf

    written = export_hf(screen.store, dataset_id, folder)
    return f"wrote {count(sum(written.values()))} rows to {folder.absolute()}"


def _write_files(
    screen: PhaseScreen[Any], dataset_id: int, out: Path, form: Literal["messages", "prompt-completion"]
) -> str:
    from stratos_tui.dataset.export_training import export

    files = _files(out)
    written = [
        export(screen.store, dataset_id, path=file, form=form, split=split)
        for split, file in zip(SPLITS, files, strict=True)
    ]
    parts = [f"{count(rows)} rows to {file.name}" for rows, file in zip(written, files, strict=True)]
    return f"wrote {' and '.join(parts)} in {files[0].parent.absolute()}"


def _files(out: Path) -> list[Path]:
    stem = out.name.removesuffix(".jsonl")
    return [out.with_name(f"{stem}.{split}.jsonl") for split in SPLITS]


def _unusable_file(text: str) -> str:
    if not text.strip() or not Path(text.strip()).name:
        return "name a file"
    return _taken(_files(Path(text.strip()).expanduser()))


def _unusable_folder(text: str) -> str:
    if not text.strip() or not Path(text.strip()).name:
        return "name a folder"
    return _taken([Path(text.strip()).expanduser()])


def _taken(wanted: list[Path]) -> str:
    if not wanted[0].parent.is_dir():
        return f"the folder {wanted[0].parent} does not exist"
    taken = [path.name for path in wanted if path.exists()]
    return f"{taken[0]} exists already; choose another name" if taken else ""
