"""A recipe in the terms of TRL and PEFT: each setting is the recipe's, or keeps bytes and order as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stratos_tui.errors import StratosError
from stratos_tui.training.options import Options, on_gpu
from stratos_tui.training.recipes import Recipe
from stratos_tui.training.sizes import KEPT_CHECKPOINTS


def config(
    recipe: Recipe, chosen: Options, folder: Path, max_length: int, every: int, *, evaluated: bool, processes: int = 1
) -> Any:
    """Return TRL's settings of a run; ``every`` is the number of steps between evaluations.

    Raises:
        StratosError: the effective batch cannot be divided among micro-batches and processes.
    """
    from trl import SFTConfig

    at_once = recipe.micro_batch * processes
    if recipe.batch % at_once:
        raise StratosError(
            f"a batch of {recipe.batch} cannot be divided into micro-batches of {recipe.micro_batch} on {processes}"
            f" {'process' if processes == 1 else 'processes'}; choose micro_batch so that it can"
        )
    args = SFTConfig(
        output_dir=str(folder),
        # loss: the completion and its end of turn, nothing cut, nothing packed
        completion_only_loss=True,
        eos_token="<|im_end|>",
        # TRL takes no limit where rows are joined; train_lora holds every row to its whole length in either case
        max_length=None if chosen.padding_free else max_length,
        packing=False,
        padding_free=chosen.padding_free,
        shuffle_dataset=False,
        # optimization
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.micro_batch,
        per_device_eval_batch_size=recipe.micro_batch,
        gradient_accumulation_steps=recipe.batch // at_once,
        max_grad_norm=recipe.clip,
        optim=chosen.optimizer,
        weight_decay=recipe.weight_decay,
        adam_beta2=recipe.beta2,
        seed=recipe.seed,
        # device and precision
        bf16=recipe.precision == "bf16",
        use_cpu=not on_gpu(recipe),
        activation_checkpointing=recipe.activation_checkpointing,
        use_liger_kernel=chosen.liger,
        dataloader_pin_memory=False,
        # telemetry, evaluation, checkpoints
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        eval_strategy="steps" if evaluated else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=KEPT_CHECKPOINTS,
        load_best_model_at_end=recipe.keep_best and evaluated,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
    )
    if processes == 1 and args.n_gpu > 1:
        # one process trains on the first device that it sees; with more transformers would split its batches, which TRL
        # refuses
        args._n_gpu = 1
    return args


def adapter(recipe: Recipe) -> Any:
    """Return the plan's DoRA adapter or the LoRA of the control arm, or None where all weights are trained."""
    if recipe.adapter == "none":
        return None
    from peft import LoraConfig

    return LoraConfig(
        task_type="CAUSAL_LM",
        use_dora=recipe.adapter == "dora",
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.target_modules),
    )
