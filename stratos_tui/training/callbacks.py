"""What happens around a run's steps: telemetry to the store, a stop on request, the probe, and signs of life.

Only the training process imports this module: it loads torch.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stratos_tui.errors import StratosError
from stratos_tui.inference.local import serve
from stratos_tui.store import probes, runs
from stratos_tui.store.db import Store
from stratos_tui.store.probes import Probe
from stratos_tui.training import guards, probe
from stratos_tui.training.guards import Watchdog
from stratos_tui.training.probe import Contrast

BEAT_SECONDS = 0.5


class Telemetry(TrainerCallback):  # type: ignore[misc]
    """Writes every step to the store, and stops the run when somebody asks it to.

    Of several processes the first alone writes, and tells the others when to stop.
    """

    def __init__(self, store: Store, run_id: int) -> None:
        self.store = store
        self.run_id = run_id
        self.stopped = False
        self._beaten = 0.0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Beat, and leave with a checkpoint when asked to."""
        asked = state.is_world_process_zero and self._asked_to_stop(state)
        if args.world_size > 1:
            flag = torch.tensor([asked], dtype=torch.int, device=args.device)
            torch.distributed.broadcast(flag, 0)
            asked = bool(flag.item())
        if asked:
            self.stopped = True
            control.should_save = control.should_training_stop = True

    def _asked_to_stop(self, state: TrainerState) -> bool:
        moment = time.monotonic()
        if moment - self._beaten < BEAT_SECONDS and state.global_step < state.max_steps:
            return False
        self._beaten = moment
        return runs.beat(self.store, self.run_id, state.global_step) and state.global_step < state.max_steps

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float],
        **_: Any,
    ) -> None:
        """Store one row, of training or of evaluation."""
        held_out = "eval_loss" in logs
        if not held_out and "loss" not in logs:
            return
        prefix = "eval_" if held_out else ""
        norm = logs.get("grad_norm")
        if norm is not None and not math.isfinite(norm):
            raise StratosError(f"the gradient became {norm} at step {state.global_step}; {guards.KEPT}")
        point = runs.Point(
            step=state.global_step,
            split="eval" if held_out else "train",
            loss=logs[f"{prefix}loss"],
            learning_rate=logs.get("learning_rate"),
            grad_norm=norm,
            token_accuracy=logs.get(f"{prefix}mean_token_accuracy"),
            tokens=logs.get(f"{prefix}num_tokens"),
            epoch=state.epoch,
            **_memory(args.device),
        )
        if not state.is_world_process_zero:
            return
        runs.put_point(self.store, self.run_id, point)
        if held_out or state.global_step % 10 == 0 or state.global_step == 1:
            print(
                f"step {state.global_step} of {state.max_steps}  {prefix}loss {point.loss:.4f}"
                f"  accuracy {point.token_accuracy or 0:.3f}  tokens {point.tokens or 0:,.0f}",
                flush=True,
            )

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint as whole, once every process has written its part."""
        if args.world_size > 1:
            torch.distributed.barrier()
        if state.is_world_process_zero:
            (Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / runs.COMPLETE).touch()


class Pulse(TrainerCallback):  # type: ignore[misc]
    """Tells the watchdog what happens."""

    def __init__(self, watchdog: Watchdog) -> None:
        self.watchdog = watchdog
        self._began = time.monotonic()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Begin to watch."""
        self.watchdog.start()

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Remember when the step began."""
        self._began = time.monotonic()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Say how long the step took."""
        self.watchdog.beat(time.monotonic() - self._began)

    def on_substep_end(self, *_: Any, **__: Any) -> None:
        """A micro-batch is a sign of life."""
        self.watchdog.beat()

    def on_prediction_step(self, *_: Any, **__: Any) -> None:
        """A held-out batch is a sign of life."""
        self.watchdog.beat()

    def on_save(self, *_: Any, **__: Any) -> None:
        """A checkpoint is a sign of life."""
        self.watchdog.beat()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Watch no more."""
        self.watchdog.stop()


class Prober(TrainerCallback):  # type: ignore[misc]
    """Asks the student about contrast pairs at each evaluation; ``seconds`` is what that took so far."""

    def __init__(
        self,
        store: Store,
        run_id: int,
        contrasts: Sequence[Contrast],
        *,
        seed: int,
        tokens: int,
        stop_at_loops: float,
        watchdog: Watchdog,
    ) -> None:
        self.store = store
        self.run_id = run_id
        self.contrasts = contrasts
        self.seed = seed
        self.tokens = tokens
        self.stop_at_loops = stop_at_loops
        self.watchdog = watchdog
        self.seconds = 0.0
        self._began = time.monotonic()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Remember when training began."""
        self._began = time.monotonic()

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        processing_class: Any = None,
        **_: Any,
    ) -> None:
        """Probe the model and leave it, and the number of threads, as they were."""
        if not self.contrasts or not state.is_world_process_zero:
            return
        began, mode, threads = time.monotonic(), model.training, torch.get_num_threads()
        model.eval()
        if model.device.type == "cpu":
            # a token at a time leaves nothing to share, and threads that wait for each other cost tenfold
            torch.set_num_threads(1)
        try:
            student = serve(Path(str(args.output_dir)), model, processing_class)
            found = probe.ask(
                student,
                self.contrasts,
                state.global_step,
                seed=self.seed,
                tokens=self.tokens,
                beat=self.watchdog.beat,
            )
        finally:
            model.train(mode)
            torch.set_num_threads(threads)
        probes.add(self.store, self.run_id, found)
        self.seconds += time.monotonic() - began
        share = self.seconds / max(time.monotonic() - self._began, 1e-9)
        answers, looping = len(found.detail["answers"]), found.detail["looping"]
        print(
            f"step {state.global_step} probe  gap {_said(found.gap)}  PSR {_said(found.psr)}  MAE {_said(found.mae)}"
            f"  {found.parsed} of {found.pairs} pairs read  ({share:.0%} of the time goes into probes)",
            flush=True,
        )
        if looping:
            print(f"warning: {looping} of {answers} answers repeat themselves", flush=True)
        # a student that has just begun says anything, and one bad draw ends nothing
        before = probes.before(self.store, self.run_id, state.global_step)
        warm = before is not None and before.step > args.get_warmup_steps(state.max_steps)
        if before is not None and warm and self._loops(found) and self._loops(before):
            raise StratosError(
                f"{looping} of {answers} answers repeat themselves at step {state.global_step}, and"
                f" {before.detail['looping']} of {len(before.detail['answers'])} did at step {before.step};"
                f" stop_at_loops={self.stop_at_loops} allows less; {guards.KEPT}"
            )

    def _loops(self, found: Probe) -> bool:
        share: float = found.detail["looping"] / max(1, len(found.detail["answers"]))
        return 0 < self.stop_at_loops <= share


def last_checkpoint(folder: Path, *, tidy: bool = True) -> Path | None:
    """Return the newest whole checkpoint of a run; unfinished ones are removed where ``tidy`` is on."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda each: int(each.name.rpartition("-")[2]))
    whole = [each for each in found if (each / runs.COMPLETE).is_file()]
    if tidy:
        for each in found:
            if each not in whole:
                shutil.rmtree(each)
        for each in whole:
            # transformers throws the oldest away by time of change
            os.utime(each)
    return whole[-1] if whole else None


def _memory(device: torch.device) -> dict[str, int | None]:
    """Return what this process holds, and on a GPU the most it held there and what there is, in bytes."""
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text("ascii").split()[1]) if statm.is_file() else None
    found: dict[str, int | None] = {"memory": pages and pages * os.sysconf("SC_PAGE_SIZE")}
    if device.type == "cuda":
        found["device_memory"] = torch.cuda.max_memory_allocated(device)
        found["device_total"] = torch.cuda.get_device_properties(device).total_memory
    return found


def _said(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
