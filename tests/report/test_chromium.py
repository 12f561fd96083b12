import shutil
import subprocess

import numpy as np
import pytest

from canalis.report.page import make_page


@pytest.fixture(scope="module")
def chromium(missing_here):
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        missing_here("no Chromium: install chromium")
    return program


def test_the_page_shows_its_pictures_in_a_browser_without_a_network(neck, chromium, tmp_path):
    image = pytest.importorskip("PIL.Image")
    page = make_page(
        measurements=neck.measurements,
        mask=neck.segmentation.mask,
        volume=neck.volume,
        software=neck.software,
    )
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
        "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={tmp_path / 'page.png'}",
        "--window-size=1100,2000", f"file://{tmp_path / 'report.html'}",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with image.open(tmp_path / "page.png") as picture:
        seen = np.asarray(picture.convert("RGB"), dtype=int)
    grey = (np.ptp(seen, axis=2) < 12) & (seen[..., 0] > 45) & (seen[..., 0] < 215)
    orange = (seen[..., 0] > 200) & (seen[..., 1] > 120) & (seen[..., 1] < 190) & (seen[..., 2] < 110)
    left, right = slice(100, 500), slice(640, 1000)
    pictures = grey[250:900]
    assert pictures[:, left].mean() > 0.3  # the midsagittal picture
    assert pictures[:, right].mean() > 0.3  # the axial ones
    assert orange[250:900, left].sum() > 300  # the ossification's outline on it
    assert (seen[:, :20] == 255).mean() > 0.99  # nothing runs over the page's edge
