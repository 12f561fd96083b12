"""Fields and forces against direct solutions and closed forms."""

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from canalis.refine import Energy, Guides, SnakeSettings, snake
from canalis.refine.energies import (
    edge_map,
    gaussian_edge_force,
    gradient_vector_flow_force,
    vector_flow,
)
from canalis.refine.forces import Pull, prepared_fields
from canalis.refine.normals import region_means
from canalis.refine.tables import resample, tabulated, windows_round

from .planes import Neck, boundary_distances_mm, displaced

PIXEL = (0.4, 0.4)


def ring(radius_mm, *, points=128, center=(21.0, 24.0)):
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([center[0] + radius_mm * np.cos(turn), center[1] + radius_mm * np.sin(turn)], axis=-1)


def disc_image(radius_mm=8.0, *, inside=30.0, outside=600.0, shape=(110, 120), center=(21.0, 24.0)):
    rows, columns = np.meshgrid(0.4 * np.arange(shape[0]), 0.4 * np.arange(shape[1]), indexing="ij")
    away = np.hypot(rows - center[0], columns - center[1])
    share = np.clip((away - radius_mm) / 0.4 + 0.5, 0, 1)
    return (inside + (outside - inside) * share).astype(np.float32)


def as_curves(contours):
    return (contours[..., 0] + 1j * contours[..., 1]).astype(np.complex64)


def test_gradient_vector_flow_agrees_with_the_direct_solution():
    edges = edge_map(disc_image(4.0, shape=(60, 60), center=(12.0, 12.0))[None], pitch_mm=0.4, sigma_mm=0.8,
                     edge_hu_per_mm=150.0)  # fmt: skip
    flow = vector_flow(edges, pitch_mm=0.4, smoothness=0.05)[0]
    down, right = np.gradient(edges[0].astype(float), 0.4)
    weight = (down**2 + right**2).ravel()
    line = sparse.diags([np.ones(59), np.ones(59)], [-1, 1])
    neighbours = sparse.kron(line, sparse.eye(60)) + sparse.kron(sparse.eye(60), line)
    degree = np.asarray(neighbours.sum(axis=1)).ravel()
    system = sparse.diags(0.05 / 0.16 * degree + weight) - 0.05 / 0.16 * neighbours
    direct = spsolve(system.tocsc(), weight * (down + 1j * right).ravel()).reshape(60, 60)
    assert np.abs(flow - direct).mean() < 0.025 * np.abs(direct).mean()
    assert np.degrees(np.abs(np.angle(flow * direct.conj())).mean()) < 1.0


def test_gradient_vector_flow_points_to_the_edge_from_the_middle_of_the_canal():
    edges = edge_map(disc_image()[None], pitch_mm=0.4, sigma_mm=0.8, edge_hu_per_mm=150.0)
    flow = gradient_vector_flow_force(edges, pitch_mm=0.4, smoothness=0.05)[0]
    row, column = round(21.0 / 0.4), round((24.0 + 3.0) / 0.4)
    assert flow[row, column].imag > 0.5
    assert np.abs(flow).max() <= 1.0


def test_the_edge_map_is_one_half_where_the_gradient_is_the_named_one():
    slope = (150.0 * 0.4 * np.arange(60, dtype=np.float32))[None, :, None] * np.ones((1, 1, 60), np.float32)
    edges = edge_map(slope, pitch_mm=0.4, sigma_mm=0.8, edge_hu_per_mm=150.0)
    np.testing.assert_allclose(edges[0, 20:40, 20:40], 0.5, rtol=1e-5)


def test_the_gaussian_edge_force_is_never_over_one_and_pulls_to_the_edge():
    edges = edge_map(disc_image()[None], pitch_mm=0.4, sigma_mm=1.0, edge_hu_per_mm=150.0)
    force = gaussian_edge_force(edges, pitch_mm=0.4, sigma_mm=1.0)[0]
    assert np.abs(force).max() <= 1.0
    assert force[round(21.0 / 0.4), round((24.0 + 6.8) / 0.4)].imag > 0.2
    assert force[round(21.0 / 0.4), round((24.0 + 9.2) / 0.4)].imag < -0.2


@pytest.mark.parametrize(
    ("energy", "start_mm"),
    [
        (Energy(gaussian_edge=1.0, tension=0.02), 7.0),
        (Energy(gradient_vector_flow=1.0, tension=0.02), 3.0),
        (Energy(region=1.0, tension=0.02), 4.0),
        (Energy(region=1.0, tension=0.02), 12.0),
        (Energy(bone_edge=1.0), 4.0),
        (Energy(bone_edge=1.0), 11.0),
        (Energy(gaussian_edge=1.0, balloon=0.1), 5.0),
    ],
    ids=["gaussian", "flow", "region-in", "region-out", "bone-in", "bone-out", "balloon"],
)
def test_each_energy_finds_the_edge_of_a_dark_disc(energy, start_mm):
    settings = SnakeSettings(step=0.5, settled_mm=0.01, max_iterations=1000)
    found = snake(disc_image()[None], PIXEL, ring(start_mm)[None], energy, settings)
    assert found.converged.all(), found.reasons
    assert boundary_distances_mm(found.contours_mm[0], ring(8.0)).mean() < 0.15


def test_the_bone_edge_turns_its_back_on_an_edge_from_bright_to_dark():
    bright = disc_image(inside=600.0, outside=30.0)
    found = snake(bright[None], PIXEL, ring(7.5)[None], Energy(bone_edge=1.0))
    assert not found.converged[0]
    assert found.support is not None
    assert found.support[0] == 0.0


def test_half_maximum_is_where_the_profile_is_half_way_from_lumen_to_cortex():
    neck = Neck(cortex_mm=3.0, cortex_hu=1200.0, bump=(0.0, 0.0))
    found = snake(neck.image(fwhm_mm=1.5)[None], PIXEL, neck.outline()[None], Energy(bone_edge=1.0))
    assert boundary_distances_mm(found.contours_mm[0], neck.outline(256)).mean() < 0.08


def test_the_network_s_probability_moves_the_outline_to_one_half():
    probability = 1 - disc_image(inside=0.0, outside=1.0)
    blank = np.zeros_like(probability)
    settings = SnakeSettings(step=0.2, settled_mm=0.01)
    found = snake(
        blank[None], PIXEL, ring(6.0)[None], Energy(prior=1.0, tension=0.02), settings,
        guides=Guides(probability=probability[None]),
    )  # fmt: skip
    assert found.converged.all(), found.reasons
    assert boundary_distances_mm(found.contours_mm[0], ring(8.0)).mean() < 0.1


def test_region_means_by_green_s_theorem_are_those_of_the_mask():
    image = np.clip(Neck(center_mm=(21.0, 24.0)).image(shape=(110, 120), noise_hu=30.0), -50, 450)[None]
    curves = as_curves(ring(7.0)[None])
    windows = windows_round(curves, shape=(110, 120), spacing_mm=PIXEL, margin_mm=np.inf)
    fields = prepared_fields(
        image, PIXEL, curves, energy=Energy(region=1.0), windows=windows, probability=None
    )
    place = fields.sums.place(np.arange(1), 128)
    inside, outside = region_means(fields.sums, curves, place, totals=fields.totals)
    rows, columns = np.meshgrid(0.4 * np.arange(110), 0.4 * np.arange(120), indexing="ij")
    mask = np.hypot(rows - 21.0, columns - 24.0) < 7.0
    assert inside[0] == pytest.approx(image[0][mask].mean(), abs=5.0)
    assert outside[0] > inside[0] + 50


def test_points_of_no_weight_feel_no_image():
    curves = as_curves(ring(7.0)[None])
    windows = windows_round(curves, shape=(110, 120), spacing_mm=PIXEL, margin_mm=4.0)
    energy = Energy(bone_edge=1.0, gaussian_edge=1.0)
    fields = prepared_fields(
        disc_image()[None], PIXEL, curves, energy=energy, windows=windows, probability=None
    )
    weights = np.ones((1, 128), np.float32)
    weights[0, 30:60] = 0
    force = Pull(fields, energy, np.arange(1), 128, weights).force(curves)
    assert (force[0, 30:60] == 0).all()
    assert (np.abs(force[0, :30]) > 0.1).all()


def test_reading_a_table_is_bilinear_in_the_image():
    rng = np.random.default_rng(12)
    image = rng.normal(size=(1, 40, 50)).astype(np.float32)
    curves = as_curves(
        displaced(Neck(center_mm=(8.0, 10.0), width_mm=14, depth_mm=10), rng, most_mm=0.5)[None]
    )
    windows = windows_round(curves, shape=(40, 50), spacing_mm=PIXEL, margin_mm=np.inf)
    table = tabulated(resample(image, PIXEL, windows), windows)
    read = table.read(curves, table.place(np.arange(1), 128), linear=True)[0]
    rows, columns = curves[0].real / 0.4, curves[0].imag / 0.4
    r, c = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - r, columns - c
    expected = (1 - down) * ((1 - right) * image[0, r, c] + right * image[0, r, c + 1]) + down * (
        (1 - right) * image[0, r + 1, c] + right * image[0, r + 1, c + 1]
    )
    np.testing.assert_allclose(read, expected, atol=2e-3)
    nearest = table.read(curves, table.place(np.arange(1), 128), linear=False)[0]
    np.testing.assert_array_equal(nearest, image[0, np.rint(rows).astype(int), np.rint(columns).astype(int)])
