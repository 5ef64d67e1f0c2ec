"""Draws the pictures of linnet/web/static from the bird: run once, by hand, after the bird has changed.

Needs Chromium: ``.venv/bin/python scripts/draw_images.py``. What it draws is committed.
"""

import re
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HOUSE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOUSE))

from tests.support.programs import chromium  # noqa: E402

STATIC = HOUSE / "linnet/web/static"
BIRD = re.sub(r"</?svg[^>]*>", "", (STATIC / "linnet.svg").read_text())


def svg(width: int, height: int, body: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{body}</svg>'


def flower(x: float, y: float, size: float, colour: str = "#5f8bc6") -> str:
    """One flax flower."""
    petals = "".join(
        f'<circle cx="{dx * 3.6:.2f}" cy="{dy * 3.6:.2f}" r="2.9"/>'
        for dx, dy in ((0, -1), (0.95, -0.31), (0.59, 0.81), (-0.59, 0.81), (-0.95, -0.31))
    )
    heart = '<circle r="2.1" fill="#f3d98b"/>'
    return f'<g transform="translate({x} {y}) scale({size})"><g fill="{colour}">{petals}</g>{heart}</g>'


def field(width: int, height: int, tall: float) -> str:
    """A field of flax in flower under an evening sky."""
    sky = (
        '<defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="#f6e3dc"/>'
        '<stop offset=".62" stop-color="#f9f1e7"/><stop offset="1" stop-color="#eef0e2"/></linearGradient></defs>'
        f'<rect width="{width}" height="{height}" fill="url(#sky)"/>'
    )
    hill = (
        f'<path d="M0 {height * 0.66} C{width * 0.25} {height * 0.52} {width * 0.4} {height * 0.7} {width * 0.62} '
        f'{height * 0.6} S{width * 0.9} {height * 0.55} {width} {height * 0.62} V{height} H0z" fill="#dfe5cd"/>'
        f'<path d="M0 {height * 0.82} C{width * 0.3} {height * 0.7} {width * 0.55} {height * 0.86} {width} '
        f'{height * 0.74} V{height} H0z" fill="#cdd8b8"/>'
    )
    stems = []
    for number in range(int(width / 26)):
        x = 13 + number * 26 + (number * 37 % 19) - 9
        top = height * (1 - tall * (0.45 + (number * 53 % 41) / 75))
        lean = (number * 29 % 17) - 8
        stems.append(
            f'<path d="M{x} {height} Q{x} {(top + height) / 2} {x + lean} {top}" stroke="#7f9a6b" stroke-width="2.2" '
            'fill="none"/>'
            + flower(x + lean, top, 1.1 + (number * 31 % 23) / 22, ("#5f8bc6", "#7ba2d6", "#4f7fbf")[number % 3])
        )
    return sky + hill + "".join(stems)


def bird(x: float, y: float, size: float) -> str:
    return f'<g transform="translate({x} {y}) scale({size / 56}) translate(-5 -8)">{BIRD}</g>'


SILHOUETTE = (
    '<rect width="64" height="64" fill="#eadfd3"/><path d="M4 62c8-7 13-14 18-22 4-6 6-10 8-15C32 17 38 12 45 12'
    'c7 0 12 5 12.3 12L64 28l-6.7 2.6c.5 3 .6 6 .3 9C56.5 51 48 58 37 58c-6 0-11-1.3-14.5-3.4L11 64H4z" '
    'fill="#c6b3a3"/>'
)
GROUND = '<rect width="512" height="512" rx="112" fill="#f9ede4"/>'
WORDS = (
    '<g font-family="Noto Serif, Georgia, serif" fill="#2a211d"><text x="540" y="300" font-weight="600" '
    'font-size="120">Linnet</text></g><text x="546" y="370" font-family="Noto Sans, sans-serif" font-size="38" '
    'fill="#6a5d55">What is happening?</text>'
)
PICTURES = {
    "icon.png": (512, 512, svg(512, 512, GROUND + bird(66, 70, 380))),
    "avatar.png": (400, 400, svg(64, 64, SILHOUETTE)),
    "header.png": (1500, 500, svg(1500, 500, field(1500, 500, 0.62))),
    "card.png": (1200, 630, svg(1200, 630, field(1200, 630, 0.4) + bird(120, 130, 360) + WORDS)),
}
FAVICON = svg(64, 64, '<rect width="64" height="64" rx="14" fill="#f9ede4"/>' + bird(5, 6, 54))


def main() -> None:
    (STATIC / "favicon.svg").write_text(FAVICON + "\n")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium()), args=["--no-sandbox", "--disable-gpu"])
        for name, (width, height, text) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_content(
                f"<style>*{{margin:0}}svg{{display:block;width:{width}px;height:{height}px}}</style>{text}"
            )
            page.screenshot(path=STATIC / name, omit_background=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
