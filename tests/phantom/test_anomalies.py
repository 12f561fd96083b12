"""Uncommon necks: blocks, cervical ribs, open rings, fused masses; their labels and levels."""

from dataclasses import replace

import numpy as np
import pytest

from canalis.phantom.canal import canal_at
from canalis.phantom.growth import EVERY_BONE, Growth
from canalis.phantom.neck import C1, C7, Ridge, Rim, Uncus, Vein
from canalis.phantom.ossification import Wanted, plan_growths
from canalis.phantom.plan import plan_neck
from canalis.phantom.structures import Structure
from canalis.phantom.truth import section_at, truth_of
from canalis.phantom.vertebra import bones_of
from canalis.phantom.wall_shifts import wall_shifts

from .drawing import C4, C5, PIXEL_MM, SEED, drawn

SEEDS = range(SEED, SEED + 300)


def changed(neck, index, **changes):
    vertebrae = list(neck.vertebrae)
    vertebrae[index] = replace(vertebrae[index], **changes)
    return replace(neck, vertebrae=tuple(vertebrae))


@pytest.fixture(scope="module")
def neck():
    return replace(plan_neck(np.random.default_rng(SEED)), density=1.0)


def test_a_block_has_no_disc_but_bone_from_body_to_body(neck):
    disc_mm = neck.vertebrae[C4].lower_mm - neck.vertebrae[C5].upper_mm
    joined = changed(changed(neck, C4, block=True), C5, block_above=True)
    at_disc = neck.vertebrae[C4].lower_mm - disc_mm / 2
    counts, densities = [], []
    for made, (x, y, s) in (drawn(n, (), middle=at_disc, half=(14.0, 26.0, 12.0)) for n in (neck, joined)):
        canal = canal_at(neck, s)
        inside = (np.abs(x) < 6) & (np.abs(y - canal.front(x) + 9) < 4)
        inside &= np.abs(s - at_disc) < disc_mm / 2 + 3
        counts.append(np.bincount(made.structure[inside], minlength=7)[[Structure.DISC, Structure.BODY]])
        densities.append(np.median(made.hu[inside & (np.abs(s - at_disc) < 1)]))
    assert counts[0][0] > 0
    assert counts[1][0] == 0
    assert counts[1][1] == inside.sum()
    assert densities[0] < 150 < densities[1]


def test_a_rib_on_c7_is_no_first_rib_and_carries_c7s_level(neck):
    ribbed = changed(neck, C7, rib=(0.0, 20.0))
    made, (x, _, _) = drawn(ribbed, (), middle=neck.vertebrae[C7].s_mm, half=(46.0, 34.0, 14.0))
    bare, _ = drawn(neck, (), middle=neck.vertebrae[C7].s_mm, half=(46.0, 34.0, 14.0))
    new = (made.structure == Structure.OTHER_RIB) & (bare.structure != Structure.OTHER_RIB)
    assert new.sum() * PIXEL_MM**3 > 200
    assert (made.level[new] == C7 + 1).all()
    assert (x[new] > 15).all()
    assert (made.structure == Structure.FIRST_RIB).sum() <= (bare.structure == Structure.FIRST_RIB).sum()


def test_an_open_ring_of_c1_has_a_gap_behind_and_the_same_canal(neck):
    v = neck.vertebrae[C1]
    y, x = (k.ravel() for k in np.mgrid[5:30:0.5, -12:12:0.5].astype(np.float32))
    s = np.full_like(x, v.s_mm)
    canal = canal_at(neck, s)
    bones = [
        bones_of(n, n.vertebrae[C1], x=x, y=y, s=s, canal=canal, from_canal=canal.distance(x, y)).arch < 0
        for n in (neck, changed(neck, C1, cleft=6.0))
    ]
    assert (bones[0] & (np.abs(x) < 3)).any()
    assert not (bones[1] & (np.abs(x) < 3)).any()
    assert (bones[1] & (np.abs(x) > 4)).any()


def test_a_fused_mass_is_opll_whose_marrow_is_the_bodys(neck):
    low, high = neck.vertebrae[C5].s_mm, neck.vertebrae[C4].s_mm
    mass = Growth(
        kind="opll", wall="front", low_mm=low - 6, high_mm=high + 6, taper_low_mm=4, taper_high_mm=4,
        height_mm=5.0, center_x_mm=0.0, width_mm=14.0, rim_mm=0.7, joined=EVERY_BONE,
    )  # fmt: skip
    made, (x, y, s) = drawn(neck, [mass], middle=low, half=(14.0, 26.0, 12.0))
    canal = canal_at(neck, s)
    up = y - canal.front(x)
    np.testing.assert_array_equal(
        made.structure == Structure.OSSIFICATION,
        (canal.distance(x, y) < 0) & (up < mass.height(x, s)) & (mass.height(x, s) > 0),
    )
    wall = (np.abs(up) < 0.8) & (np.abs(x) < 4) & (np.abs(s - low) < 4)
    assert np.median(made.hu[wall]) < 500  # marrow of 330 HU on average, no cortex of 1350
    assert section_at(neck, (mass,), low).thickness.max() == pytest.approx(5.0, abs=0.05)
    assert truth_of(neck, (mass,), low_z_mm=-80, high_z_mm=150).ossification.present is True


def test_what_is_uncommon_comes_as_often_as_planned():
    necks = [plan_neck(np.random.default_rng(seed)) for seed in SEEDS]
    shares = {
        "block": (np.mean([any(v.block for v in n.vertebrae) for n in necks]), 0.05),
        "cervical rib": (np.mean([any(n.vertebrae[C7].rib) for n in necks]), 0.07),
        "open ring": (np.mean([n.vertebrae[C1].cleft > 0 for n in necks]), 0.05),
        "operated": (np.mean([n.operation is not None for n in necks]), 0.04),
        "thin bone": (np.mean([n.density < 1 for n in necks]), 0.1),
        "ridged": (np.mean([any(v.ridge.high > 0 for v in n.vertebrae) for n in necks]), 0.5),
    }
    for name, (found, planned) in shares.items():
        assert abs(found - planned) < 3 * np.sqrt(planned / len(necks)), name


def test_masses_of_training_necks_are_thin_lateral_and_fused_as_often_as_planned():
    rng = np.random.default_rng(SEED)
    masses = [
        plan_growths(np.random.default_rng(seed), plan_neck(rng), Wanted(present=True, type="segmental"))[0]
        for seed in SEEDS
    ]
    n = len(masses)
    for found, planned in (
        ([m.joined == EVERY_BONE for m in masses], 0.25),
        ([abs(m.center_x_mm) > 2.5 for m in masses], 0.35),
    ):
        assert abs(np.mean(found) - planned) < 3 * np.sqrt(planned / n) + 0.03
    assert np.mean([m.height_mm < 3.2 for m in masses]) > 0.25


def test_a_ridge_narrows_the_canal_on_the_midline_of_its_body_alone(neck):
    body = neck.vertebrae[C4]
    plain = changed(neck, C4, ridge=Ridge(0.0, 4.0))
    ridged = changed(neck, C4, ridge=Ridge(2.0, 4.0))
    plain, ridged = (
        replace(n, canal={**n.canal, **wall_shifts(n.vertebrae, n.curve.s_mm)}) for n in (plain, ridged)
    )
    at_body, at_disc = body.s_mm, body.lower_mm
    before, after = canal_at(plain, at_body), canal_at(ridged, at_body)
    assert before.middle_ap - after.middle_ap == pytest.approx(2.0, abs=0.05)
    x = np.array([0.0, 4.0, 12.0])
    assert after.front(x) - before.front(x) == pytest.approx(2 * np.exp([0.0, -1.0, -9.0]), abs=0.05)
    assert canal_at(ridged, at_disc).middle_ap == pytest.approx(canal_at(plain, at_disc).middle_ap, abs=0.1)


def test_the_distance_to_a_ridged_wall_is_a_distance(neck):
    ridged = changed(neck, C4, ridge=Ridge(2.2, 2.5))
    ridged = replace(ridged, canal={**ridged.canal, **wall_shifts(ridged.vertebrae, neck.curve.s_mm)})
    canal = canal_at(ridged, ridged.vertebrae[C4].s_mm)
    x = np.linspace(-6, 6, 601)
    wall = np.stack([x, canal.front(x)], axis=-1)
    for off in (-0.5, 0.5):
        places = np.stack([x[150:451:10], canal.front(x[150:451:10]) - off], axis=-1)
        nearest = np.linalg.norm(places[:, None] - wall, axis=-1).min(axis=1)
        found = canal.distance(places[:, 0], places[:, 1])
        assert np.abs(np.sign(off) * nearest - found).max() < 0.12


def test_two_veins_lie_beside_the_midline_under_a_sparse_ridge(neck):
    ridge, vein = Ridge(1.5, 4.0, 0.6), Vein(wide=1.2, high=2.5, bridge=1.2, apart=3.0, hu=60.0)
    body = neck.vertebrae[C4]
    plain = changed(neck, C4, shell=1.0, vein=replace(vein, high=0.01))
    veined = changed(neck, C4, shell=1.0, vein=vein)
    sparse = changed(plain, C4, ridge=ridge)
    hu = {}
    for name, n in (("plain", plain), ("veined", veined), ("sparse", sparse)):
        n = replace(n, canal={**n.canal, **wall_shifts(n.vertebrae, n.curve.s_mm)})
        made, (x, y, s) = drawn(n, (), middle=body.s_mm, half=(10.0, 20.0, 10.0))
        before = canal_at(n, s).front(x) - y
        near = np.abs(s - body.s_mm) < 1.5
        holes = near & (np.abs(np.abs(x) - 3) < 0.6) & (np.abs(before - 2.5) < 0.7)
        between = near & (np.abs(x) < 0.6) & (np.abs(before - 2.5) < 0.7)
        plate = near & (np.abs(x) < 1.0) & (before > 0.3) & (before < 0.9)
        hu[name] = [float(made.hu[part].mean()) for part in (holes, between, plate)]
    assert hu["veined"][0] < 0.7 * hu["plain"][0]
    assert hu["veined"][1] > 0.9 * hu["plain"][1]
    assert hu["sparse"][2] < 0.8 * hu["plain"][2]


def test_a_rim_is_dense_bone_of_the_body_about_its_endplates_and_moves_no_label(neck):
    body = neck.vertebrae[C4]
    bare = changed(neck, C4, shell=0.3, rim=Rim())
    rimmed = changed(neck, C4, shell=0.3, rim=Rim(thick=2.5, high=3.0, dense=0.8, condensed=0.2))
    (plain, (x, y, s)), (dense, _) = (drawn(n, (), middle=body.lower_mm) for n in (bare, rimmed))
    np.testing.assert_array_equal(plain.structure, dense.structure)
    np.testing.assert_array_equal(plain.level, dense.level)
    ahead = canal_at(neck, s).front(x) - y
    of_body = (dense.structure == Structure.BODY) & (dense.level == C4 + 1) & (np.abs(x) < 5)
    up = s - body.lower_mm
    at_rim = of_body & (ahead > 0.4) & (ahead < 2.0) & (up > 1.0) & (up < 2.5)
    at_middle = of_body & (np.abs(s - body.s_mm) < 1.0) & (ahead > 0.4) & (ahead < 6.0)
    amid = of_body & (ahead > 7.0) & (ahead < 9.0) & (up > 2.5) & (up < 4.5)
    gained = [float((dense.hu - plain.hu)[part].mean()) for part in (at_rim, at_middle, amid)]
    assert gained[0] > 150
    assert gained[1] < 30
    assert gained[2] < 0.4 * gained[0]


def test_broad_uncinate_processes_lie_beside_the_disc_above_and_never_on_the_midline(neck):
    upper, lower = neck.vertebrae[C4], neck.vertebrae[C5]
    at_disc = (upper.lower_mm + lower.upper_mm) / 2
    widths = []
    for uncus in (Uncus(0.65, 0.3, 0.0), Uncus(0.42, 0.15, 0.4)):
        made, (x, y, s) = drawn(changed(neck, C5, uncus=uncus), (), middle=at_disc)
        beside = (np.abs(s - at_disc) < 0.5) & (made.level == C5 + 1) & (made.structure == Structure.BODY)
        ahead = canal_at(neck, s).front(x) - y
        widths.append((beside & (np.abs(ahead - 4) < 2)).sum() * PIXEL_MM**2 / 4 / 2)
        assert not (beside & (np.abs(x) < 2)).any()
        assert not (beside & (ahead < 0)).any()
    assert widths[1] > 1.4 * widths[0]


def test_a_porous_arch_is_less_dense_and_of_the_same_shape(neck):
    body = neck.vertebrae[C4]
    compact, porous = (changed(neck, C4, cortex_arch=1.2, arch_shell=share) for share in (1.0, 0.5))
    (full, _), (half, _) = (drawn(n, (), middle=body.s_mm - body.lamina_drop) for n in (compact, porous))
    np.testing.assert_array_equal(full.structure, half.structure)
    arch = (full.structure == Structure.ARCH) & (full.level == C4 + 1)
    assert half.hu[arch].mean() < 0.85 * full.hu[arch].mean()


def test_rims_and_processes_are_drawn_from_their_spans():
    necks = [plan_neck(np.random.default_rng(seed)) for seed in SEEDS]
    bodies = [n.vertebrae[C5] for n in necks]
    assert np.quantile([v.rim.thick for v in bodies], [0.1, 0.9]) == pytest.approx([0.3, 2.8], abs=0.3)
    assert min(v.uncus.start for v in bodies) >= 0.42
    assert np.mean([v.uncinate / n.size for v, n in zip(bodies, necks, strict=True)]) == pytest.approx(
        6.0, abs=0.2
    )
    assert np.mean([v.arch_shell for v in bodies]) == pytest.approx(0.75, abs=0.03)
    assert len({v.arch_shell for v in necks[0].vertebrae}) == 1


def test_a_ridge_toward_an_endplate_is_highest_there_and_ends_at_the_disc(neck):
    body = neck.vertebrae[C4]
    ridged = changed(neck, C4, ridge=Ridge(2.0, 8.0, 0.0, at=0.6))
    walls = wall_shifts(ridged.vertebrae, neck.curve.s_mm)["ridge"]
    plain = wall_shifts(changed(neck, C4, ridge=Ridge()).vertebrae, neck.curve.s_mm)["ridge"]
    swollen = walls - plain
    highest = neck.curve.s_mm[swollen.argmax()]
    assert highest == pytest.approx(body.s_mm + 0.6 * body.height / 2, abs=1.0)
    assert swollen.max() == pytest.approx(2.0, abs=0.1)
    assert swollen[neck.curve.s_mm > body.upper_mm + 1.5].max() == 0
    assert swollen[neck.curve.s_mm < body.lower_mm].max() < 0.05


def test_a_faded_rim_lacks_density_at_the_wall_alone_and_moves_no_label(neck):
    body = neck.vertebrae[C4]
    rim = Rim(thick=2.5, high=3.0, dense=0.8, condensed=0.2)
    whole, faded = (changed(neck, C4, rim=replace(rim, faded=share, faded_mm=1.0)) for share in (0.0, 0.7))
    (full, (x, y, s)), (less, _) = (drawn(n, (), middle=body.upper_mm) for n in (whole, faded))
    np.testing.assert_array_equal(full.structure, less.structure)
    ahead = canal_at(neck, s).front(x) - y
    of_rim = (full.structure == Structure.BODY) & (full.level == C4 + 1) & (np.abs(x) < 5)
    of_rim &= (body.upper_mm - s > 0.8) & (body.upper_mm - s < 2.0)
    at_wall, deep = (of_rim & (ahead > low) & (ahead < high) for low, high in ((0.3, 0.8), (3.0, 4.0)))
    assert less.hu[at_wall].mean() < 0.75 * full.hu[at_wall].mean()
    assert less.hu[deep].mean() > 0.97 * full.hu[deep].mean()


def test_what_grows_on_a_faded_rim_keeps_its_own_density(neck):
    upper, lower = neck.vertebrae[C4], neck.vertebrae[C5]
    mass = Growth(
        kind="opll", wall="front", low_mm=lower.s_mm, high_mm=upper.s_mm, taper_low_mm=4, taper_high_mm=4,
        height_mm=5.0, center_x_mm=0.0, width_mm=14.0, rim_mm=0.7, joined=EVERY_BONE,
    )  # fmt: skip
    hu = []
    for rim in (Rim(), Rim(high=3.0, condensed=0.5, faded=0.8, faded_mm=1.0)):
        rimmed = changed(changed(neck, C4, rim=rim), C5, rim=rim)
        made, (x, y, s) = drawn(rimmed, [mass], middle=lower.upper_mm)
        up = y - canal_at(neck, s).front(x)
        inside = (made.structure == Structure.OSSIFICATION) & (up > 1.5) & (np.abs(x) < 5)
        hu.append(made.hu[inside & (np.abs(s - lower.upper_mm) < 3)])
    np.testing.assert_allclose(hu[0], hu[1], atol=1.0)
