"""Which platforms there are."""

from backend.errors import NotFound
from backend.platforms.base import Platform
from backend.platforms.custom import adapter as custom
from backend.platforms.shopify import adapter as shopify

_PLATFORMS: dict[str, Platform] = {each.name: each for each in (custom, shopify)}


def platform(name: str) -> Platform:
    """The adapter of the platform called `name`, such as "custom". Raises NotFound for any other name."""
    try:
        return _PLATFORMS[name]
    except KeyError:
        raise NotFound("There is no such platform.") from None
