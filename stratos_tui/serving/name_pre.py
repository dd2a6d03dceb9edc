"""Runs llama.cpp's converter with the pre-tokenizer named by whoever calls, where the converter does not know its hash.

Run by the converter's own Python: ``name_pre.py PRE SCRIPT ARGUMENTS…``. The converter tells pre-tokenizers apart by a
hash over token ids, so a vocabulary of one's own is always unknown to it, even where it splits text as Qwen2 does.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run the converter's script as itself."""
    pre, script, *arguments = sys.argv[1:]
    sys.path.insert(0, str(Path(script).parent))
    # llama.cpp keeps what its converter knows of vocabularies here since it was split into a package
    model = importlib.import_module("conversion.base").TextModel
    model.get_vocab_base_pre = lambda *_: pre
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
