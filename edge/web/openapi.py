"""The OpenAPI document at `/schema`, and a page of it for people that needs nothing from another host."""

from html import escape
from importlib.metadata import version
from typing import Any

from litestar import Request
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components, Reference, SecurityScheme

TOKEN_NEEDED: list[dict[str, list[str]]] = [{"token": []}]


class ListPage(OpenAPIRenderPlugin):
    """What there is to ask for, as a plain list."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page."""
        title = escape(openapi_schema["info"]["title"])
        rows = "".join(
            f"<dt><code>{method.upper()} {escape(path)}</code></dt><dd>{_words(operation)}</dd>"
            for path, item in sorted(openapi_schema["paths"].items())
            for method, operation in item.items()
            if isinstance(operation, dict)
        )
        link = escape(self.get_openapi_json_route(request))
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{title}</title><h1>{title}</h1>"
            f'<p>For programs: <a href="{link}">{link}</a></p><dl>{rows}</dl></html>'
        ).encode()


def _words(operation: dict[str, Any]) -> str:
    words = escape(operation.get("description") or operation.get("summary") or "")
    parameters = [one for one in operation.get("parameters", ()) if "name" in one]
    listed = "".join(
        f"<li><code>{escape(one['name'])}</code> {escape(one.get('description') or '')}</li>" for one in parameters
    )
    return f"<p>{words}</p>" + (f"<ul>{listed}</ul>" if listed else "")


def openapi_config(title: str) -> OpenAPIConfig:
    """How the document is made."""
    schemes: dict[str, SecurityScheme | Reference] = {
        "token": SecurityScheme(type="http", scheme="bearer", description="A token of `web.tokens`.")
    }
    return OpenAPIConfig(
        title=title,
        version=version("saksi"),
        description="What is recorded, and whether it is. Errors are problem+json; times RFC 3339.",
        path="/schema",
        render_plugins=[ListPage(), JsonRenderPlugin(), YamlRenderPlugin()],
        components=Components(security_schemes=schemes),
        use_handler_docstrings=True,
    )
