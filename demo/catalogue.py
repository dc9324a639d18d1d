"""What Kiln & Kettle sells. Pictures are symbols of `templates/_pictures.html`, by slug."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Product:
    slug: str
    sku: str
    title: str
    kind: str
    price: Decimal
    blurb: str
    about: str
    backdrop: str
    """The colour family of its picture's ground, a class of the style sheet."""
    gift_card: bool = False


PRODUCTS = (
    Product(
        "moon-jar",
        "KK-MJ-01",
        "Moon jar",
        "Stoneware",
        Decimal("1000.00"),
        "Two bowls joined at the waist. One of a kind.",
        "Thrown as two hemispheres and joined by hand, so it is never perfectly round. White glaze over iron-flecked "
        "clay, fired for thirty hours. 38 cm tall; it likes a table of its own.",
        "cobalt",
    ),
    Product(
        "teapot",
        "KK-TP-02",
        "Cobalt teapot",
        "Stoneware",
        Decimal("120.00"),
        "Pours without a drop on the cloth.",
        "Holds four cups. The spout is cut at the angle that stops a drip, the lid stays in when you pour the last "
        "cup, and the built-in strainer is fine enough for sencha.",
        "straw",
    ),
    Product(
        "tea-bowls",
        "KK-TB-03",
        "Pair of tea bowls",
        "Stoneware",
        Decimal("60.00"),
        "One tall for winter, one low for summer.",
        "Sold only in pairs. Celadon outside, bare clay at the foot where the fingers hold. Dishwasher-safe, although "
        "nobody here has dared.",
        "celadon",
    ),
    Product(
        "dripper",
        "KK-DR-04",
        "Pour-over dripper",
        "Coffee things",
        Decimal("50.00"),
        "Slow coffee, one cup at a time.",
        "Eight inner ribs and a wide drain for an even bed. Takes the common cone filters, size 02.",
        "persimmon",
    ),
    Product(
        "mug",
        "KK-MG-05",
        "Tenmoku mug",
        "Stoneware",
        Decimal("40.00"),
        "Iron glaze that breaks to rust at the rim.",
        "300 ml, a handle for three fingers, and a glaze that comes out a little different in every firing.",
        "straw",
    ),
    Product(
        "plate",
        "KK-PL-06",
        "Breakfast plate",
        "Stoneware",
        Decimal("30.00"),
        "For toast, and for the egg beside it.",
        "21 cm, with a raised rim that keeps the crumbs where they belong. One brush line of cobalt, drawn while the "
        "wheel turns.",
        "cobalt",
    ),
    Product(
        "whisk",
        "KK-WH-07",
        "Matcha whisk",
        "Tea things",
        Decimal("25.00"),
        "A hundred tines from one piece of bamboo.",
        "Split by hand from a single joint of bamboo. Soak it for a minute before use and it will last for years.",
        "celadon",
    ),
    Product(
        "sencha",
        "KK-SE-08",
        "Sencha, first harvest",
        "Tea",
        Decimal("18.50"),
        "Picked in April, steamed within the day. 100 g.",
        "Bright and green, with the sweetness of the year's first leaves. 70 °C, ninety seconds, three infusions.",
        "celadon",
    ),
    Product(
        "guji",
        "KK-GU-09",
        "Guji, natural",
        "Coffee",
        Decimal("14.90"),
        "Ethiopian beans, roasted on Tuesdays. 250 g.",
        "Blueberry and cocoa, roasted light for filter. Whole beans; ask at checkout and we grind it for you.",
        "persimmon",
    ),
    Product(
        "lapsang",
        "KK-LA-10",
        "Lapsang souchong",
        "Tea",
        Decimal("12.00"),
        "Smoked over pine, like a good argument. 80 g.",
        "Black tea from Wuyi, dried over pine fires. Wonderful with cheese, and in a marinade nobody can place.",
        "straw",
    ),
    Product(
        "sample",
        "KK-SA-11",
        "Single cup sample",
        "Tea",
        Decimal("2.50"),
        "One cup of whatever we are drinking today.",
        "A paper sachet with enough leaves for one good pot for one person. The cheapest way to meet a new tea.",
        "celadon",
    ),
    Product(
        "gift-card",
        "KK-GC-50",
        "Gift card",
        "For someone else",
        Decimal("50.00"),
        "Fifty euros, posted in a hand-folded sleeve.",
        "Never expires. Gift cards earn no points when bought; what is bought with them does.",
        "cobalt",
        gift_card=True,
    ),
)

_BY_SLUG = {product.slug: product for product in PRODUCTS}


def find(slug: str) -> Product | None:
    return _BY_SLUG.get(slug)
