"""Curves of metrics over their whole history, in buckets of steps or of time.

A bucket is 2**shift steps (or milliseconds) wide and knows the first place in it, how
many points, how many of them are no finite number, the least, the greatest and the sum
of the others. Buckets of one width add up, in any order, so that a point that comes
late is in the curve like any other. Of a long metric the buckets of what has settled
are kept (`MetricCurve`), and a look adds what is newer; who writes points does nothing.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson
from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from lifecycle.models import LatestMetric, MetricCurve, Run
from lifecycle.store import curves as store
from lifecycle.store.curves import NewCurve
from mlops.core.errors import BadQuery, NotFound

Axis = Literal["step", "time"]
AXES: Final[tuple[Axis, ...]] = ("step", "time")
MIN_BUCKETS: Final = 2
"""One below 0 and one from 0 on never become one."""
MAX_BUCKETS: Final = 2000
MAX_CURVES: Final = 120
KEPT_BUCKETS: Final = 4096
KEPT_FROM: Final = 20_000
"""Points from which a summary is kept: fewer are counted in milliseconds."""
BEHIND: Final = 50_000
"""Newer rows of all metrics after which a kept summary is brought forward."""
NEAR: Final = 300_000
"""Up to so many newer rows are looked through by number, more by the metric's index."""
LAST: Final = 2**63 - 1

_COLUMNS = {"step": "step", "time": "timestamp_ms"}
_LARGEST = sys.float_info.max
_SUMMABLE = 1e290
"""What is larger is left out of sums, which then never overflow."""

# Unary plus and || keep both databases from the metric's index, where few rows are new.
_BY_INDEX = "run_id = %s AND key_id = %s AND dataset = %s"
_BY_NUMBER = "+run_id = %s AND +key_id = %s AND dataset || '' = %s"
_SUMMED = (-_SUMMABLE, _SUMMABLE)
_FINITE = "NOT is_nan AND value BETWEEN %s AND %s"
# Of all values: what is no finite number shows in a bucket's ends or its last column.
_PLAIN = """
    SELECT {axis} >> {shift}, MIN({axis}), COUNT(*), MIN(value), MAX(value),
        SUM(CASE WHEN value BETWEEN %s AND %s THEN value ELSE 0 END),
        COUNT(*) FILTER (WHERE is_nan)
    FROM lifecycle_metricpoint WHERE {which} AND {within} GROUP BY 1
"""
_GROUPED = """
    SELECT {axis} >> {shift}, MIN({axis}), COUNT(*), MIN(value), MAX(value),
        SUM(CASE WHEN value BETWEEN %s AND %s THEN value ELSE 0 END)
    FROM lifecycle_metricpoint
    WHERE {which} AND {within} AND {finite} GROUP BY 1
"""
_SPECIAL = """
    SELECT {axis} >> {shift}, MIN({axis}), COUNT(*) FROM lifecycle_metricpoint
    WHERE {which} AND {within} AND NOT ({finite}) GROUP BY 1
"""
_ENDS = "SELECT MIN({axis}), MAX({axis}) FROM lifecycle_metricpoint WHERE {which}"
_END = """
    SELECT {axis} FROM lifecycle_metricpoint WHERE {which} ORDER BY {axis} {way} LIMIT 1
"""
_IS_LONG = """
    SELECT 1 FROM lifecycle_metricpoint WHERE {which} LIMIT 1 OFFSET {from_}
"""
_NEWEST = "SELECT COALESCE(MAX(id), 0) FROM lifecycle_metricpoint"
# Nobody is writing while it is held, and who writes later gets a higher number.
_HOLD = "LOCK TABLE lifecycle_metricpoint IN SHARE MODE"
_PATIENCE = "SET LOCAL lock_timeout = '200ms'"


@dataclass(slots=True)
class Bucket:
    """Points that lie together; `low` and `high` are None if none is finite."""

    first: int
    finite: int = 0
    special: int = 0
    low: float | None = None
    high: float | None = None
    total: float = 0.0

    @property
    def mean(self) -> float | None:
        """The mean of the finite values; None too where they are too large to add."""
        if self.low is None or self.high is None:
            return None
        if self.low < -_SUMMABLE or self.high > _SUMMABLE:
            return self.low if self.low == self.high else None
        # A sum is rounded: no mean lies outside of what it is the mean of.
        return min(max(self.total / self.finite, self.low), self.high)

    def add(self, other: "Bucket") -> None:
        """Add the points of another bucket to this one."""
        self.first = min(self.first, other.first)
        self.finite += other.finite
        self.special += other.special
        self.total += other.total
        if other.low is not None and other.high is not None:
            self.low = other.low if self.low is None else min(self.low, other.low)
            self.high = other.high if self.high is None else max(self.high, other.high)


@dataclass(slots=True)
class Curve:
    """A metric of a run: buckets by number, in order, 2**shift wide each."""

    run: Run
    metric: str
    dataset: str
    axis: Axis
    shift: int = 0
    buckets: dict[int, Bucket] = field(default_factory=dict)

    def add(self, number: int, bucket: Bucket) -> None:
        known = self.buckets.get(number)
        if known is None:
            self.buckets[number] = bucket
        else:
            known.add(bucket)

    def merge(self, other: "Curve") -> None:
        """Add the points of a curve of the same width."""
        for number, bucket in other.buckets.items():
            self.add(number, bucket)

    def coarsen(self, most: int) -> None:
        """Double the width until there are at most so many buckets."""
        while len(self.buckets) > most:
            finer, self.buckets = self.buckets, {}
            self.shift += 1
            for number, bucket in finer.items():
                self.add(number >> 1, bucket)
        self.buckets = dict(sorted(self.buckets.items()))

    @property
    def points(self) -> int:
        """How many points were counted, those that are no finite number included."""
        return sum(one.finite + one.special for one in self.buckets.values())


@dataclass(frozen=True, slots=True)
class CurveWindow:
    """Which part of the axis is asked for, ends included, and how finely."""

    axis: Axis
    most: int
    low: int | None = None
    high: int | None = None

    @property
    def is_whole(self) -> bool:
        return self.low is None and self.high is None


def of_runs(
    uids: Sequence[str], metrics: Sequence[str], window: CurveWindow
) -> list[Curve]:
    """Return the curves of the living runs of these ids, as `of` does.

    Raises NotFound for a run that is not there.
    """
    runs = {run.uid: run for run in Run.objects.alive().filter(uid__in=uids)}
    for uid in uids:
        if uid not in runs:
            raise NotFound(f"There is no run {uid!r}.", field="run_id")
    return of([runs[uid] for uid in dict.fromkeys(uids)], metrics, window)


def of(runs: Sequence[Run], metrics: Sequence[str], window: CurveWindow) -> list[Curve]:
    """Return the curves of the runs' metrics, of all metrics if none is named.

    In the order of the runs, then by name and dataset. Raises BadQuery if there are
    more than MAX_CURVES: none is left out.
    """
    found = LatestMetric.objects.filter(run__in=runs).newest()
    if metrics:
        found = found.filter(key__name__in=metrics)
    series = list(found[: MAX_CURVES + 1])
    if len(series) > MAX_CURVES:
        raise BadQuery(
            f"These are more than {MAX_CURVES} curves: name metrics or fewer runs.",
            field="metric",
        )
    order = {run.pk: place for place, run in enumerate(runs)}
    by_pk = {run.pk: run for run in runs}
    series.sort(key=lambda one: order[one.run_id])
    kept = _kept(by_pk, series, window)
    return [_curve(by_pk[one.run_id], one, window, kept) for one in series]


_Kept = Mapping[tuple[int, int, str], MetricCurve]


def _kept(
    runs: Mapping[int, Run], series: Sequence[LatestMetric], window: CurveWindow
) -> _Kept:
    if not window.is_whole:
        return {}
    keys = {one.key_id for one in series}
    rows = MetricCurve.objects.filter(run__in=runs, key__in=keys, axis=window.axis)
    return {(row.run_id, row.key_id, row.dataset): row for row in rows}


def _curve(run: Run, one: LatestMetric, window: CurveWindow, kept: _Kept) -> Curve:
    count = _Count(run, one, window.axis)
    if not window.is_whole:
        curve = count.between(window)
    elif row := kept.get((one.run_id, one.key_id, one.dataset)):
        curve = count.forward(row)
    else:
        curve = count.whole()
    curve.coarsen(window.most)
    return curve


class _Count:
    """Counts one metric along one axis."""

    def __init__(self, run: Run, one: LatestMetric, axis: Axis) -> None:
        self.run, self.one, self.axis = run, one, axis
        self.name = (one.run_id, one.key_id, one.dataset)

    def whole(self) -> Curve:
        """Count all points; of a long metric, keep what has settled."""
        settled = _settled() if self._is_long() else None
        curve = self._empty(self._shift(*self._ends()))
        self._count(curve, _BY_INDEX, up_to=LAST if settled is None else settled)
        if settled is None:
            return curve
        self._keep(curve, settled)
        return self._newer(curve, settled)

    def forward(self, row: MetricCurve) -> Curve:
        """Return what is kept with what is newer; keep that when it is far behind."""
        curve = self._empty(row.shift)
        curve.buckets = _unpacked(row.buckets)
        if _newest() - row.settled < BEHIND:
            return self._newer(curve, row.settled)
        settled = _settled()
        if settled is None:
            return self._newer(curve, row.settled)
        self._newer(curve, row.settled, up_to=settled)
        self._keep(curve, settled)
        return self._newer(curve, settled)

    def between(self, window: CurveWindow) -> Curve:
        """Count the points of a part of the axis, as finely as it is asked for."""
        low, high = self._ends()
        low = low if window.low is None else max(low, window.low)
        high = high if window.high is None else min(high, window.high)
        curve = self._empty(self._shift(low, high, window.most))
        self._count(curve, _BY_INDEX, between=(low, high))
        return curve

    def _newer(self, curve: Curve, settled: int, *, up_to: int = LAST) -> Curve:
        """Add the points behind a row's number to the curve."""
        newer = self._empty(curve.shift)
        which = _BY_NUMBER if _newest() - settled <= NEAR else _BY_INDEX
        self._count(newer, which, after=settled, up_to=up_to)
        curve.merge(newer)
        curve.coarsen(KEPT_BUCKETS)
        return curve

    def _count(
        self,
        curve: Curve,
        which: str,
        *,
        after: int = 0,
        up_to: int = LAST,
        between: tuple[int, int] | None = None,
    ) -> None:
        column = _COLUMNS[self.axis]
        within, bounds = "id > %s AND id <= %s", (after, up_to)
        if between is not None:
            within, bounds = f"{column} >= %s AND {column} <= %s", between
        parts = {"axis": column, "shift": curve.shift, "which": which}
        parts |= {"within": within, "finite": _FINITE}
        where = (*self.name, *bounds)
        with connection.cursor() as cursor:
            cursor.execute(_PLAIN.format(**parts), (*_SUMMED, *where))
            rows = cursor.fetchall()
            if not all(map(_is_finite, rows)):
                self._count_apart(cursor, curve, parts, where)
                return
            for number, first, count, low, high, total, _nans in rows:
                curve.add(number, Bucket(first, count, 0, low, high, total))

    def _count_apart(
        self,
        cursor: CursorWrapper,
        curve: Curve,
        parts: Mapping[str, object],
        where: tuple[Any, ...],
    ) -> None:
        """Count finite values, then the others, where there are some."""
        where = (*where, -_LARGEST, _LARGEST)
        cursor.execute(_GROUPED.format(**parts), (*_SUMMED, *where))
        for number, first, count, low, high, total in cursor:
            curve.add(number, Bucket(first, count, 0, low, high, total))
        cursor.execute(_SPECIAL.format(**parts), where)
        for number, first, count in cursor:
            curve.add(number, Bucket(first, special=count))

    def _ends(self) -> tuple[int, int]:
        """Return the least and the greatest place; there is at least one point."""
        parts = {"axis": _COLUMNS[self.axis], "which": _BY_INDEX}
        with connection.cursor() as cursor:
            if self.axis == "time":
                cursor.execute(_ENDS.format(**parts), self.name)
                low, high = cursor.fetchone()
                return low, high
            ends = []
            for way in ("ASC", "DESC"):
                cursor.execute(_END.format(way=way, **parts), self.name)
                ends.append(cursor.fetchone()[0])
        return ends[0], ends[1]

    def _shift(self, low: int, high: int, most: int = KEPT_BUCKETS) -> int:
        shift = 0
        while (high >> shift) - (low >> shift) >= most:
            shift += 1
        return shift

    def _is_long(self) -> bool:
        with connection.cursor() as cursor:
            long = _IS_LONG.format(which=_BY_INDEX, from_=KEPT_FROM)
            cursor.execute(long, self.name)
            return cursor.fetchone() is not None

    def _keep(self, curve: Curve, settled: int) -> None:
        run, key, dataset = self.name
        packed = _packed(curve.buckets)
        row = NewCurve(run, key, dataset, self.axis, settled, curve.shift, packed)
        with transaction.atomic(), connection.cursor() as cursor:
            store.keep(cursor, row)

    def _empty(self, shift: int) -> Curve:
        one = self.one
        return Curve(self.run, one.key.name, one.dataset, self.axis, shift)


def _is_finite(row: Sequence[Any]) -> bool:
    """Whether a row of _PLAIN has finite values alone: its ends are, and no NaN."""
    _number, _first, _count, low, high, _total, nans = row
    return not nans and bool(low >= -_LARGEST and high <= _LARGEST)


def _newest() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        return int(cursor.fetchone()[0])


def _settled() -> int | None:
    """Return the number up to which no point can come any more; None if it is unclear.

    SQLite has one writer, whose numbers appear in order. In PostgreSQL a lower number
    may be committed later: the writers are waited for, not longer than 200 ms.
    """
    if not connection.features.has_select_for_update:
        return _newest()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_PATIENCE)
            cursor.execute(_HOLD)
            cursor.execute(_NEWEST)
            return int(cursor.fetchone()[0])
    except OperationalError:
        return None


def _packed(buckets: Mapping[int, Bucket]) -> bytes:
    rows = [
        (number, one.first, one.finite, one.special, one.low, one.high, one.total)
        for number, one in buckets.items()
    ]
    return orjson.dumps(rows)


def _unpacked(stored: Any) -> dict[int, Bucket]:
    return dict(_rows(orjson.loads(bytes(stored))))


def _rows(stored: Sequence[Sequence[Any]]) -> Iterator[tuple[int, Bucket]]:
    for number, *values in stored:
        yield number, Bucket(*values)
