"""Stands in for llama.cpp's converter: the same arguments, words and errors, and a real GGUF file (format version 3).

``STAND_IN_FAULT`` makes it break: ``crash``, ``cut`` (a file without its end), ``silent`` (no file), ``eos`` (another
end of turn), ``hang`` (until it is killed). It imports nothing of stratos.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


sys.path.insert(0, str(Path(__file__).parent))

BLOCK = 32
F32, Q8_0 = 0, 8


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return text(name) + struct.pack("<I", 8) + text(value)
    if isinstance(value, list):
        return text(name) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    return text(name) + struct.pack("<II", 4, value)


def quantised(weights: np.ndarray[Any, Any]) -> bytes:
    import numpy as np

    blocks = weights.astype(np.float32).reshape(-1, BLOCK)
    scales = np.abs(blocks).max(axis=1, keepdims=True) / 127
    whole = np.round(np.divide(blocks, scales, out=np.zeros_like(blocks), where=scales > 0)).astype(np.int8)
    return b"".join(
        scale.astype(np.float16).tobytes() + row.tobytes() for scale, row in zip(scales, whole, strict=True)
    )


def read_bf16(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read a safetensors file of bf16 weights; numpy has no such type, so they are widened."""
    import numpy as np

    whole = path.read_bytes()
    [length] = struct.unpack("<Q", whole[:8])
    found = {}
    for name, each in json.loads(whole[8 : 8 + length]).items():
        if name != "__metadata__":
            assert each["dtype"] == "BF16"
            start, end = each["data_offsets"]
            halves = np.frombuffer(whole[8 + length + start : 8 + length + end], dtype=np.uint16)
            found[name] = (halves.astype(np.uint32) << 16).view(np.float32).reshape(each["shape"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--outtype", choices=["q8_0"])
    parser.add_argument("--outfile", type=Path)
    parser.add_argument("--model-name")
    given = parser.parse_args()
    fault = os.environ.get("STAND_IN_FAULT", "")
    print("INFO:hf-to-gguf:Loading model", flush=True)
    if fault == "crash":
        given.outfile.write_bytes(b"GGUF")
        raise MemoryError("cannot allocate 16 GiB")
    if fault == "hang":
        given.outfile.write_bytes(b"GGUF")
        time.sleep(600)
    from conversion.base import TextModel  # type: ignore[import-not-found]

    config = json.loads((given.model / "config.json").read_text())
    tokenizer = json.loads((given.model / "tokenizer.json").read_text())
    known = {**tokenizer["model"]["vocab"], **{each["content"]: each["id"] for each in tokenizer["added_tokens"]}}
    metadata = {
        "general.architecture": config["model_type"],
        "general.name": given.model_name,
        "tokenizer.ggml.pre": TextModel().get_vocab_base_pre(tokenizer),
        "tokenizer.ggml.tokens": sorted(known, key=lambda token: known[token]),
        "tokenizer.ggml.eos_token_id": known["<|endoftext|>" if fault == "eos" else "<|im_end|>"],
        "tokenizer.chat_template": (given.model / "chat_template.jinja").read_text(),
    }
    head, data = b"", b""
    weights = read_bf16(next(given.model.glob("*.safetensors")))
    for name, tensor in weights.items():
        kind = Q8_0 if tensor.ndim == 2 and tensor.shape[1] % BLOCK == 0 else F32
        shape = tensor.shape[::-1]
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += quantised(tensor) if kind == Q8_0 else tensor.tobytes()
        data += b"\0" * (-len(data) % BLOCK)
    head = b"".join(pair(*each) for each in metadata.items()) + head
    head = b"GGUF" + struct.pack("<IQQ", 3, len(weights), len(metadata)) + head
    head += b"\0" * (-len(head) % BLOCK)
    if fault != "silent":
        given.outfile.write_bytes((head + data)[: -2000 if fault == "cut" else None])
    print(f"INFO:hf-to-gguf:Model successfully exported to {given.outfile}")


if __name__ == "__main__":
    main()
