"""Draw the picture of ``docs/contours.md``: the active contour on planes of a phantom.

python bench/contour_picture.py [PNG]
"""

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from canalis.refine import TUBE_ENERGY, Energy, Guides, SnakeSettings, snake
from phantom_planes import FIRST_TEST_SEED, displaced, phantom_planes

SPACING = (0.4, 0.4)
FIRST = 60  # planes, of which the neck with the most open one is shown


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/pictures/contours.png")
    planes = phantom_planes(FIRST_TEST_SEED, FIRST)
    planes_of_one = planes.seed == planes.seed[planes.bony.argmin()]
    images, truth = planes.images[planes_of_one], planes.truth_mm[planes_of_one]
    rng = np.random.default_rng(5)
    starts = np.stack([displaced(t, rng, most_mm=4.0, points=128) for t in truth])
    energy = Energy(bone_edge=1.0, tension=0.2, rigidity=4.0)
    settings = SnakeSettings(settled_mm=0.02, fall_back=False)
    alone = snake(images, SPACING, starts, energy, settings)
    far = replace(TUBE_ENERGY, reach_mm=energy.reach_mm)
    tube = Guides(tubes=np.zeros(len(images), np.intp))
    tied = snake(images, SPACING, starts, far, settings, guides=tube)
    bony = planes.bony[planes_of_one]
    shown = [int(bony.argmax()), int(bony.argsort()[1]), int(bony.argmin())]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.1), layout="constrained")
    for axis, k in zip(axes, shown, strict=True):
        axis.imshow(images[k], cmap="gray", vmin=-150, vmax=1000, extent=(-0.2, 47.8, 47.8, -0.2))
        for contour, color, style, label in (
            (starts[k], "#f2c14e", ":", "start, up to 4 mm off"),
            (truth[k], "#66d9ef", "-", "truth"),
            (alone.snakes_mm[k], "#ff8c42", "--", "snake, this plane alone"),
            (tied.snakes_mm[k], "#f92672", "-", "snake, tied along the canal"),
        ):
            closed = np.concatenate([contour, contour[:1]])
            axis.plot(closed[:, 1], closed[:, 0], style, color=color, lw=1.6, label=label)
        axis.set(xlim=(6, 42), ylim=(38, 10), xticks=[], yticks=[])
        axis.set_title(f"bone behind {100 * bony[k]:.0f} % of the wall", fontsize=11)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()
