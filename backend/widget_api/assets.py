"""The widget's own files: `loader.js`, filled in for one shop, and the modules that it imports.

All files together have one version, a hash of their content that stands in every module's address, so that a browser
may keep them for ever and never mixes two versions. They are read and made lean once per process, compressed the first
time that somebody asks, and served from memory: no path ever touches the disk, so none can leave the folder.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import brotli
import orjson
from flask import Request, Response

from backend.errors import NotFound
from backend.loyalty.program import programs
from backend.loyalty.program.settings import ProgramSettings
from backend.loyalty.shops.shops import ShopFacts
from backend.loyalty.wording import pick
from backend.widget_api.colours import ink_on
from backend.widget_api.words import sentences
from widget.lean import lean

LOADER = "loader.js"
ENTRY = "lagniappe.js"
BRIEF = "public, max-age=60, stale-while-revalidate=600"
FOR_EVER = "public, max-age=31536000, immutable"

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
_LOOK = re.compile(r"/\*look\*/.*?/\*look\*/", re.DOTALL)
_CODINGS = ("br", "gzip")  # the smaller one first; browsers take br over https and on their own machine
_WORTH_COMPRESSING = 200
_MAX_LOADERS = 2_000


@dataclass(frozen=True, slots=True)
class Asset:
    """A file's content, ready to be sent."""

    content_type: str
    body: bytes
    etag: str


class WidgetFiles:
    """The files of `widget/static`, as they were when the process first asked for them."""

    def __init__(self, folder: Traversable) -> None:
        found = {path: lean(path, source).encode() for path, source in sorted(_read(folder, ""))}
        together = hashlib.sha256()
        for path, body in found.items():
            together.update(b"%d %b %d " % (len(path.encode()), path.encode(), len(body)) + body)
        self.version = together.hexdigest()[:16]
        self.loader = found.pop(LOADER).decode()
        self._assets = {path: _asset(_TYPES[_suffix(path)], body) for path, body in found.items()}

    def get(self, path: str) -> Asset:
        """The file at that path of the folder. Raises NotFound for every other text."""
        asset = self._assets.get(path)
        if asset is None:
            raise NotFound()
        return asset


@lru_cache(maxsize=1)
def widget_files() -> WidgetFiles:
    return WidgetFiles(files("widget").joinpath("static"))


def module(request: Request, version: str, path: str) -> Response:
    """One module: for ever if the address names the version we have; else (amid a deployment) for a moment."""
    known = widget_files()
    return _answer(request, known.get(path), FOR_EVER if version == known.version else BRIEF)


_loaders: dict[tuple[ShopFacts, int, str], Asset] = {}


def loader(request: Request, shop: ShopFacts, base_url: str) -> Response:
    """The launcher of one shop (contract section 9). A program that is switched off gets a script that does nothing."""
    version, settings = programs.current(shop.id)
    asset = _loaders.get((shop, version, base_url))
    if asset is None:
        asset = _loader(shop, settings, base_url, base_url)
        if len(_loaders) >= _MAX_LOADERS:
            _loaders.clear()
        _loaders[(shop, version, base_url)] = asset
    return _answer(request, asset, BRIEF)


def previewing_loader(request: Request, shop: ShopFacts, base: str) -> Response:
    """The same script for one preview, whose calls go to addresses below `base`. The modules are those of everybody."""
    _, settings = programs.current(shop.id)
    return _answer(request, _loader(shop, settings, base, ""), "no-store")


def _loader(shop: ShopFacts, settings: ProgramSettings, base: str, files_base: str) -> Asset:
    if not settings.enabled:
        return _script("/* This shop's loyalty program is switched off. */\n")
    words = sentences(None, shop.locale)
    look: dict[str, object] = {
        "key": shop.widget_key,
        "base": base,
        "panel": f"{files_base}/widget/v1/assets/{widget_files().version}/{ENTRY}",
        "label": pick(settings.appearance.launcher_label or {}, None, shop.locale) or words["label"],
        "accent": settings.appearance.accent,
        "ink": ink_on(settings.appearance.accent),
        "position": settings.appearance.position,
        "locale": shop.locale,
        "sorry": words["sorry"],
    }
    if settings.referral.enabled:
        look["referral"] = {"enabled": True}
    return _script(_filled_in(widget_files().loader, look))


def no_loader(request: Request) -> Response:
    """What a page with an unknown key gets: a script that does nothing, so that nothing breaks."""
    answer = _answer(request, _script("/* There is no shop with this key. */\n"), "public, max-age=60")
    answer.status_code = 404
    return answer


def _filled_in(template: str, look: Mapping[str, object]) -> str:
    # JSON is JavaScript; "<" is escaped so that the text stays harmless wherever somebody pastes it.
    literal = orjson.dumps(look).decode().replace("<", "\\u003c")
    return _LOOK.sub(lambda _: literal, template, count=1)


def _script(text: str) -> Asset:
    return _asset("application/javascript; charset=utf-8", text.encode())


def _asset(content_type: str, body: bytes) -> Asset:
    return Asset(content_type, body, f'W/"{hashlib.sha256(body).hexdigest()[:20]}"')


@lru_cache(maxsize=2 * _MAX_LOADERS)
def _packed(coding: str, body: bytes) -> bytes:
    """As small as it gets; what is sent thousands of times may take a moment once."""
    return brotli.compress(body) if coding == "br" else gzip.compress(body, compresslevel=9, mtime=0)


def _answer(request: Request, asset: Asset, cache_control: str) -> Response:
    """The asset as this browser takes it: compressed, or not again at all."""
    headers = {
        "Cache-Control": cache_control,
        "ETag": asset.etag,
        "Vary": "Accept-Encoding",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if request.if_none_match.contains_weak(asset.etag[3:-1]):
        answer = Response(status=304, headers=headers)
        del answer.headers["Content-Type"]
        return answer
    body = asset.body
    coding = next((one for one in _CODINGS if request.accept_encodings[one] > 0), None)
    if coding and len(body) >= _WORTH_COMPRESSING:
        body = _packed(coding, body)
        headers["Content-Encoding"] = coding
    return Response(body, headers=headers, content_type=asset.content_type)


def _read(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _read(each, f"{prefix}{each.name}/")
        elif _suffix(each.name) in _TYPES:
            found.append((prefix + each.name, each.read_text(encoding="utf-8")))
    return found


def _suffix(path: str) -> str:
    return "." + path.rpartition(".")[2]
