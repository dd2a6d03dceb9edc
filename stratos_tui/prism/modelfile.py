"""The Modelfile that serves a published student, rendered beside the prompts that it must equal (plan, phase 4)."""

from __future__ import annotations

from stratos_tui.prism.prompts import chatml

STOP_TOKENS = ("<|im_end|>", "<|endoftext|>")
SAMPLING: dict[str, float | int] = {"temperature": 0.6, "top_p": 0.95, "top_k": 20}
"""Qwen3's values for think mode (plan, phase 4); greedy decoding loops."""
CONTEXT_TOKENS = 4096
PREDICT_TOKENS = 1024


def template() -> str:
    """Return the Go template of one conversation, made from the ChatML that training uses.

    Thinking is covered inside the range over messages: from 0.30 a server may otherwise prefer the template inside
    the GGUF (Ollama's documentation of TEMPLATE).
    """
    system, user, assistant = chatml("\0", "\0").split("\0")
    opening, newline = system.removesuffix("\n").removesuffix("system"), "\n"
    closing = user.split("<|im_start|>", 1)[0]
    thinking = "{{ if .Thinking }}<think>\n{{ .Thinking }}\n</think>\n\n{{ end }}"
    turn = f"{opening}{{{{ .Role }}}}{newline}{thinking}{{{{ .Content }}}}{closing}"
    return f"{{{{- range .Messages }}}}{turn}{{{{ end }}}}{assistant.removeprefix(closing)}"


def modelfile(weights: str = "./student.gguf") -> str:
    """Return the Modelfile's text: no thought suppression, nothing pre-filled, both stop tokens."""
    parameters: list[tuple[str, object]] = [*SAMPLING.items(), ("num_ctx", CONTEXT_TOKENS)]
    parameters.append(("num_predict", PREDICT_TOKENS))
    lines = [f"FROM {weights}", f'TEMPLATE """{template()}"""']
    lines += [f"PARAMETER {name} {value}" for name, value in parameters]
    lines += [f'PARAMETER stop "{token}"' for token in STOP_TOKENS]
    return "\n".join(lines) + "\n"
