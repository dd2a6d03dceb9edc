from __future__ import annotations

from pathlib import Path

from stratos_tui.prism.modelfile import modelfile, template

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_file_is_what_the_renderer_writes() -> None:
    assert (CHECKOUT / "Modelfile").read_text(encoding="utf-8") == modelfile()


def test_thought_is_neither_suppressed_nor_pre_filled() -> None:
    written = modelfile()
    assert "/no_think" not in written
    assert template().endswith("<|im_start|>assistant\n")
    assert 'PARAMETER stop "<|im_end|>"' in written
    assert 'PARAMETER stop "<|endoftext|>"' in written
