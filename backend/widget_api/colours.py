"""Which ink can be read on the merchant's colour (WCAG 2.2, 1.4.3)."""

READABLE = 4.5
_INKS = ("#ffffff", "#1a1a1a", "#000000")


def ink_on(accent: str) -> str:
    """White where it can be read, else a dark one; black or white always can. Colours are `#rrggbb`."""
    return next(ink for ink in _INKS if contrast(ink, accent) >= READABLE)


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
