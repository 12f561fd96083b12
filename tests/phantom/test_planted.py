"""OPLL planted into a scan; the scan is a phantom's, so that its own wall, blur and noise are known."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from canalis.cli import app
from canalis.errors import MeasurementError
from canalis.measurement import measure_segmentation
from canalis.phantom.canal import canal_at
from canalis.phantom.files import write_nifti
from canalis.phantom.front_wall import sample_rays
from canalis.phantom.ossification import Wanted
from canalis.phantom.phantom import make_phantom
from canalis.phantom.planted import plan_mass, plan_masses, plant, survey
from canalis.phantom.planted_truth import truth_of_planted
from canalis.report.label_map import write_label_map
from canalis.segment.segmentation import LevelNaming, Segmentation

SEED = 3_100_002
CONTRAST_SEED = 3_100_036  # its sac is denser than the marrow of its thin bone
NAMED = LevelNaming(True, "hint", "As drawn.")


def neck_without_opll(seed):
    return make_phantom(seed, wanted=Wanted(present=False), pixel_mm=0.5, slice_mm=1.25, field_mm=(100, 120))


@pytest.fixture(scope="module")
def bare():
    return neck_without_opll(SEED)


@pytest.fixture(scope="module")
def site(bare):
    return survey(bare.volume, Segmentation(bare.mask, NAMED))


@pytest.fixture(scope="module")
def planted(site):
    masses = (solid_mass(site, "C4", 4.0), solid_mass(site, "C6", 6.0))
    return plant(site, masses, np.random.default_rng(1))


def solid_mass(site, level, thickness_mm):
    """A mass dense throughout, on the wall, without a second layer: its edges are where its height ends."""
    body = next(zone for zone in site.bodies if zone.name == level)
    rng = np.random.default_rng(SEED)
    drawn = (plan_mass(rng, site, [body], thickness_mm=thickness_mm) for _ in range(200))
    return next(
        g
        for g in drawn
        if g.gap_mm == 0 and g.layer[1] == 0 and g.core_hu > 600 and g.soft_mm == 0 and g.hill == 0
    )


def test_the_wall_is_found_where_the_phantom_has_it(bare, site):
    middles = np.array([zone.middle_mm for zone in site.bodies])
    frame = site.neck.frame.at(middles)
    for x in (-5.0, 0.0, 5.0):
        behind = site.wall.at(np.full(len(middles), x), middles)
        points = frame.centers_lps + x * frame.lefts_lps + behind[:, None] * frame.posteriors_lps
        own_x, own_y, own_s = bare.neck.curve.locate(points).T
        off = own_y - canal_at(bare.neck, own_s).front(own_x)
        assert np.median(np.abs(off)) < 0.35  # half maximum of a thin cortex lies behind its edge
        assert np.abs(off).max() < 1.0  # a spur may reach to mid-body


def test_a_wall_that_contrast_hides_is_refused():
    hidden = neck_without_opll(CONTRAST_SEED)
    with pytest.raises(MeasurementError, match="rays to the posterior walls"):
        survey(hidden.volume, Segmentation(hidden.mask, NAMED))


def test_blur_and_noise_are_read_from_the_scan(bare, site):
    assert site.look.fwhm_mm == pytest.approx(bare.scanner.fwhm_mm, rel=0.3)
    assert 0.5 < site.look.noise_hu / bare.scanner.noise_hu < 2.5  # louder toward the shoulders


def test_truth_tells_what_was_asked_for(planted):
    truth = truth_of_planted(planted)
    assert [mass.max_thickness_mm for mass in truth.ossification.masses] == pytest.approx(
        [4.0, 6.0], abs=0.02
    )
    assert truth.ossification.type == "segmental"
    assert truth.ossification.levels == ("C4", "C6")
    assert truth.ossification.peak_level == truth.planes[-1].level
    for plane in truth.planes:
        if plane.ossification_thickness_mm:
            assert plane.residual_ap_mm == pytest.approx(
                plane.thickness_canal_ap_mm - plane.ossification_thickness_mm
            )


def test_the_label_map_measures_as_the_truth(planted):
    truth = truth_of_planted(planted).ossification
    found = measure_segmentation(Segmentation(planted.mask, NAMED), planted.volume).ossification
    assert found.levels == truth.levels
    assert found.type == truth.type
    for own, other in zip(found.masses, truth.masses, strict=True):
        assert own.max_thickness_mm == pytest.approx(other.max_thickness_mm, abs=0.6)
        assert own.volume_mm3 == pytest.approx(other.volume_mm3, rel=0.25)


def profile_through(planted, volume, growth):
    """HU along the AP line through a mass's middle, and places behind the wall, mm."""
    along = -(growth.low_mm + growth.high_mm) / 2
    wall = float(planted.site.wall.at(np.array(growth.center_x_mm), np.array(along)))
    back = np.arange(-3.0, 9.0, 0.1)
    left = growth.center_x_mm + np.array([0.0, 0.1])
    near = planted.site.neck.frame.at(along + np.arange(-0.5, 0.6, 0.25))
    return sample_rays(volume, near, back + wall, left).mean(axis=(0, 2)), back


def test_the_ct_shows_the_back_of_each_mass_where_the_truth_has_it(planted):
    for growth in planted.growths:
        hu, back = profile_through(planted, planted.volume, growth)
        height = float(
            growth.height(np.array([growth.center_x_mm]), np.array([(growth.low_mm + growth.high_mm) / 2]))[0]
        )
        soft = planted.site.look.soft_hu
        peak = hu[(back > height - 1.5) & (back < height)].max()
        edge = back[np.flatnonzero((hu > (soft + peak) / 2) & (back < height + 1.5))[-1]]
        assert edge == pytest.approx(height, abs=0.4)


def test_no_dark_film_lies_between_wall_and_mass(bare, site):
    growth = solid_mass(site, "C5", 4.0)
    filled = plant(site, (growth,), np.random.default_rng(1))
    hu, back = profile_through(filled, filled.volume, growth)
    bone, mass = hu[back < -0.5].max(), hu[(back > 2.0) & (back < 3.5)].max()
    assert hu[(back > -0.5) & (back < 2.0)].min() > 0.9 * min(bone, mass)


def test_the_scan_is_left_alone_beside_the_masses(bare, planted):
    changed = planted.volume.hu != bare.volume.hu
    z = bare.volume.to_lps(np.argwhere(changed.any(axis=(1, 2)))[:, [0, 0, 0]] * [1, 0, 0])[:, 2]
    heights = {p.level: p.center_lps_mm[2] for p in truth_of_planted(planted).planes if p.part == "body"}
    assert z.max() < heights["C3"]
    assert z.min() > heights["C7"]
    assert changed.mean() < 0.01


def test_nothing_is_planted_where_none_is_wanted(bare, site):
    assert plan_masses(np.random.default_rng(0), site, Wanted(present=False)) == ()
    empty = plant(site, (), np.random.default_rng(0))
    assert np.array_equal(empty.volume.hu, bare.volume.hu)
    assert truth_of_planted(empty).ossification.present is False


def test_a_body_that_is_not_in_the_scan_is_named(site):
    with pytest.raises(MeasurementError, match="T9 wholly in the scan"):
        plan_masses(np.random.default_rng(0), site, Wanted(levels=(("T9",),)))


def test_the_command_plants_into_a_file(bare, tmp_path):
    write_nifti(tmp_path / "ct.nii.gz", bare.volume)
    write_label_map(tmp_path / "labels.nii.gz", bare.mask, acquisition=None)
    words = ["phantom", "--into", tmp_path / "ct.nii.gz", "--segmentation", tmp_path / "labels.nii.gz"]
    words += ["--out", tmp_path / "out", "--seed", SEED, "--levels", "C3-C4", "--thickness-mm", 5]
    ran = CliRunner().invoke(app, [str(word) for word in words])
    assert ran.exit_code == 0, ran.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"ct.nii.gz", "truth.json", "truth.nii.gz"}
    truth = json.loads((tmp_path / "out" / "truth.json").read_text())
    assert truth["ossification"]["levels"] == ["C3", "C4"]
    assert truth["ossification"]["max_thickness_mm"] == pytest.approx(5.0, abs=0.02)
    assert truth["planting"]["masses"][0]["kind"] == "opll"


def test_a_label_map_without_a_scan_to_plant_into_is_wrong_usage(tmp_path):
    ran = CliRunner().invoke(
        app, ["phantom", "--out", str(tmp_path / "o"), "--seed", "1", "--segmentation", "x.nii.gz"]
    )
    assert ran.exit_code == 2
    assert "--into" in ran.output
