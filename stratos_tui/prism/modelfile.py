"""The Modelfile that serves a published student, rendered beside the prompts that it must equal (plan, phase 4)."""

from __future__ import annotations

from stratos_tui.prism.prompts import chatml

STOP_TOKENS = ("<|im_end|>", "<|endoftext|>")
"""What ends an answer (plan, section 6, phase 4): the end of a turn, and what a batch is padded with."""
SAMPLING: dict[str, float | int] = {"temperature": 0.6, "top_p": 0.95, "top_k": 20}
"""Qwen3's values for think mode (plan, phase 4); greedy decoding loops."""
CONTEXT_TOKENS = 4096
PREDICT_TOKENS = 1024
Q8_0_BYTES = 34 / 32
"""Bytes a weight in the file that is served, GGUF Q8_0: 32 weights of one byte and one fp16 scale."""


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


def chat_template() -> str:
    """Return the same conversation as a Jinja template, for the tokenizer of what is published.

    A server that prefers the template inside the weights to the Modelfile's then renders the same bytes.
    """
    system, user, assistant = chatml("\0", "\0").split("\0")
    opening = system.removesuffix("system\n")
    closing = user.split(opening, 1)[0]
    turn = f"{opening}{{{{ message['role'] }}}}\n{{{{ message['content'] }}}}{closing}"
    asked = f"{{% if add_generation_prompt %}}{assistant.removeprefix(closing)}{{% endif %}}"
    return f"{{% for message in messages %}}{turn}{{% endfor %}}{asked}"


def parameters(num_ctx: int = CONTEXT_TOKENS, num_predict: int = PREDICT_TOKENS) -> dict[str, float | int | list[str]]:
    """Return what a server samples with: the plan's values, both lengths in tokens, both stop tokens."""
    return {**SAMPLING, "num_ctx": num_ctx, "num_predict": num_predict, "stop": list(STOP_TOKENS)}


def modelfile(weights: str = "./student.gguf", num_ctx: int = CONTEXT_TOKENS, num_predict: int = PREDICT_TOKENS) -> str:
    """Return the Modelfile's text: no thought suppression, nothing pre-filled, both stop tokens."""
    lines = [f"FROM {weights}", f'TEMPLATE """{template()}"""']
    for name, value in parameters(num_ctx, num_predict).items():
        if isinstance(value, list):
            lines += [f'PARAMETER {name} "{each}"' for each in value]
        else:
            lines.append(f"PARAMETER {name} {value}")
    return "\n".join(lines) + "\n"
