"""`Converter`: a trained network becomes a spiking one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from grillyx import nn
from grillyx.autograd import Tensor
from grillyx.convert import _kinds
from grillyx.convert._checks import OUTPUT, check_fused, check_samples, two_samples
from grillyx.convert._data import Batches
from grillyx.convert._fuse import affine_of, fuse
from grillyx.convert._model import SpikingModel
from grillyx.convert._report import LayerReport, Report
from grillyx.convert._source import as_module, is_network
from grillyx.convert._spiking import CallSites, ChannelAffine, InTime, SpikingActivation, SpikingMaxPool2d, Timed
from grillyx.convert._statistics import Largest, Quantile, Share, read_mode
from grillyx.convert._swap import swap
from grillyx.convert._trace import INPUT, Call, Trace
from grillyx.nn import Module

_LEAST = 1e-30  # a scale below has no reciprocal in float32, or one that is of no use


class Converter:
    """Converts a trained network with ReLUs into a spiking one, whose mean output tends to the network's as T grows.

    Every ReLU becomes ``× 1/s → IF(v_threshold=1, soft reset) → × s``, where the scale s is measured on calibration data;
    batch norms are fused into the layer before; max pools become `SpikingMaxPool2d`. The network itself stays as it is.

    Examples:
        >>> ann = nn.Sequential(nn.Linear(3, 3, bias=False), nn.ReLU())
        >>> _ = ann[0].weight.copy_(np.eye(3))
        >>> x = np.array([[1.0, 0.5, -1.0]], np.float32)
        >>> snn = Converter(ann, mode="max", data=x, progress=False).convert()
        >>> snn.simulate(x, T=8).numpy()
        array([[1. , 0.5, 0. ]], dtype=float32)

        The other forms are ``Converter(mode="99.9%", data=x).convert(ann)`` and, as in SpikingJelly,
        ``Converter(loader, mode="max")(ann)``.

    Args:
        ann: the network: a `Module`, a torch ``nn.Module``, or the path of an ONNX file. Or, as in SpikingJelly, `data`.
        mode: ``'max'``: s is the largest output over all data. ``'99.9%'``: this quantile of all outputs, zeros included,
            with linear interpolation. A number f in (0, 1]: f times the largest.
        data: calibration data: an array (N, *) of the network's inputs, or an iterable of batches; labels in it are ignored.
        channel_wise: whether each channel has a scale of its own; one that never fires takes the layer's.
        half_threshold: whether membranes start at half the threshold, which halves the error at small T.
        fuse_flag: whether batch norms are fused; otherwise they remain, as a factor and an offset. The results are the same.
        rules: for activations of your own: class → ``'relu'``, if it acts as one; or a function ``(module, scale) ->
            Module`` that makes the spiking layer, which takes (T, N, *) in step mode 'm', and (N, *) in 's'.
        progress: whether to show a progress bar.

    Raises:
        ValueError: no data, or data that does not fit; an unknown mode; a layer whose outputs are all 0.
        NotImplementedError: a layer that cannot be converted, with its path.
        TypeError: no network.

    Source: Rueckauer et al., "Conversion of continuous-valued deep networks to efficient event-driven networks for image
    classification", 2017; SpikingJelly's ``ann2snn.Converter``.
    """

    def __init__(
        self, ann: Any = None, mode: str | float = "max", data: Any = None, *, channel_wise: bool = False,
        half_threshold: bool = False, fuse_flag: bool = True,
        rules: Mapping[type, str | Callable[[Module, Any], Module]] | None = None, progress: bool = True,
    ) -> None:  # fmt: skip
        if ann is not None and not is_network(ann):
            if data is not None:
                raise TypeError(
                    "Converter: expected a network (grillyx.nn.Module, torch.nn.Module, or an ONNX file) beside data=, got "
                    f"{type(ann).__name__}."
                )
            ann, data = None, ann
        self.ann, self.data, self.mode = ann, data, mode
        self._quantile, self._factor = read_mode(mode)
        self.channel_wise, self.half_threshold = bool(channel_wise), bool(half_threshold)
        self.fuse_flag = bool(fuse_flag)
        self.rules, self.progress = dict(rules or {}), progress
        for kind, rule in self.rules.items():
            if not isinstance(kind, type) or not (rule == "relu" or callable(rule)):
                raise TypeError(
                    f"Converter: rules maps classes to 'relu' or to functions (module, scale) -> Module, got {kind!r}: {rule!r}."
                )

    def __call__(self, ann: Any = None) -> SpikingModel:
        """See `convert`."""
        return self.convert(ann)

    def convert(self, ann: Any = None) -> SpikingModel:
        """Return the spiking network.

        Args:
            ann: the network, if the constructor was not given it.
        """
        ann = self.ann if ann is None else ann
        if ann is None:
            raise TypeError(
                "Converter: no network; use Converter(ann, data=...).convert() or Converter(data=...).convert(ann)."
            )
        if self.data is None:
            raise ValueError(
                "Converter: no calibration data, which set the scales. Pass some inputs that the network was trained with: "
                "Converter(ann, mode='max', data=x_train), an array (N, ...) or an iterable of batches."
            )
        model = _copy(as_module(ann, "Converter"))
        layers = self._layers(model)
        batches = Batches(self.data, "Converter")
        samples = sum(len(x) for x, _ in batches)  # looks at all data before anything runs
        trace = Trace(model, layers)
        first = next(iter(batches))[0]
        _try(trace, first)
        active = [k for k, c in enumerate(trace.calls) if self._kind(c) == _kinds.ACTIVATION]
        if not active:
            raise ValueError("Converter: the network calls no nn.ReLU; there is nothing to convert.")
        pair = two_samples(first)
        together = self._outputs(trace, pair)
        check_samples(trace, self._outputs(trace, pair[:1]), together)
        report = Report(mode=str(self.mode), samples=samples)
        if self.fuse_flag:
            report.fused = fuse(trace)
            check_fused(together[OUTPUT], self._outputs(trace, pair)[OUTPUT])
        axes = {k: _channel_axis(trace.calls, k) for k in active}
        scales = self._scales(trace, batches, samples, axes)
        shares = {k: Share(scales[k], axes[k]) for k in active}
        self._pass(trace, batches, shares, "measure")
        for k in active:
            call = trace.calls[k]
            scale = scales[k] if scales[k].ndim else float(scales[k])
            report.layers.append(LayerReport(_name(call), call.output_shape[1:], scale, *shares[k].result()))
        model, holds = self._replace(model, trace, scales, axes, report)
        out = SpikingModel(model.eval(), report, first.ndim, holds)
        out.check_holding(pair)
        return out

    def _outputs(self, trace: Trace, x: np.ndarray) -> dict[int, np.ndarray]:
        """Return the output of the model, and of each call that becomes a layer with a memory."""
        found: dict[int, np.ndarray] = {}

        def look(number: int, out: Tensor) -> None:
            if self._kind(trace.calls[number]) in _kinds.MEMORIES:
                found[number] = out.numpy()

        found[OUTPUT] = _try(trace, x, look).numpy()
        return found

    def _layers(self, model: Module) -> dict[str, Module]:
        layers: dict[str, Module] = {}
        for path, module in model.named_modules():
            if not any(path.startswith(above + ".") for above in layers):
                kind = _kinds.kind_of(module, path, self.rules)
                if kind not in (None, _kinds.CONTAINER):
                    layers[path] = module
        return layers

    def _kind(self, call: Call) -> str | None:
        return _kinds.kind_of(call.module, call.path, self.rules)

    def _scales(self, trace: Trace, batches: Batches, samples: int, axes: dict[int, int]) -> dict[int, np.ndarray]:
        def gather(k: int, each: bool) -> Any:
            axis = axes[k] if each else None
            return Largest(axis) if self._quantile is None else Quantile(self._quantile, axis, samples)

        found = {k: gather(k, self.channel_wise) for k in axes}
        self._pass(trace, batches, found, "calibrate")
        out = {}
        for k, statistic in found.items():
            call, s = trace.calls[k], statistic.result() * self._factor
            if not np.isfinite(s).all():
                raise ValueError(f"Converter: {_name(call)!r} gives NaN or infinity for the calibration data.")
            top = float(np.max(s))
            if top <= _LEAST:
                which = "all outputs" if self._quantile is None else f"so many outputs that the quantile {self.mode!r}"
                raise ValueError(
                    f"Converter: {_name(call)!r} has no scale: {which} are 0 for the calibration data ({samples} samples). Is "
                    "the network trained, and does the data look like its training data?"
                )
            cap = getattr(call.module, "max_val", 6.0 if isinstance(call.module, nn.ReLU6) else np.inf)
            out[k] = np.minimum(np.where(s > _LEAST, s, top), cap)
        return out

    def _pass(self, trace: Trace, batches: Batches, statistics: Mapping[int, Any], what: str) -> None:
        def look(number: int, out: Any) -> None:
            if number in statistics:
                statistics[number].add(out)

        for x, _ in tqdm(
            batches, total=len(batches) or None, desc=what, unit="batch", leave=False, disable=not self.progress
        ):
            _try(trace, x, look)

    def _replace(
        self, model: Module, trace: Trace, scales: dict[int, np.ndarray], axes: dict[int, int], report: Report
    ) -> tuple[Module, bool]:
        """Put the spiking layers in; tell whether the layers before the first neurons can run once for all steps."""
        spiking = {k for k in scales if self._rule(trace.calls[k].module) == "relu"}
        changes = _changing(trace, [k for k, c in enumerate(trace.calls) if k in scales])
        sites: dict[int, list[Module]] = {}
        others: dict[int, Module] = {}
        for k, call in enumerate(trace.calls):
            kind = self._kind(call)
            layer: Any = call.module
            if k in scales:
                new = self._activation(layer, scales[k], axes[k])
            elif kind == _kinds.MAX_POOL:
                new = SpikingMaxPool2d(
                    layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode,
                    spikes=call.direct in spiking or call.direct in _spiking_pools(trace, spiking),
                )  # fmt: skip
                report.pools.append(_name(call))
            else:
                if kind == _kinds.DROPOUT:
                    others[id(layer)] = nn.Identity()
                    report.dropped.append(call.path)
                elif kind == _kinds.NORM:
                    others[id(layer)] = ChannelAffine(*affine_of(layer))
                    report.affine.append(call.path)
                continue
            assert isinstance(new, Timed)
            new.first = not any(s in changes for s in call.sources)
            sites.setdefault(id(layer), []).append(new)
        others |= {key: each[0] if len(each) == 1 else CallSites(each) for key, each in sites.items()}
        every = [call.sources for call in trace.calls] + [trace.output]
        holds = all(len({s in changes for s in sources}) < 2 for sources in every if sources)
        return swap(model, others), holds

    def _rule(self, layer: Module) -> str | Callable[[Module, Any], Module]:
        return next((r for c, r in self.rules.items() if isinstance(layer, c)), "relu")

    def _activation(self, layer: Module, scale: np.ndarray, axis: int) -> Module:
        rule = self._rule(layer)
        if rule == "relu":
            return SpikingActivation(scale, axis, self.half_threshold)
        made = rule(layer, scale if scale.ndim else float(scale))  # type: ignore[operator]
        if not isinstance(made, Module):
            raise TypeError(
                f"Converter: the rule for {type(layer).__name__} returned {type(made).__name__}; expected a Module."
            )
        return InTime(made)


def _copy(model: Module) -> Module:
    twin = copy.deepcopy(model).eval()
    for module in twin.modules():
        vars(module).pop("_hooks", None)  # they watch the original
    return twin


def _try(trace: Trace, x: np.ndarray, look: Any = None) -> Tensor:
    try:
        return trace.run(x, look)
    except (ValueError, TypeError, NotImplementedError) as error:
        if str(error).startswith("Converter:"):
            raise
        raise ValueError(f"Converter: the network cannot take a batch of shape {x.shape}: {error}") from error


def _name(call: Call) -> str:
    return call.path if call.site == 0 else f"{call.path}[{call.site}]"


def _channel_axis(calls: list[Call], number: int) -> int:
    """1; but behind a Linear on (N, L, F), the last."""
    call = calls[number]
    last = len(call.output_shape) == 3 and any(
        isinstance(calls[s].module, nn.Linear) for s in call.sources if s != INPUT
    )
    return 2 if last else 1


def _changing(trace: Trace, active: list[int]) -> set[int]:
    """Return the calls whose outputs change with time while the input does not."""
    out: set[int] = set()
    for k, call in enumerate(trace.calls):
        if k in active or any(s in out for s in call.sources):
            out.add(k)
    return out


def _spiking_pools(trace: Trace, spiking: set[int]) -> set[int]:
    out: set[int] = set()
    for k, call in enumerate(trace.calls):
        if isinstance(call.module, nn.MaxPool2d) and (call.direct in spiking or call.direct in out):
            out.add(k)
    return out
