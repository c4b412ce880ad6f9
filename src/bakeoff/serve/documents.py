"""/docs: what /openapi.json says, as a page without scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    name: str
    kind: str  # `integer, at least 1; or null`
    default: str  # nothing where the field is required, or in an answer
    description: str


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    description: str
    request: list[Field]
    answer: list[Field]
    statuses: list[str]


def render(api: Schema) -> str:
    """The page.

    Args:
        api: An OpenAPI 3.1 document, as FastAPI makes it.
    """
    environment = Environment(
        loader=PackageLoader("bakeoff.serve"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("docs.html").render(info=api["info"], endpoints=list(_endpoints(api)))


def _endpoints(api: Schema) -> Iterator[Endpoint]:
    schemas = api["components"]["schemas"]
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            answers = operation["responses"]
            success = next(status for status in answers if status.startswith("2"))
            yield Endpoint(
                method.upper(),
                path,
                operation.get("description", ""),
                _fields(operation.get("requestBody"), schemas, with_defaults=True),
                _fields(answers[success], schemas, with_defaults=False),
                list(answers),
            )


def _fields(body: Schema | None, schemas: Schema, *, with_defaults: bool) -> list[Field]:
    schema = (body or {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = _resolved(schema, schemas)
    required = schema.get("required", ())
    return [
        Field(
            name,
            _kind(each, schemas),
            json.dumps(each.get("default")) if with_defaults and name not in required else "",
            each.get("description", ""),
        )
        for name, each in schema.get("properties", {}).items()
    ]


def _resolved(schema: Schema, schemas: Schema) -> Schema:
    found: Schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def _kind(schema: Schema, schemas: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(each, schemas) for each in schema["anyOf"]))
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " or ".join(f'"{each}"' for each in schema["enum"])
    schema = _resolved(schema, schemas)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}"
    if "properties" in schema:
        return "{" + ", ".join(schema["properties"]) + "}"
    limits = {"minimum": "at least {}", "maximum": "at most {}"}
    words = [phrase.format(schema[key]) for key, phrase in limits.items() if key in schema]
    return ", ".join([str(schema.get("type", "any")), *words])
