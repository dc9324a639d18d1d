"""What Shopify wants nobody to use any more: in a document, and in the variables that go with it.

graphql-core's rule sees what a document says and not what variables hold, so these are walked by the types that they are for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    type_from_ast,
    validate,
)
from graphql.validation import NoDeprecatedCustomRule


def operation(document: DocumentNode) -> OperationDefinitionNode:
    """The only operation of the document."""
    [found] = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    return found


def deprecated(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> list[str]:
    """A sentence for each thing in them that is deprecated."""
    found = [each.message for each in validate(schema, document, [NoDeprecatedCustomRule])]
    for definition in operation(document).variable_definitions or ():
        name = definition.variable.name.value
        if name in variables:
            found += _walk(type_from_ast(schema, definition.type), variables[name], f"${name}")
    return found


def _walk(type_: Any, value: Any, place: str) -> Iterator[str]:
    if isinstance(type_, GraphQLNonNull):
        yield from _walk(type_.of_type, value, place)
    elif isinstance(type_, GraphQLList):
        for number, each in enumerate(value if isinstance(value, list | tuple) else [value]):
            yield from _walk(type_.of_type, each, f"{place}[{number}]")
    elif isinstance(type_, GraphQLInputObjectType) and isinstance(value, Mapping):
        for name, each in value.items():
            if (field := type_.fields.get(name)) is not None:
                if field.deprecation_reason is not None:
                    yield f"{place}.{name} is deprecated: {field.deprecation_reason}"
                yield from _walk(field.type, each, f"{place}.{name}")
    elif isinstance(type_, GraphQLEnumType):
        known = type_.values.get(value)
        if known is not None and known.deprecation_reason is not None:
            yield f"{place} {value} is deprecated: {known.deprecation_reason}"
