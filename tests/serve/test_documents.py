"""/docs says what /openapi.json says."""

from __future__ import annotations

from bakeoff.serve.documents import render

API = {
    "info": {"title": "bakeoff", "version": "1", "description": "Ask."},
    "components": {
        "schemas": {
            "Request": {
                "required": ["prompt"],
                "properties": {
                    "prompt": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
                    "temperature": {"type": "number", "minimum": 0, "maximum": 2, "default": 0.0},
                    "stream": {"type": "boolean", "default": False, "description": "<b>Piece</b> by piece."},
                    "options": {"$ref": "#/components/schemas/Options", "default": None},
                },
            },
            "Options": {"properties": {"usage": {"type": "boolean"}}},
        }
    },
    "paths": {
        "/v1/write": {
            "post": {
                "description": "Write.",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Request"}}}},
                "responses": {"200": {"content": {}}, "400": {}},
            }
        }
    },
}


def test_every_field_with_its_kind_and_default() -> None:
    page = render(API)

    assert "POST" in page
    assert "/v1/write" in page
    assert "string or list of string" in page
    assert "number, at least 0, at most 2; 0.0 if absent" in page
    assert "boolean; false if absent. &lt;b&gt;Piece&lt;/b&gt; by piece." in page
    assert "{usage}; null if absent" in page
    assert "Status codes: 200, 400." in page
    assert "<script" not in page
