"""Necks whose every size is known: a bent tube for the canal, blocks for the vertebrae."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from canalis.labels import FIRST_VERTEBRA, LEVELS
from canalis.segment.segmentation import LevelNaming, Segmentation
from canalis.volume import Acquisition, Mask, Volume

BODY_MM, DISC_MM, DEPTH_MM = 14.0, 5.0, 17.0
SURE = LevelNaming(sure=True, source="both", reason="Dens and first rib agree.")


@dataclass(frozen=True)
class Growth:
    """A plate on the front wall, its ends in mm down from C3's upper endplate."""

    upper_mm: float
    lower_mm: float
    thickness_mm: float
    left_mm: float = 0.0
    width_mm: float = 10.0
    gap_mm: float = 0.0


@dataclass(frozen=True)
class NeckPlan:
    ap_mm: float = 13.0
    lr_mm: float = 24.0
    radius_mm: float = 160.0
    turn_deg: float = 0.0
    tilt_deg: float = 0.0
    sway_deg: float = 0.0
    spacing_mm: tuple[float, float, float] = (1.0, 0.45, 0.4)
    growths: tuple[Growth, ...] = ()
    bodies: tuple[str, ...] = ("C3", "C4", "C5", "C6")
    opened: tuple[str, ...] = ()
    move_mm: tuple[float, float, float] = field(default=(3.3, -7.7, 11.1))


def body_top(number):
    """Place of the upper endplate of the n-th body, mm down from the first one's."""
    return number * (BODY_MM + DISC_MM)


def spine_places(plan, points):
    """Return x to the left, y to the back and s down the neck of LPS points, for a neck bent to lordosis."""
    turn, tilt, sway = np.deg2rad([plan.turn_deg, plan.tilt_deg, plan.sway_deg])
    points = points - np.array(plan.move_mm)
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    about_y = np.array([[np.cos(sway), 0, np.sin(sway)], [0, 1, 0], [-np.sin(sway), 0, np.cos(sway)]])
    about_z = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    own = points @ (about_x @ about_y @ about_z)
    away = own[..., 1] - plan.radius_mm  # the centre of the bend lies behind the neck
    angle = np.arctan2(own[..., 2], -away)
    y = plan.radius_mm - np.hypot(away, own[..., 2])
    length = len(plan.bodies) * (BODY_MM + DISC_MM) - DISC_MM
    return own[..., 0], y, length / 2 - plan.radius_mm * angle


def make_labels(plan, points):
    x, y, s = spine_places(plan, points)
    length = len(plan.bodies) * (BODY_MM + DISC_MM) - DISC_MM
    labels = np.zeros(x.shape, np.uint8)
    tube = (x / (plan.lr_mm / 2)) ** 2 + (y / (plan.ap_mm / 2)) ** 2
    near = (s > -8) & (s < length + 8)
    for number, name in enumerate(plan.bodies):
        inside = (s >= body_top(number)) & (s < body_top(number) + BODY_MM)
        front = -plan.ap_mm / 2 * np.sqrt(np.clip(1 - (x / (plan.lr_mm / 2)) ** 2, 0, 1))
        block = (np.abs(x) < 10) & (y <= front) & (y > -plan.ap_mm / 2 - DEPTH_MM)
        ring = (np.hypot(x / (plan.lr_mm / 2 + 5), y / (plan.ap_mm / 2 + 5)) <= 1) & (y > -3)
        spine = (np.abs(x) < 3) & (y > 0) & (y < plan.ap_mm / 2 + 25)
        if name in plan.opened:
            ring, spine = ring & (np.abs(x) > 9), np.zeros_like(spine)
        labels[inside & (block | ((ring | spine) & (tube > 1)))] = FIRST_VERTEBRA + LEVELS.index(name)
    labels[(tube <= 1) & near] = 1
    for growth in plan.growths:
        front = -plan.ap_mm / 2 * np.sqrt(np.clip(1 - (x / (plan.lr_mm / 2)) ** 2, 0, 1))
        plate = (
            (s >= growth.upper_mm)
            & (s < growth.lower_mm)
            & (np.abs(x - growth.left_mm) < growth.width_mm / 2)
        )
        back = -plan.ap_mm / 2 + growth.thickness_mm
        labels[(tube <= 1) & plate & (y <= back) & (y - front >= growth.gap_mm)] = 2
    return labels


@pytest.fixture(scope="session")
def make_neck():
    """Return a function from a plan, and an axis order, to a Segmentation and a Volume."""

    def make(plan=NeckPlan(), *, order=(0, 1, 2), flip=(False, False, False), levels=SURE):
        size = np.array([len(plan.bodies) * (BODY_MM + DISC_MM) + 36.0, 84.0, 44.0])
        shape = np.ceil(size / plan.spacing_mm).astype(int)
        affine = np.eye(4)
        affine[:3, :3] = np.array([[0, 0, 1.0], [0, 1.0, 0], [1.0, 0, 0]]) * plan.spacing_mm
        extent = affine[:3, :3] @ (shape - 1)
        affine[:3, 3] = -extent / 2 + np.array(plan.move_mm) + np.array([0.07, 4.0, -0.11])
        index = np.moveaxis(np.indices(tuple(shape)), 0, -1)
        labels = make_labels(plan, index @ affine[:3, :3].T + affine[:3, 3])
        mask = Mask(labels, affine).with_axes(order, flip)
        hu = np.where(mask.labels >= 2, 700, 40).astype(np.int16)
        acquisition = Acquisition("array", int(shape[0]), plan.spacing_mm)
        return Segmentation(mask, levels), Volume(hu, mask.affine, acquisition)

    return make


@pytest.fixture(scope="session")
def plans():
    """Return what plans are made of."""
    return NeckPlan, Growth, body_top


@pytest.fixture(scope="session")
def plain_neck(make_neck):
    return make_neck(NeckPlan(growths=(Growth(body_top(1) - 8, body_top(2) + 8, 4.0),)))
