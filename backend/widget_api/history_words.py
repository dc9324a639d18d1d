"""The words of the table of a member's history: what its columns are called, and the kinds of movement."""

from collections.abc import Mapping

_KEYS = (
    "at", "what", "kind", "points", "after", "until",
    "earned", "spent", "returned", "taken_back", "expired", "adjusted",
)  # fmt: skip


def _words(*texts: str) -> Mapping[str, str]:
    return dict(zip(_KEYS, texts, strict=True))


WORDS: Mapping[str, Mapping[str, str]] = {
    "en": _words(
        "Date", "What happened", "Kind", "Points", "Available afterwards", "Use by",
        "Earned", "Spent", "Came back", "Taken back", "Expired", "By the shop",
    ),
    "de": _words(
        "Datum", "Was geschah", "Art", "Punkte", "Danach verfügbar", "Einlösen bis",
        "Gesammelt", "Eingelöst", "Zurückbekommen", "Zurückgenommen", "Verfallen", "Vom Shop",
    ),
    "es": _words(
        "Fecha", "Qué pasó", "Tipo", "Puntos", "Disponible después", "Usar hasta",
        "Ganados", "Gastados", "Recuperados", "Retirados", "Caducados", "Por la tienda",
    ),
    "fr": _words(
        "Date", "Ce qui s’est passé", "Type", "Points", "Disponible ensuite", "À utiliser jusqu’au",
        "Gagnés", "Dépensés", "Rendus", "Repris", "Expirés", "Par la boutique",
    ),
    "it": _words(
        "Data", "Cosa è successo", "Tipo", "Punti", "Disponibili dopo", "Da usare entro",
        "Guadagnati", "Spesi", "Restituiti", "Ritirati", "Scaduti", "Dal negozio",
    ),
    "ja": _words(
        "日付", "内容", "種類", "ポイント", "その後の利用可能ポイント", "有効期限",
        "獲得", "利用", "返還", "取消", "失効", "ショップによる調整",
    ),
    "nl": _words(
        "Datum", "Wat er gebeurde", "Soort", "Punten", "Daarna beschikbaar", "Te gebruiken tot en met",
        "Verdiend", "Besteed", "Teruggekregen", "Teruggenomen", "Verlopen", "Door de winkel",
    ),
    "pl": _words(
        "Data", "Co się wydarzyło", "Rodzaj", "Punkty", "Dostępne potem", "Do wykorzystania do",
        "Zdobyte", "Wydane", "Zwrócone", "Cofnięte", "Wygasłe", "Przez sklep",
    ),
    "pt-BR": _words(
        "Data", "O que aconteceu", "Tipo", "Pontos", "Disponível depois", "Usar até",
        "Ganhos", "Usados", "Devolvidos", "Retirados", "Expirados", "Pela loja",
    ),
    "zh-Hant": _words(
        "日期", "發生了什麼", "類型", "點數", "之後可用", "使用期限",
        "獲得", "使用", "退回", "收回", "過期", "商店調整",
    ),
    "ar": _words(
        "التاريخ", "ما حدث", "النوع", "النقاط", "المتاح بعدها", "صالحة حتى",
        "مكتسبة", "منفقة", "مستعادة", "مسحوبة", "منتهية", "من المتجر",
    ),
}  # fmt: skip
"""In every language of the widget; a test holds this."""
