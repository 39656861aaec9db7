"""Equipment as SVG: thin grey outlines, no fill that could be taken for a level (ISA-101; ISO 10628-2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from xml.sax.saxutils import escape

from controller.plant.mimic import Equipment, Fluid, Mimic, Pipe, Side, Symbol

LINE: Final = "#8b929c"
FAINT: Final = "#8b929c55"
FLUIDS: Final = {  # stroke width, dashes
    Fluid.IMPURE: (2.0, ""),
    Fluid.PURE: (3.0, ""),
    Fluid.LIQUID: (5.0, ""),
    Fluid.VENT: (2.0, "3 5"),
    Fluid.NITROGEN: (2.0, "10 4"),
}
Shape = Callable[[float, float, float, float], str]


def _rect(x: float, y: float, w: float, h: float, radius: float = 3, extra: str = "") -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{radius:g}" {extra}/>'


def _path(d: str, extra: str = "") -> str:
    return f'<path d="{d}" {extra}/>'


def bag(x: float, y: float, w: float, h: float) -> str:
    """A gas holder: a soft body on a frame."""
    low = y + h
    return _path(
        f"M{x:g} {low:g} C{x - 0.06 * w:g} {y + 0.1 * h:g} {x + 0.2 * w:g} {y:g} {x + w / 2:g} {y:g}"
        f" C{x + 0.8 * w:g} {y:g} {x + 1.06 * w:g} {y + 0.1 * h:g} {x + w:g} {low:g} Z"
    )


def bank(x: float, y: float, w: float, h: float) -> str:
    """Five cylinders on a manifold."""
    width = w / 5
    bottles = "".join(
        _rect(x + number * width + 2, y + 14, width - 4, h - 14, width / 2.5) for number in range(5)
    )
    stems = "".join(f"M{x + (number + 0.5) * width:g} {y + 14:g} V{y + 4:g}" for number in range(5))
    return bottles + _path(f"{stems} M{x + width / 2:g} {y + 4:g} H{x + w - width / 2:g}")


def box(x: float, y: float, w: float, h: float) -> str:
    return _rect(x, y, w, h)


def cold_box(x: float, y: float, w: float, h: float) -> str:
    """A double wall: vacuum between."""
    return _rect(x, y, w, h, 6) + _rect(x + 6, y + 6, w - 12, h - 12, 4, 'stroke-dasharray="8 5"')


def compressor(x: float, y: float, w: float, h: float) -> str:
    """A circle whose lines converge towards the discharge."""
    cx, cy, r = x + w / 2, y + h / 2, min(w, h) / 2
    return f'<circle cx="{cx:g}" cy="{cy:g}" r="{r:g}"/>' + _path(
        f"M{cx - 0.6 * r:g} {cy - 0.8 * r:g} L{cx + 0.9 * r:g} {cy - 0.42 * r:g}"
        f" M{cx - 0.6 * r:g} {cy + 0.8 * r:g} L{cx + 0.9 * r:g} {cy + 0.42 * r:g}"
    )


def cooler(x: float, y: float, w: float, h: float) -> str:
    """A heat exchanger: a circle with a zigzag through it."""
    cx, cy, r = x + w / 2, y + h / 2, min(w, h) / 2
    return f'<circle cx="{cx:g}" cy="{cy:g}" r="{r:g}"/>' + _path(
        f"M{x:g} {cy:g} L{cx - 0.4 * r:g} {cy:g} L{cx - 0.1 * r:g} {cy - 0.6 * r:g}"
        f" L{cx + 0.2 * r:g} {cy + 0.6 * r:g} L{cx + 0.45 * r:g} {cy:g} L{x + w:g} {cy:g}"
    )


def dewar(x: float, y: float, w: float, h: float) -> str:
    """A vacuum vessel with a neck."""
    neck = w / 4
    inner = _rect(x + 8, y + 26, w - 16, h - 34, w / 3)
    mouth = _path(f"M{x + (w - neck) / 2:g} {y + 14:g} V{y:g} H{x + (w + neck) / 2:g} V{y + 14:g}")
    return _rect(x, y + 14, w, h - 14, w / 2.6) + inner + mouth


def filter_(x: float, y: float, w: float, h: float) -> str:
    return _rect(x, y, w, h, 4) + _path(f"M{x:g} {y + h:g} L{x + w:g} {y:g}", 'stroke-dasharray="6 4"')


def magnet(x: float, y: float, w: float, h: float) -> str:
    """A scanner seen from the front: the bore in its cryostat."""
    cx, cy, r = x + w / 2, y + h / 2, h / 2
    return _rect(x, y, w, h, 14) + "".join(
        f'<circle cx="{cx:g}" cy="{cy:g}" r="{r * part:g}"/>' for part in (0.78, 0.42)
    )


def turbine(x: float, y: float, w: float, h: float) -> str:
    """An expander: wider at its outlet."""
    return _path(f"M{x:g} {y + 0.3 * h:g} L{x + w:g} {y:g} V{y + h:g} L{x:g} {y + 0.7 * h:g} Z")


def valve(x: float, y: float, w: float, h: float) -> str:
    return _path(f"M{x:g} {y:g} L{x + w:g} {y + h:g} V{y:g} L{x:g} {y + h:g} Z", f'fill="{FAINT}"')


def vessel(x: float, y: float, w: float, h: float) -> str:
    return _rect(x, y, w, h, w / 2)


SHAPES: Final[dict[Symbol, Shape]] = {
    Symbol.BAG: bag,
    Symbol.BANK: bank,
    Symbol.BOX: box,
    Symbol.COLD_BOX: cold_box,
    Symbol.COMPRESSOR: compressor,
    Symbol.COOLER: cooler,
    Symbol.DEWAR: dewar,
    Symbol.FILTER: filter_,
    Symbol.MAGNET: magnet,
    Symbol.TURBINE: turbine,
    Symbol.VALVE: valve,
    Symbol.VESSEL: vessel,
}


def drawing(mimic: Mimic) -> str:
    """The whole sheet as one SVG, without values; they are put over it."""
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {mimic.width:g} {mimic.height:g}"'
            ' preserveAspectRatio="none" font-family="sans-serif" font-size="13">',
            f"<title>{escape(mimic.text)}</title>",
            f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9"'
            f' markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 L8 4 L0 8 Z" fill="{LINE}"/>'
            "</marker></defs>",
            f'<g fill="none" stroke="{LINE}" stroke-linejoin="round">',
            *(_pipe(pipe) for pipe in mimic.pipes),
            "</g>",
            f'<g fill="none" stroke="{LINE}" stroke-width="2">',
            *(SHAPES[one.symbol](*one.at, *one.size) for one in mimic.equipment),
            f'</g><g fill="{LINE}">',
            *(_label(one) for one in mimic.equipment),
            "</g></svg>",
        )
    )


def _pipe(pipe: Pipe) -> str:
    width, dashes = FLUIDS[pipe.fluid]
    points = " ".join(f"{x:g},{y:g}" for x, y in pipe.points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{points}" stroke-width="{width:g}"{dashed} marker-end="url(#tip)"/>'


LABEL_PX: Final = 15  # a line of text


def label_place(one: Equipment) -> tuple[float, float, str]:
    """(x, y, anchor) of the first line of its name; the state stands a line below it."""
    (x, y), (width, height) = one.at, one.size
    match one.label:
        case Side.BELOW:
            return x + width / 2, y + height + LABEL_PX, "middle"
        case Side.ABOVE:
            return x + width / 2, y - 7 - (LABEL_PX if one.tag is not None else 0), "middle"
        case Side.LEFT:
            return x - 8, y + height / 2 + 2, "end"
        case Side.RIGHT:
            return x + width + 8, y + height / 2 + 2, "start"
        case Side.INSIDE:
            return x + width / 2, y + 28, "middle"


def _label(one: Equipment) -> str:
    x, y, anchor = label_place(one)
    lines = one.text.split(", ") if one.label is Side.INSIDE else [one.text]
    return "".join(
        f'<text x="{x:g}" y="{y + number * LABEL_PX:g}" text-anchor="{anchor}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
