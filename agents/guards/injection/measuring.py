"""How well the detector does on labelled texts: what it finds, whom it wrongs, and how long it takes."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import quantiles

from agents.guards.injection.rows import Row

ALLOWED_HONEST = 0.01
FOUR_KILOBYTES = 4096
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds a text."""

    p50: float
    p95: float
    p95_4kb: float


@dataclass(frozen=True, slots=True)
class Measure:
    """Shares between 0 and 1; None where there is no row to tell. `recall` and `fpr` are at the block threshold."""

    rows: int
    attacks: int
    threshold: float
    recall: float | None
    fpr: float | None
    recall_at_1pct_fpr: float | None
    recall_by_source: dict[str, float]
    fpr_by_source: dict[str, float]
    fpr_by_category: dict[str, float]
    auc: float | None
    latency_ms: Latency

    def as_dict(self) -> dict[str, object]:
        """The same as plain values, for JSON."""
        return asdict(self)


def threshold_for(honest: Sequence[float], share: float) -> float:
    """The lowest threshold above which at most this share of the honest scores lies."""
    ordered = sorted(honest, reverse=True)
    return ordered[int(len(ordered) * share)]


def measured(rows: Sequence[Row], score: Callable[[str], float], threshold: float) -> Measure:
    """Score each row, and compare. `threshold` is the lowest score that blocks."""
    scores, seconds = _timed(score, [row.text for row in rows])
    attacks = [each for row, each in zip(rows, scores, strict=True) if row.is_attack]
    honest = [each for row, each in zip(rows, scores, strict=True) if not row.is_attack]
    blocked = [each >= threshold for each in scores]
    return Measure(
        rows=len(rows),
        attacks=len(attacks),
        threshold=threshold,
        recall=_share(each >= threshold for each in attacks),
        fpr=_share(each >= threshold for each in honest),
        recall_at_1pct_fpr=_recall_beyond(attacks, threshold_for(honest, ALLOWED_HONEST)) if honest else None,
        recall_by_source=_by(((row.source, hit) for row, hit in zip(rows, blocked, strict=True) if row.is_attack)),
        fpr_by_source=_by(((row.source, hit) for row, hit in zip(rows, blocked, strict=True) if not row.is_attack)),
        fpr_by_category=_by(((row.kind, hit) for row, hit in zip(rows, blocked, strict=True) if not row.is_attack)),
        auc=auc(attacks, honest),
        latency_ms=_latency(rows, score, seconds),
    )


def auc(attacks: Sequence[float], honest: Sequence[float]) -> float | None:
    """How often an attack scores higher than an honest text; draws count half (Mann and Whitney)."""
    if not attacks or not honest:
        return None
    ranks = 0.0
    ordered = sorted([(score, True) for score in attacks] + [(score, False) for score in honest])
    at = 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        ranks += sum(is_attack for _, is_attack in ordered[at:end]) * (at + 1 + end) / 2
        at = end
    count = len(attacks)
    return round((ranks - count * (count + 1) / 2) / (count * len(honest)), 5)


def _recall_beyond(attacks: Sequence[float], threshold: float) -> float | None:
    return _share(each > threshold for each in attacks)


def _share(hits: Iterable[bool]) -> float | None:
    found = list(hits)
    return round(sum(found) / len(found), 5) if found else None


def _by(hits: Iterable[tuple[str, bool]]) -> dict[str, float]:
    by: defaultdict[str, list[bool]] = defaultdict(list)
    for name, hit in hits:
        by[name].append(hit)
    return {name: round(sum(own) / len(own), 5) for name, own in sorted(by.items())}


def _timed(score: Callable[[str], float], texts: Sequence[str]) -> tuple[list[float], list[float]]:
    for text in texts[:WARM_UP]:
        score(text)
    scores, seconds = [], []
    for text in texts:
        started = time.perf_counter()
        scores.append(score(text))
        seconds.append(time.perf_counter() - started)
    return scores, seconds


def _latency(rows: Sequence[Row], score: Callable[[str], float], seconds: Sequence[float]) -> Latency:
    """The texts as they are, and texts of 4 KB that are made of them."""
    joined = "\n".join(row.text for row in rows)
    joined = joined * (1 + FOUR_KILOBYTES // len(joined))
    starts = range(0, min(len(joined), 400 * FOUR_KILOBYTES) - FOUR_KILOBYTES + 1, FOUR_KILOBYTES)
    _, long = _timed(score, [joined[start : start + FOUR_KILOBYTES] for start in starts])
    return Latency(p50=_percentile(seconds, 50), p95=_percentile(seconds, 95), p95_4kb=_percentile(long, 95))


def _percentile(seconds: Sequence[float], percent: int) -> float:
    cuts = quantiles([*seconds, *seconds], n=100, method="inclusive")
    return round(1000 * cuts[percent - 1], 4)
