"""The one training loop, for both networks, on CPU, one GPU, or several by torchrun."""

import ctypes
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from canalis.errors import ModelError
from canalis.train.augment import Strength
from canalis.train.batches import Batches, CoarseBatches, FineBatches
from canalis.train.cache import TEST_SEED, VALIDATION_SEED, Case, list_cases
from canalis.train.checkpoint import (
    CHECKPOINT,
    Average,
    Journal,
    hash_of_weights,
    load_checkpoint,
    mean_of,
    save_checkpoint,
)
from canalis.train.curves import Curves
from canalis.train.history import begun_from, describe_hardware, describe_part, parts_before
from canalis.train.losses import coarse_loss, fine_loss
from canalis.train.nets import COARSE_SHAPE, FINE_SHAPE, CoarseNet, FineNet, Shape
from canalis.train.own import is_own
from canalis.train.plan import Plan
from canalis.train.score import score_batch

GRADIENT_LIMIT: Final = 5.0
VALIDATION_DRAW: Final = 7919  # so that validation batches are not drawn like training batches
UNVARIED: Final = Strength(0.0, 0.0, 0.0, 0.0, 1e-6, 0.0, 0.0, 0.0)
WAIT_SECONDS: Final = 5.0
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT_BYTES: Final = 2**30


def build_net(plan: Plan) -> FineNet | CoarseNet:
    """Return the network of a plan with weights drawn from its seed."""
    torch.manual_seed(plan.seed)
    base = FINE_SHAPE if plan.net == "fine" else COARSE_SHAPE
    shape = base
    if plan.channels:
        n = len(plan.channels)
        shape = Shape(plan.channels, base.down[:n], base.up[: n - 1], base.stem_stride)
    net = FineNet(shape) if plan.net == "fine" else CoarseNet(shape)
    if plan.start_from:
        net.load_state_dict(mean_of([load_checkpoint(path)["average"] for path in plan.start_from]))
    return net


def learning_rate_at(step: int, plan: Plan) -> float:
    """Return the learning rate of a step: a rise, then half a cosine down to nothing."""
    if step < plan.warm_up:
        return plan.learning_rate * (step + 1) / plan.warm_up
    done = (step - plan.warm_up) / max(plan.steps - plan.warm_up, 1)
    return plan.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


class Run:
    """A training run: its network, its average, and where it stands.

    Parameters
    ----------
    plan : Plan
        What to do. A checkpoint in ``plan.out`` is taken up.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rank, self.world = _join_others()
        self.device = f"cuda:{self.rank % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
        if torch.cuda.is_available():
            torch.cuda.set_device(self.device)
        torch.set_num_threads(plan.threads)
        _keep_memory()
        self.format = torch.channels_last if plan.net == "fine" else torch.channels_last_3d
        net = build_net(plan)
        self.net: FineNet | CoarseNet = net.to(self.device, memory_format=self.format)
        self.step, self.seconds = 0, 0.0
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )
        self.average = Average(self.net, plan.average)
        self.journal = Journal(plan.out / f"cases-{self.rank}.jsonl", plan.cases)
        self.cases: list[Case] = []
        self.before, self.begun_from = parts_before(plan), begun_from(plan)
        self.hardware = [describe_hardware(plan, self.world)]
        self.scores: dict[str, float] | None = None
        self.loss = fine_loss if plan.net == "fine" else coarse_loss
        kind = FineBatches if plan.net == "fine" else CoarseBatches
        self.batches: Batches = kind(plan.batch, plan.crop, plan.strength)
        self.plain: Batches = kind(plan.batch, plan.crop, UNVARIED)
        self._take_up()
        self.model = self._parallel()

    def _take_up(self) -> None:
        path = self.plan.out / CHECKPOINT
        self.plan.out.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            return
        state = load_checkpoint(path, self.device)
        if state["plan"] != self.plan.digest:
            raise ModelError(
                f"The checkpoint in {self.plan.out} was begun by another plan. "
                "Give another `out`, or the old plan."
            )
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.values = {k: v.to(self.device) for k, v in state["average"].items()}
        self.step, self.seconds = state["step"], state["seconds"]
        self.cases = self.journal.before(self.step)
        self._remember(state)

    def _remember(self, state: dict[str, Any]) -> None:
        """Take over what the run wrote down of itself; an older checkpoint holds none of it."""
        part = state.get("part", {})
        if part.get("begun_from", self.begun_from) != self.begun_from:
            raise ModelError(
                f"The checkpoint in {self.plan.out} was begun from other weights. "
                "Give another `out`, or the old `start_from`."
            )
        self.before = state.get("before", self.before)
        self.scores = part.get("validation")
        earlier = [name for name in part.get("hardware", []) if name not in self.hardware]
        self.hardware = [*earlier, *self.hardware]

    def _parallel(self) -> nn.Module:
        if self.world == 1:
            return self.net
        return nn.parallel.DistributedDataParallel(self.net, broadcast_buffers=False)

    def _share_statistics(self) -> None:
        """Give every process the mean of all running statistics: gradients are shared, these are not."""
        held = [buffer for buffer in self.net.buffers() if buffer.dtype.is_floating_point]
        flat = torch.cat([buffer.reshape(-1) for buffer in held])
        torch.distributed.all_reduce(flat)
        parts = (flat / self.world).split([buffer.numel() for buffer in held])
        for buffer, part in zip(held, parts, strict=True):
            buffer.copy_(part.view_as(buffer))

    def train(self, *, until: int | None = None, tell: Callable[[str], None] | None = None) -> None:
        """Train to the last step, or to an earlier one.

        Parameters
        ----------
        until : int, optional
            Step to stop before; the checkpoint then written can be taken up.
        tell : callable, optional
            Called with a line of progress now and then.
        """
        if self.plan.steps == 0:
            self._keep_mean()
            return
        last = min(until if until is not None else self.plan.steps, self.plan.steps)
        curves = Curves(self.plan.out, first_step=self.step) if self.rank == 0 else None
        validation: list[tuple[Tensor, Tensor]] | None = None
        while self.step < last:
            self._look_for_cases()
            began = time.perf_counter()
            loss = self._one_step()
            self.step += 1
            self.seconds += time.perf_counter() - began
            if curves is None:
                continue
            curves.add(self.step, loss, learning_rate_at(self.step - 1, self.plan), self.seconds)
            if self.step % self.plan.validate_every == 0 or self.step == self.plan.steps:
                validation = validation or self._validation_batches()
                if validation:
                    self.scores = self.validate(validation)
                    curves.add_scores(self.step, self.scores)
            if self.step % self.plan.checkpoint_every == 0 or self.step == last:
                self._save()
                curves.draw()
                if tell:
                    tell(curves.line(self.plan.steps))

    def _keep_mean(self) -> None:
        """Validate and keep the weights that the run starts from: all that a run of no steps does."""
        if self.rank == 0:
            batches = self._validation_batches()
            self.scores = self.validate(batches) if batches else None
            self._save()

    def _one_step(self) -> float:
        rng = np.random.default_rng([self.plan.seed, self.step, self.rank])
        hu, target = self.batches.draw(self._weighed_cases(), rng)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(self.step, self.plan)
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        with self._precision():
            logits = self.model(hu.to(self.device).contiguous(memory_format=self.format))
        loss = self.loss(logits, target.to(self.device))
        if not torch.isfinite(loss):
            raise ModelError(f"The loss is not finite at step {self.step}. Lower learning_rate.")
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), GRADIENT_LIMIT)
        self.optimizer.step()
        if self.world > 1:
            self._share_statistics()
        self.average.follow(self.net, self.step)
        return float(loss.detach())

    def _weighed_cases(self) -> list[Case]:
        """Return the cases to draw from, the user's own as often as the plan says."""
        own = self.plan.own
        if own is None or own.weight == 1:
            return self.cases
        return [case for case in self.cases for _ in range(own.weight if is_own(case.seed) else 1)]

    def _precision(self) -> AbstractContextManager[Any]:
        on = self.plan.precision == "bfloat16"
        context: AbstractContextManager[Any] = torch.autocast(
            self.device.split(":")[0], torch.bfloat16, enabled=on
        )
        return context

    def _look_for_cases(self) -> None:
        """Take in new cases at fixed steps, as the journal says if this step was taken before."""
        if self.cases and self.step % self.plan.rescan_every:
            return
        noted = self.journal.at(self.step)
        if noted is not None:
            self.cases += noted
            return
        known = {case.folder for case in self.cases}
        new: list[Case] = []
        while True:
            new = [case for case in list_cases(self.plan.cases) if case.folder not in known]
            if len(known) + len(new) >= self.plan.least_cases:
                break
            time.sleep(WAIT_SECONDS)
        self.journal.write(self.step, new)
        self.cases += new

    def _validation_batches(self) -> list[tuple[Tensor, Tensor]]:
        cases = list_cases(self.plan.cases, least_seed=VALIDATION_SEED, below_seed=TEST_SEED)
        return draw_fixed(self.plain, cases, self.plan.validation_batches) if cases else []

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def validate(self, batches: Sequence[tuple[Tensor, Tensor]]) -> dict[str, float]:
        """Return the scores of the averaged weights on fixed batches."""
        net = self.averaged_net()
        totals = [score_batch(self.plan.net, net(hu.to(self.device)).cpu(), target) for hu, target in batches]
        return {
            name: float(sum(t[name][0] for t in totals) / max(sum(t[name][1] for t in totals), 1))
            for name in totals[0]
        }

    def averaged_net(self) -> FineNet | CoarseNet:
        """Return the network with its averaged weights, ready to answer."""
        net: FineNet | CoarseNet = type(self.net)(self.net.shape)
        net.to(self.device, memory_format=self.format)
        net.load_state_dict(self.average.values)
        net.eval()
        return net

    def hash(self) -> str:
        """Return the hash of the averaged weights."""
        return hash_of_weights(self.averaged_net().state_dict())

    def _save(self) -> None:
        state = {
            "plan": self.plan.digest,
            "step": self.step,
            "seconds": self.seconds,
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.values,
            "seeds": sorted(case.seed for case in self.cases),
            "before": self.before,
            "part": self._part(),
        }
        save_checkpoint(self.plan.out, state)

    def _part(self) -> dict[str, Any]:
        return describe_part(
            self.plan,
            step=self.step,
            seconds=self.seconds,
            cases=self.cases,
            hardware=self.hardware,
            scores=self.scores,
            begun_from=self.begun_from,
        )


def draw_fixed(batches: Batches, cases: Sequence[Case], count: int) -> list[tuple[Tensor, Tensor]]:
    """Return batches that are the same at every validation."""
    return [batches.draw(cases, np.random.default_rng([VALIDATION_DRAW, i])) for i in range(count)]


def _keep_memory() -> None:
    """Ask glibc to keep freed blocks: page faults cost up to two thirds of a step on a CPU."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def _join_others() -> tuple[int, int]:
    """Return rank and number of processes, joining them when torchrun started this one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return int(os.environ.get("RANK", "0")), world


def leave_others() -> None:
    """Part from the other processes, where torchrun started several."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def averaged_net_of(plan: Plan, state: Mapping[str, Any]) -> FineNet | CoarseNet:
    """Return the averaged network of a run's checkpoint."""
    net = build_net(plan)
    net.load_state_dict(state["average"])
    net.eval()
    return net
