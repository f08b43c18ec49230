"""Interpolation in a library: both schemes at nodes, between them, beyond them."""

from __future__ import annotations

import numpy as np
import pytest

from fastsed.models.stars.node_weights import column_weights, pegase_weights, temperature_columns

T_AXIS, G_AXIS = np.arange(3.5, 4.01, 0.05), np.arange(1.0, 5.1, 0.5)
NODES_T, NODES_G = (axis.ravel() for axis in np.meshgrid(T_AXIS, G_AXIS, indexing="ij"))
FAR = (9, 9)
RNG = np.random.default_rng(4)


def interpolated(find, t, g, nodes_t, nodes_g, values):
    index, weight = find(t, g, nodes_t, nodes_g)
    assert (weight >= 0).all()
    np.testing.assert_allclose(weight.sum(axis=1), 1.0, rtol=1e-12)
    return (weight * values[index]).sum(axis=1)


@pytest.mark.parametrize("find", [column_weights, pegase_weights])
def test_bilinear_on_a_rectangle(find):
    t, g = RNG.uniform(3.5, 4.0, 200), RNG.uniform(1.0, 5.0, 200)
    values = 2 * NODES_T - 3 * NODES_G + 0.5 * NODES_T * NODES_G
    got = interpolated(find, t, g, NODES_T, NODES_G, values)
    np.testing.assert_allclose(got, 2 * t - 3 * g + 0.5 * t * g, rtol=1e-10)


@pytest.mark.parametrize("find", [column_weights, pegase_weights])
def test_a_node_gives_itself(find):
    values = RNG.random(len(NODES_T))
    got = interpolated(find, NODES_T, NODES_G, NODES_T, NODES_G, values)
    np.testing.assert_allclose(got, values, rtol=1e-12)


@pytest.mark.parametrize("scattered", [False, True])
def test_nodes_of_any_temperature_give_themselves_alone(scattered):
    """log10 of round temperatures are no round numbers; a neighbour must not count by a part in 1e6."""
    t = np.log10(np.arange(3500.0, 8001.0, 250.0))
    nodes_t, nodes_g = (axis.ravel() for axis in np.meshgrid(t, G_AXIS, indexing="ij"))
    if scattered:
        nodes_t = nodes_t + RNG.uniform(-0.01, 0.01, len(nodes_t))
    index, weight = column_weights(nodes_t, nodes_g, nodes_t, nodes_g)
    own = (weight * (index == np.arange(len(nodes_t))[:, None])).sum(axis=1)
    np.testing.assert_allclose(own, 1.0, rtol=0, atol=1e-9)


def test_temperatures_that_differ_by_rounding_are_one_column():
    columns, member = temperature_columns(np.array([3.6, 3.5, 3.5 + 1e-12, 3.6 - 1e-9]))
    np.testing.assert_allclose(columns, [3.5, 3.6])
    np.testing.assert_array_equal(member, [1, 0, 0, 1])


def test_columns_hold_their_ends():
    values = NODES_T + 10 * NODES_G
    t, g = np.array([3.4, 3.75, 4.2, 3.75]), np.array([3.0, 0.5, 3.0, 6.0])
    got = interpolated(column_weights, t, g, NODES_T, NODES_G, values)
    np.testing.assert_allclose(got, [33.5, 13.75, 34.0, 53.75])


def test_columns_of_different_length_and_a_single_one():
    nodes_t = np.array([3.5, 3.5, 3.5, 3.6, 3.6, 3.7])
    nodes_g = np.array([1.0, 2.0, 3.0, 2.0, 3.0, 3.0])
    values = np.arange(6.0)
    got = interpolated(column_weights, np.array([3.55, 3.65]), np.array([1.5, 2.5]), nodes_t, nodes_g, values)
    np.testing.assert_allclose(got, [(0.5 + 3.0) / 2, (3.5 + 5.0) / 2])
    alone = interpolated(
        column_weights, np.array([3.4, 3.9]), np.array([1.5, 9.0]), nodes_t[:3], nodes_g[:3], values[:3]
    )
    np.testing.assert_allclose(alone, [0.5, 2.0])


def test_scattered_nodes_by_triangles():
    nodes_t, nodes_g = RNG.uniform(3.5, 4.0, 60), RNG.uniform(1, 5, 60)
    t, g = RNG.uniform(3.6, 3.9, 50), RNG.uniform(2, 4, 50)
    got = interpolated(column_weights, t, g, nodes_t, nodes_g, 2 * nodes_t - 3 * nodes_g)
    np.testing.assert_allclose(got, 2 * t - 3 * g, rtol=1e-9)
    far = interpolated(column_weights, np.array([5.0]), np.array([3.0]), nodes_t, nodes_g, nodes_t)
    assert far[0] in nodes_t


def plain_pegase(t0, g0, t, g):
    """Quadrants by a loop, for two and three nodes (scheme of PEGASE.2, spec of BEAST's library interpolation)."""
    best = {}
    for k in range(len(t)):
        quadrant = (t[k] >= t0, g[k] >= g0)
        distance = abs(t[k] - t0) + 0.1 * abs(g[k] - g0)
        if quadrant not in best or distance < best[quadrant][0]:
            best[quadrant] = (distance, k)
    return {q: k for q, (_, k) in best.items()}


def test_pegase_uses_the_nearest_of_each_quadrant():
    nodes_t, nodes_g = RNG.uniform(3.5, 4.0, 40), RNG.uniform(1, 5, 40)
    t, g = RNG.uniform(3.4, 4.1, 300), RNG.uniform(0.5, 5.5, 300)
    index, weight = pegase_weights(t, g, nodes_t, nodes_g)
    for n in range(300):
        allowed = set(plain_pegase(t[n], g[n], nodes_t, nodes_g).values())
        assert set(index[n][weight[n] > 0]) <= allowed


@pytest.mark.parametrize(
    ("nodes", "point", "expected"),
    [
        # two nodes on one side, the same temperature: linear in gravity
        ([FAR, (3.6, 2.0), (3.6, 4.0)], (3.5, 2.5), {1: 0.75, 2: 0.25}),
        # two on one side, unlike temperatures: the nearer one
        ([FAR, (3.60, 2.0), (3.65, 4.0)], (3.5, 2.5), {1: 1.0}),
        # on both sides: linear in temperature
        ([FAR, (3.6, 4.0), (3.4, 2.0)], (3.45, 2.5), {1: 0.25, 2: 0.75}),
        # more than 0.1 dex further away than its neighbour of the same side: not used
        ([FAR, (3.55, 4.0), (3.75, 2.0), (3.4, 4.0)], (3.5, 3.0), {1: 2 / 3, 3: 1 / 3}),
        # a triangle that contains the point
        ([FAR, (3.6, 4.0), (3.6, 2.0), (3.4, 3.5)], (3.55, 3.0), None),
        # one node
        ([(3.6, 4.0)], (3.5, 3.0), {0: 1.0}),
        # four nodes
        (
            [(3.6, 4.0), (3.6, 2.0), (3.4, 4.0), (3.4, 2.0)],
            (3.45, 3.5),
            {0: 0.1875, 1: 0.0625, 2: 0.5625, 3: 0.1875},
        ),
    ],
)
def test_pegase_by_hand(nodes, point, expected):
    t, g = np.array(nodes, float).T
    # node number 0 escapes the test of distance: another, far away in gravity, takes that number
    if nodes[0] == FAR:
        t[0], g[0] = t[1], 40.0
    index, weight = pegase_weights(np.array([point[0]]), np.array([point[1]]), t, g)
    if expected is None:
        corners = np.array(nodes[1:], float)
        used = weight[0] > 0
        assert used.sum() == 3
        np.testing.assert_allclose(weight[0][used] @ corners[index[0][used] - 1], point)
        return
    got = {int(i): w for i, w in zip(index[0], weight[0], strict=True) if w > 0}
    assert got == pytest.approx(expected)
