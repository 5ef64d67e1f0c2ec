"""Drawings for the people of scripts/take_screenshots.py: faces, banners and pictures, each a few shapes."""

import math
from typing import NamedTuple


def svg(width: int, height: int, body: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{body}</svg>'


def sky(top: str, bottom: str, name: str = "sky") -> str:
    return (
        f'<defs><linearGradient id="{name}" x2="0" y2="1"><stop stop-color="{top}"/><stop offset="1" '
        f'stop-color="{bottom}"/></linearGradient></defs><rect width="1200" height="800" fill="url(#{name})"/>'
    )


def ridge(base: float, height: float, wave: float, phase: float, colour: str) -> str:
    """A line of hills across the picture."""
    points = " ".join(
        f"{x},{base - height * (math.sin(x / wave + phase) + 0.45 * math.sin(x / wave * 2.7 + phase * 2)):.0f}"
        for x in range(0, 1201, 20)
    )
    return f'<polygon points="0,800 {points} 1200,800" fill="{colour}"/>'


def dawn() -> str:
    """Hills behind hills, before the sun is up."""
    hills = "".join(
        ridge(430 + 75 * row, 46, 150 + 40 * row, row * 1.7, colour)
        for row, colour in enumerate(("#c9a7b0", "#a9869b", "#7e6784", "#57506c", "#383a54"))
    )
    return svg(1200, 800, sky("#f7cfae", "#f2a28f") + '<circle cx="820" cy="350" r="70" fill="#fff1d6"/>' + hills)


def sea() -> str:
    """A boat on a calm evening."""
    lines = "".join(
        f'<path d="M{(row * 173) % 700} {520 + row * 26}h{180 + row * 23}" stroke="#ffffff" opacity=".22" '
        'stroke-width="5" stroke-linecap="round"/>'
        for row in range(10)
    )
    boat = (
        '<path d="M560 470h210l-34 52H596z" fill="#5b3a2e"/><path d="M650 190v264H512z" fill="#fff6e8"/>'
        '<path d="M664 240v214h104z" fill="#e8c9b0"/>'
    )
    return svg(
        1200, 800,
        sky("#9fc4df", "#f8e0c4") + '<rect y="480" width="1200" height="320" fill="#4d86a8"/>' + lines + boat,
    )  # fmt: skip


def loaf() -> str:
    """Bread, on its board."""
    cuts = "".join(
        f'<path d="M{430 + row * 110} 330q48 52 24 128" stroke="#f4dfb8" stroke-width="15" fill="none" '
        'stroke-linecap="round"/>'
        for row in range(4)
    )
    return svg(
        1200, 800,
        '<rect width="1200" height="800" fill="#e9dfd0"/><rect x="150" y="520" width="900" height="120" rx="24" '
        'fill="#a9764a"/><ellipse cx="600" cy="430" rx="330" ry="140" fill="#b8722f"/><ellipse cx="600" cy="405" '
        'rx="310" ry="118" fill="#cf8b41"/>' + cuts,
    )  # fmt: skip


def garden() -> str:
    """Rows of something green under glass."""
    plants = "".join(
        f'<g transform="translate({90 + column * 130} {420 + row * 120}) scale({1 + row * 0.12})">'
        '<path d="M0 40C-34 20-40-10-30-40 0-24 6 6 0 40zM0 40C34 20 40-10 30-40 0-24-6 6 0 40z" '
        f'fill="{("#5d8a4a", "#76a35a", "#8fb86e")[(row + column) % 3]}"/></g>'
        for row in range(4)
        for column in range(9)
    )
    panes = "".join(
        f'<path d="M{x} 0v340" stroke="#fff" stroke-width="6" opacity=".8"/>' for x in range(100, 1200, 200)
    )
    return svg(
        1200,
        800,
        sky("#d6e8ee", "#f4f1e4") + panes + '<rect y="340" width="1200" height="460" fill="#6f5642"/>' + plants,
    )


def face(background: str, body: str) -> str:
    return svg(400, 400, f'<rect width="400" height="400" fill="{background}"/>{body}')


def portrait(background: str, hair: str, skin: str, shirt: str, style: int) -> str:
    """Somebody, in four shapes."""
    cut = (
        f'<path d="M108 190c0-96 184-96 184 0v150H108z" fill="{hair}"/>',
        f'<circle cx="200" cy="112" r="72" fill="{hair}"/><circle cx="254" cy="76" r="34" fill="{hair}"/>',
        f'<path d="M120 178c-8-92 168-100 162 4-26-40-96-22-162-4z" fill="{hair}"/>',
    )
    front = (
        f'<path d="M134 158c30-44 100-44 132 0-30-14-100-14-132 0z" fill="{hair}"/>', "",
        f'<path d="M128 172c6-60 140-66 146 4-40-34-86-30-146-4z" fill="{hair}"/>',
    )  # fmt: skip
    return face(
        background,
        cut[style] + f'<path d="M60 400c0-84 60-120 140-120s140 36 140 120z" fill="{shirt}"/>'
        f'<rect x="172" y="226" width="56" height="76" rx="28" fill="{skin}"/>'
        f'<ellipse cx="200" cy="184" rx="66" ry="78" fill="{skin}"/>' + front[style],
    )


def fern() -> str:
    leaves = "".join(
        f'<ellipse cx="{200 + side * (96 - row * 10)}" cy="{330 - row * 42}" rx="{78 - row * 9}" ry="15" '
        f'fill="#cfe3b4" transform="rotate({-side * 26} {200 + side * (96 - row * 10)} {330 - row * 42})"/>'
        for row in range(7)
        for side in (-1, 1)
    )
    return face("#34563f", leaves + '<path d="M200 390V50" stroke="#cfe3b4" stroke-width="8"/>')


def moon() -> str:
    return face(
        "#2b3354",
        '<circle cx="200" cy="200" r="110" fill="#f4e3b5"/><circle cx="244" cy="170" r="100" fill="#2b3354"/>'
        '<circle cx="296" cy="262" r="7" fill="#fff"/><circle cx="110" cy="96" r="5" fill="#fff"/>',
    )


FACES = {
    "ada": portrait("#f0cdb4", "#4a2b22", "#e8b796", "#b3243f", 0),
    "tomas": portrait("#bcd0cf", "#2f2622", "#c98f68", "#34607a", 2),
    "mina": portrait("#e6d7ee", "#1f1c24", "#f0c9a6", "#6b5b95", 1),
    "fern": fern(),
    "nightshift": moon(),
    "olu": portrait("#f3d98b", "#1d1512", "#8a5a3c", "#2e6a43", 2),
}
BANNERS = {"ada": dawn(), "tomas": sea()}

HOUR, MINUTE = 3_600_000, 60_000

PEOPLE = {
    "ada": ("Ada Quist", "Bakes before sunrise, writes after it. Sourdough, old maps, the train to the coast. #bread"),
    "tomas": ("Tomás Reyes", "Sails small boats badly and happily."),
    "mina": ("Mina Sato", "Grows things under glass. Seeds for whoever asks."),
    "fern": ("The Fern Society", "We meet on Thursdays. Bring your own spores."),
    "nightshift": ("night shift", "Awake when you are not. Nurse, reader, tea."),
    "olu": ("Olu Adeyemi", "Maps, mostly. Sometimes the places too."),
}
FIELDS = {"ada": (("Bakery", "https://bread.example"), ("Up at", "four"))}
FOLLOWS = {
    "ada": "tomas mina fern nightshift olu", "tomas": "ada olu", "mina": "ada fern", "olu": "ada tomas",
    "nightshift": "ada mina", "fern": "mina ada",
}  # fmt: skip


class Said(NamedTuple):
    """A post: ``after`` ms since the one before; ``answers`` names another; the marks say who made them."""

    who: str
    word: str
    text: str
    after: int
    answers: str = ""
    picture: str = ""
    alt: str = ""
    warning: str = ""
    favourites: str = ""
    boosts: str = ""
    bookmarks: str = ""


TALK = (
    Said(
        "fern", "meeting", "Thursday's meeting is about maidenhair ferns, and why they sulk. Seven o'clock, the "
        "glasshouse, kettle on. #ferns", HOUR,
    ),
    Said(
        "olu", "map", "The 1871 map of the harbour has a street on it that was never built. It even has house numbers. "
        "Somebody wanted it very much.", 9 * HOUR, favourites="ada tomas mina nightshift",
    ),
    Said(
        "tomas", "boat", "No wind at all, so we sat there and ate the provisions. A good day's sailing.", 3 * HOUR,
        picture="sea", alt="A small sailing boat on a flat, pale evening sea.", favourites="ada olu", boosts="olu",
    ),
    Said(
        "nightshift", "tea", "Three in the morning is a fine time to find out that someone has replaced the good tea "
        "with the other tea.", 6 * HOUR,
    ),
    Said(
        "mina", "garden", "First row of the winter salad is up. Nobody told it about November.", 4 * HOUR,
        picture="garden", alt="Rows of young green plants in dark earth under a glass roof.",
        favourites="ada fern nightshift", boosts="fern",
    ),
    Said("olu", "film", "The lighthouse keeper did it.", 50 * MINUTE, warning="The end of that film we all saw"),
    Said(
        "ada", "loaf", "Eleven years with the same sourdough, and today it decided to be excellent. The recipe, as far "
        "as there is one: https://bread.example/notes/eleven-years #bread", 2 * HOUR, picture="loaf",
        alt="A long, dark-crusted loaf of bread on a wooden board.", favourites="tomas mina olu nightshift fern",
        boosts="mina olu",
    ),
    Said("tomas", "ask", "@ada is any of it left, and how far is it from the harbour", 7 * MINUTE, "loaf"),
    Said("ada", "answer", "@tomas half. Twelve minutes if you run.", 3 * MINUTE, "ask", favourites="tomas mina"),
    Said("mina", "swap", "@ada I'll trade you salad for the other half. Fair is fair.", 11 * MINUTE, "loaf"),
    Said(
        "nightshift", "dawn", "Off at last. The hills were doing this.", 14 * MINUTE, picture="dawn",
        alt="Five rows of hills fading into a peach-coloured sunrise.", favourites="ada mina", bookmarks="ada",
    ),
)  # fmt: skip
