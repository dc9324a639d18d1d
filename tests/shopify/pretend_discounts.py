"""The discounts of shops on the pretend Shopify: it keeps them with their codes, adds and removes codes by and by, and does
what a test says besides: calls a code bad, loses a discount, finds nothing when it searches."""

import itertools
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.shopify.pretend import Pretend

MOST_CODES = 250


@dataclass
class Code:
    """One code, as its discount has it."""

    id: str
    code: str
    uses: int = 0


@dataclass
class Discount:
    number: int
    shop: str
    typename: str
    given: dict[str, Any]
    codes: dict[str, Code] = field(default_factory=dict)
    """By the code in capitals."""
    is_active: bool = True

    @property
    def gid(self) -> str:
        return f"gid://shopify/DiscountCodeNode/{self.number}"

    @property
    def title(self) -> str:
        return str(self.given["title"])


@dataclass
class Work:
    """What Shopify does by and by: `looks` times it is not done yet, when somebody looks."""

    looks: int
    do: Any
    said: list[dict[str, Any]] = field(default_factory=list)
    is_done: bool = False


@dataclass
class Discounts:
    """All discounts of all shops. `looks_until_done`: how often whoever asks is told to wait."""

    discounts: dict[int, Discount] = field(default_factory=dict)
    works: dict[str, Work] = field(default_factory=dict)
    looks_until_done: int = 1
    finds_codes: bool = True
    """Whether a search within a discount finds a code."""
    bad: dict[str, str] = field(default_factory=dict)
    """Codes that are refused, in capitals, with Shopify's word for why."""
    products: set[str] | None = None
    """The products that there are; None: all that are asked for."""
    _numbers: Any = field(default_factory=lambda: itertools.count(1001))
    _lock: Any = field(default_factory=threading.RLock)

    def register(self, pretend: Pretend) -> "Discounts":
        pretend.resolvers |= {
            "Mutation.discountCodeBasicCreate": self._create("DiscountCodeBasic"),
            "Mutation.discountCodeFreeShippingCreate": self._create("DiscountCodeFreeShipping"),
            "Mutation.discountRedeemCodeBulkAdd": self._add,
            "Query.discountRedeemCodeBulkCreation": self._creation,
            "Query.codeDiscountNodeByCode": lambda shop, code: self._node(self.holder(shop, code)),
            "Query.node": lambda shop, id: self._node(self._of(shop, id)),
            "Mutation.discountCodeRedeemCodeBulkDelete": self._remove,
            "Query.job": self._job,
            "Mutation.discountCodeDeactivate": self._deactivate,
            "Mutation.discountCodeDelete": self._delete,
            "Query.discountNodes": self._list,
        }
        return self

    # What a test looks at and does

    def of(self, shop: str) -> list[Discount]:
        return [each for each in self.discounts.values() if each.shop == shop]

    def codes(self, shop: str) -> set[str]:
        """The codes that work, in capitals."""
        return {code for each in self.of(shop) if each.is_active for code in each.codes}

    def holder(self, shop: str, code: str) -> Discount | None:
        return next((each for each in self.of(shop) if code.upper() in each.codes), None)

    def use(self, shop: str, code: str) -> None:
        """A customer pays with it."""
        found = self.holder(shop, code)
        assert found is not None
        found.codes[code.upper()].uses += 1

    def merchants_own(self, shop: str, *codes: str, title: str = "Summer") -> Discount:
        with self._lock:
            made = Discount(next(self._numbers), shop, "DiscountCodeBasic", {"title": title, "tags": []})
            self.discounts[made.number] = made
            for code in codes:
                self._put(made, code)
            return made

    def lose(self, discount: Discount) -> None:
        """The merchant deletes it."""
        del self.discounts[discount.number]

    def finish(self) -> None:
        """What is under way is done, without anybody looking."""
        for work in self.works.values():
            self._work(work)

    # What Shopify answers

    def _create(self, typename: str) -> Any:
        def create(shop: str, **arguments: Any) -> dict[str, Any]:
            (given,) = arguments.values()
            with self._lock:
                if self.holder(shop, given["code"]) is not None:
                    field = ["basicCodeDiscount", "code"]
                    return _refused("TAKEN", "Code must be unique. Please try a different code.", field)
                wanted = given.get("customerGets", {}).get("items", {}).get("products", {})
                if self.products is not None and not self.products.issuperset(*wanted.values()):
                    return _refused("INVALID", "Product variants are not valid", ["basicCodeDiscount", "customerGets"])
                if given["code"].upper() in self.bad:
                    return _refused(
                        self.bad[given["code"].upper()], f"{given['code']} is bad", ["basicCodeDiscount", "title"]
                    )
                made = Discount(next(self._numbers), shop, typename, given)
                self.discounts[made.number] = made
                self._put(made, given["code"])
                return {"codeDiscountNode": self._node(made), "userErrors": []}

        return create

    def _add(self, shop: str, discountId: str, codes: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        discount = self._of(shop, discountId)
        if discount is None:
            return _refused("INVALID", "Discount does not exist", ["discountId"])
        if len(codes) > MOST_CODES:
            return _refused("TOO_MANY_ARGUMENTS", "The input array size is greater than the maximum allowed", ["codes"])
        work = Work(self.looks_until_done, lambda: [self._added(discount, each["code"]) for each in codes])
        name = f"gid://shopify/DiscountRedeemCodeBulkCreation/{next(self._numbers)}"
        self.works[name] = work
        return {"bulkCreation": {"id": name}, "userErrors": []}

    def _added(self, discount: Discount, code: str) -> dict[str, Any]:
        if (word := self.bad.get(code.upper())) is not None:
            return {"code": code, "discountRedeemCode": None, "errors": [{"code": word, "message": f"{code} is bad"}]}
        if self.holder(discount.shop, code) is not None:
            error = {"code": "TAKEN", "message": "Code must be unique. Please try a different code."}
            return {"code": code, "discountRedeemCode": None, "errors": [error]}
        return {"code": code, "discountRedeemCode": _shown(self._put(discount, code)), "errors": []}

    def _creation(self, shop: str, id: str) -> dict[str, Any]:
        work = self._look(id)
        return {"done": work.is_done, "codes": lambda first, **_: {"nodes": work.said[:first]}}

    def _remove(self, shop: str, discountId: str, ids: list[str]) -> dict[str, Any]:  # noqa: N803
        discount = self._of(shop, discountId)
        if discount is None:
            return _refused("INVALID", "Discount does not exist", ["discountId"])

        def remove() -> list[dict[str, Any]]:
            for code in [each for each, known in discount.codes.items() if known.id in ids]:
                del discount.codes[code]
            return []

        name = f"gid://shopify/Job/{next(self._numbers)}"
        self.works[name] = Work(self.looks_until_done, remove)
        return {"job": {"id": name, "done": False}, "userErrors": []}

    def _job(self, shop: str, id: str) -> dict[str, Any]:
        return {"done": self._look(id).is_done}

    def _look(self, name: str) -> Work:
        work = self.works[name]
        if work.looks:
            work.looks -= 1
        else:
            self._work(work)
        return work

    def _work(self, work: Work) -> None:
        with self._lock:
            if not work.is_done:
                work.said, work.is_done = work.do(), True

    def _deactivate(self, shop: str, id: str) -> dict[str, Any]:
        discount = self._of(shop, id)
        if discount is None:
            return _refused("INVALID", "Discount does not exist", ["id"])
        discount.is_active = False
        return {"userErrors": []}

    def _delete(self, shop: str, id: str) -> dict[str, Any]:
        with self._lock:
            discount = self._of(shop, id)
            if discount is None:
                return _refused("INVALID", "Discount does not exist", ["id"]) | {"deletedCodeDiscountId": None}
            del self.discounts[discount.number]
            return {"deletedCodeDiscountId": id, "userErrors": []}

    def _list(self, shop: str, first: int, query: str, after: str | None = None, **_: Any) -> dict[str, Any]:
        tag = query.removeprefix("tag:")
        found = [each for each in self.of(shop) if tag in each.given.get("tags", ()) and each.number > int(after or 0)]
        nodes = [
            {"id": f"gid://shopify/DiscountNode/{each.number}", "discount": self._discount(each)}
            for each in found[:first]
        ]
        last = str(found[:first][-1].number) if nodes else None
        return {"nodes": nodes, "pageInfo": {"hasNextPage": len(found) > first, "endCursor": last}}

    def _node(self, discount: Discount | None) -> dict[str, Any] | None:
        if discount is None:
            return None
        return {"__typename": "DiscountCodeNode", "id": discount.gid, "codeDiscount": self._discount(discount)}

    def _discount(self, discount: Discount) -> dict[str, Any]:
        def codes(
            first: int, after: str | None = None, query: str | None = None, reverse: bool = False, **_: Any
        ) -> dict[str, Any]:
            found = sorted(discount.codes.values(), key=lambda each: int(each.id.rpartition("/")[2]), reverse=reverse)
            if query is not None:
                found = [each for each in found if self.finds_codes and each.code.upper() == query.strip('"').upper()]
            begin = int(after or 0)
            end = begin + first
            page = {"hasNextPage": len(found) > end, "endCursor": str(end)}
            return {"nodes": [_shown(each) for each in found[begin:end]], "pageInfo": page}

        return {
            "__typename": discount.typename,
            "title": discount.title,
            "status": "ACTIVE" if discount.is_active else "EXPIRED",
            "endsAt": discount.given.get("endsAt"),
            "codesCount": {"count": len(discount.codes)},
            "codes": codes,
        }

    def _of(self, shop: str, gid: str) -> Discount | None:
        kind, _, number = gid.removeprefix("gid://shopify/").partition("/")
        found = self.discounts.get(int(number)) if kind == "DiscountCodeNode" else None
        return found if found is not None and found.shop == shop else None

    def _put(self, discount: Discount, code: str) -> Code:
        with self._lock:
            made = Code(f"gid://shopify/DiscountRedeemCode/{next(self._numbers)}", code)
            discount.codes[code.upper()] = made
            return made


def _shown(code: Code) -> dict[str, Any]:
    return {"id": code.id, "code": code.code, "asyncUsageCount": code.uses}


def _refused(code: str, message: str, field: list[str]) -> dict[str, Any]:
    return {
        "codeDiscountNode": None,
        "bulkCreation": None,
        "job": None,
        "userErrors": [{"code": code, "field": field, "message": message}],
    }
