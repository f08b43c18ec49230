"""Points in (log Teff, log g) and the nodes of an atmosphere library in; which nodes count, and how much, out.

Two schemes: columns of equal temperature (default), and the one of PEGASE.2, which BEAST has.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastsed.arrays import Floats

Indices = NDArray[np.intp]

GRAVITY_SCALE = 0.1  # dex of temperature that count as much as one of gravity
SAME_TEMPERATURE = 1e-6
# quadrants of PEGASE: hotter and higher gravity, hotter and lower, cooler and higher, cooler and lower
HOT_HIGH, HOT_LOW, COOL_HIGH, COOL_LOW = range(4)
# triple of quadrants: the pair that stays where the point is outside of the triangle
TRIPLES: dict[tuple[int, ...], tuple[int, int]] = {
    (HOT_LOW, COOL_HIGH, COOL_LOW): (HOT_LOW, COOL_HIGH),
    (HOT_HIGH, COOL_HIGH, COOL_LOW): (HOT_HIGH, COOL_LOW),
    (HOT_HIGH, HOT_LOW, COOL_LOW): (HOT_HIGH, COOL_LOW),
    (HOT_HIGH, HOT_LOW, COOL_HIGH): (HOT_LOW, COOL_HIGH),
}
_CHUNK = 4096


def column_weights(
    temperature: Floats, gravity: Floats, nodes_t: Floats, nodes_g: Floats
) -> tuple[Indices, Floats]:
    """Linear in log g within the columns of equal temperature on both sides, then linear in log T.

    It is continuous, bilinear where the nodes form a rectangle, and holds the value of the end of a column, or of the
    outermost column, beyond. Where hardly two nodes have the same temperature, their Delaunay triangles take the place
    of the columns.

    Parameters
    ----------
    temperature, gravity : float64 (n,)
        log Teff, log g of the points.
    nodes_t, nodes_g : float64 (m,)
        Those of the nodes.

    Returns
    -------
    index : intp (n, 4)
    weight : float64 (n, 4)
        Non-negative, sum 1.
    """
    columns, member = temperature_columns(nodes_t)
    if is_scattered(nodes_t):
        return _triangle_weights(temperature, gravity, nodes_t, nodes_g)
    low, fraction = _bracket(columns, temperature)
    index, weight = np.zeros((len(temperature), 4), dtype=np.intp), np.zeros((len(temperature), 4))
    for side, part in ((0, 1.0 - fraction), (1, fraction)):
        column = np.minimum(low + side, len(columns) - 1)
        for k in np.unique(column):
            points, rows = column == k, np.flatnonzero(member == k)
            rows = rows[np.argsort(nodes_g[rows], kind="stable")]
            start, along = _bracket(nodes_g[rows], gravity[points])
            index[points, 2 * side] = rows[start]
            index[points, 2 * side + 1] = rows[np.minimum(start + 1, len(rows) - 1)]
            weight[points, 2 * side] = part[points] * (1.0 - along)
            weight[points, 2 * side + 1] = part[points] * along
    return index, weight


def temperature_columns(nodes_t: Floats) -> tuple[Floats, Indices]:
    """Distinct temperatures of nodes, ascending (those that differ by rounding count as one), and that of each node."""
    distinct, member = np.unique(nodes_t, return_inverse=True)
    number = np.concatenate([[0], np.cumsum(np.diff(distinct) > SAME_TEMPERATURE)])
    first = np.concatenate([[True], np.diff(number) > 0])
    return distinct[first], number[member.ravel()]


def is_scattered(nodes_t: Floats) -> bool:
    """Whether hardly two nodes have the same temperature."""
    return len(temperature_columns(nodes_t)[0]) > max(8, len(nodes_t) // 2)


def _bracket(axis: Floats, values: Floats) -> tuple[Indices, Floats]:
    """Index of the value of an ascending axis at or below, and the fraction of the way to the next (clipped)."""
    if len(axis) == 1:
        return np.zeros(len(values), dtype=np.intp), np.zeros(len(values))
    low = np.clip(np.searchsorted(axis, values, side="right") - 1, 0, len(axis) - 2)
    step = axis[low + 1] - axis[low]
    fraction = np.divide(values - axis[low], step, out=np.zeros(len(values)), where=step > 0.0)
    return low, np.clip(fraction, 0.0, 1.0)


def _triangle_weights(
    temperature: Floats, gravity: Floats, nodes_t: Floats, nodes_g: Floats
) -> tuple[Indices, Floats]:
    """Barycentric in the Delaunay triangles of the nodes; the nearest node beyond them."""
    from scipy.spatial import Delaunay, cKDTree

    nodes = np.column_stack([nodes_t, GRAVITY_SCALE * nodes_g])
    points = np.column_stack([temperature, GRAVITY_SCALE * gravity])
    triangles = Delaunay(nodes)
    simplex = triangles.find_simplex(points)
    index, weight = np.zeros((len(points), 4), dtype=np.intp), np.zeros((len(points), 4))
    inside = simplex >= 0
    transform = triangles.transform[simplex[inside]]
    first = np.einsum("nij,nj->ni", transform[:, :2], points[inside] - transform[:, 2])
    index[inside, :3] = triangles.simplices[simplex[inside]]
    weight[inside, :3] = np.maximum(np.column_stack([first, 1.0 - first.sum(axis=1)]), 0.0)
    index[~inside, 0] = cKDTree(nodes).query(points[~inside])[1]
    weight[~inside, 0] = 1.0
    return index, weight / weight.sum(axis=1, keepdims=True)


def pegase_weights(
    temperature: Floats, gravity: Floats, nodes_t: Floats, nodes_g: Floats, farthest: float = 0.1
) -> tuple[Indices, Floats]:
    """The scheme of PEGASE.2 as in BEAST: the nearest node in each of the four quadrants around the point.

    Distances are |d log T| + 0.1 |d log g|. Of two nodes on the same side in temperature, the one further away is
    left out if they are more than `farthest` dex apart; node number 0 escapes that test, as in BEAST. Four nodes are
    interpolated bilinearly, three by their triangle, two linearly; preference is given to the temperature.

    Parameters and returns are those of `column_weights`; weights that do not count are 0.
    """
    index, weight = np.zeros((len(temperature), 4), dtype=np.intp), np.zeros((len(temperature), 4))
    for first in range(0, len(temperature), _CHUNK):
        part = slice(first, first + _CHUNK)
        index[part], weight[part] = _pegase_chunk(
            temperature[part], gravity[part], nodes_t, nodes_g, farthest
        )
    return index, np.where(weight > 0.0, weight, 0.0)


def _pegase_chunk(
    t: Floats, g: Floats, nodes_t: Floats, nodes_g: Floats, farthest: float
) -> tuple[Indices, Floats]:
    dt, dg = nodes_t - t[:, None], nodes_g - g[:, None]
    distance, hot, high = np.abs(dt) + GRAVITY_SCALE * np.abs(dg), dt >= 0.0, dg >= 0.0
    index = np.full((len(t), 4), -1, dtype=np.intp)
    for k, quadrant in enumerate((hot & high, hot & ~high, ~hot & high, ~hot & ~high)):
        inside = np.where(quadrant, distance, np.inf)
        nearest = inside.argmin(axis=1)
        index[:, k] = np.where(quadrant.any(axis=1), nearest, -1)
    for a, b, sign in ((HOT_HIGH, HOT_LOW, 1.0), (COOL_HIGH, COOL_LOW, -1.0)):
        both = (index[:, a] > 0) & (index[:, b] > 0)
        # how much further away in temperature b is than a
        excess = sign * (nodes_t[index[:, b]] - nodes_t[index[:, a]])
        index[both & (excess > farthest), b] = -1
        index[both & (-excess > farthest), a] = -1
    weight = np.zeros((len(t), 4))
    pattern = (index >= 0) @ (1 << np.arange(4))
    for code in np.unique(pattern):
        rows = pattern == code
        used = tuple(k for k in range(4) if code >> k & 1)
        corners = np.stack([nodes_t[index[rows]], nodes_g[index[rows]]], axis=-1)
        weight[rows] = _corner_weights(t[rows], g[rows], corners, used)
    exact = distance.min(axis=1) == 0.0
    index[exact], weight[exact] = -1, 0.0
    index[exact, 0], weight[exact, 0] = distance[exact].argmin(axis=1), 1.0
    return np.maximum(index, 0), weight


def _corner_weights(t: Floats, g: Floats, corners: Floats, used: tuple[int, ...]) -> Floats:
    """Weights (n, 4) of the corners (n, 4, 2: temperature, gravity) of which some are used."""
    weight = np.zeros((len(t), 4))
    if len(used) == 1:
        weight[:, used[0]] = 1.0
    elif len(used) == 4:
        _bilinear(t, g, corners, weight)
    elif len(used) == 3:
        _triangle(t, g, corners, used, weight)
    elif used in ((HOT_HIGH, HOT_LOW), (COOL_HIGH, COOL_LOW)):
        _same_side(g, corners, used, weight)
    else:
        _two_sides(t, corners, used, np.ones(len(t), dtype=bool), weight)
    return weight


def _bilinear(t: Floats, g: Floats, corners: Floats, weight: Floats) -> None:
    temperature, gravity = corners[..., 0], corners[..., 1]
    alpha = _fraction(t, temperature[:, COOL_HIGH], temperature[:, HOT_HIGH])
    beta = _fraction(t, temperature[:, COOL_LOW], temperature[:, HOT_LOW])
    upper = alpha * gravity[:, HOT_HIGH] + (1.0 - alpha) * gravity[:, COOL_HIGH]
    lower = beta * gravity[:, HOT_LOW] + (1.0 - beta) * gravity[:, COOL_LOW]
    gamma = _fraction(g, lower, upper)
    weight[:, HOT_HIGH], weight[:, COOL_HIGH] = alpha * gamma, (1.0 - alpha) * gamma
    weight[:, HOT_LOW], weight[:, COOL_LOW] = beta * (1.0 - gamma), (1.0 - beta) * (1.0 - gamma)


def _fraction(value: Floats, start: Floats, stop: Floats) -> Floats:
    """Way of `value` from start to stop; one half where they coincide."""
    step = stop - start
    fraction: Floats = np.divide(value - start, step, out=np.full(len(value), 0.5), where=step != 0.0)
    return fraction


def _triangle(t: Floats, g: Floats, corners: Floats, used: tuple[int, ...], weight: Floats) -> None:
    a, b, c = (corners[:, k] for k in used)

    def area(p: Floats, q: Floats, r: Floats) -> Floats:
        return np.asarray(
            (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (r[:, 0] - p[:, 0]) * (q[:, 1] - p[:, 1])
        )

    point, whole = np.column_stack([t, g]), area(a, b, c)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.column_stack([area(point, b, c), area(a, point, c), area(a, b, point)]) / whole[:, None]
    inside = np.asarray(((parts >= 0.0) & (parts <= 1.0)).all(axis=1))
    for k, column in enumerate(used):
        weight[inside, column] = parts[inside, k]
    _two_sides(t, corners, TRIPLES[used], ~inside, weight)


def _two_sides(
    t: Floats, corners: Floats, used: tuple[int, ...], rows: NDArray[np.bool_], weight: Floats
) -> None:
    """Linear in temperature between a hotter and a cooler node."""
    hot, cool = used
    fraction = _fraction(t[rows], corners[rows, cool, 0], corners[rows, hot, 0])
    weight[rows, hot], weight[rows, cool] = fraction, 1.0 - fraction


def _same_side(g: Floats, corners: Floats, used: tuple[int, ...], weight: Floats) -> None:
    """Linear in gravity between nodes of equal temperature, else the one that is nearer in temperature."""
    high, low = used
    temperature = corners[..., 0]
    fraction = _fraction(g, corners[:, low, 1], corners[:, high, 1])
    difference = temperature[:, high] - temperature[:, low]
    nearer = difference < 0.0 if used[0] == HOT_HIGH else difference > 0.0
    fraction = np.where(np.abs(difference) < SAME_TEMPERATURE, fraction, nearer.astype(float))
    weight[:, high], weight[:, low] = fraction, 1.0 - fraction
