"""From values to pages: templates with everything escaped, and what every page shows whoever looks. Knows no route."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response
from litestar.template.base import csrf_token
from markupsafe import Markup, escape

from edge.web.assets import Assets
from edge.web.frame import Frame
from edge.web.strips import Bar
from edge.words.catalog import Words
from edge.words.language import LANGUAGES, Language, choose, known
from edge.words.site import Statement, Summary
from edge.words.times import Times

LANGUAGE_COOKIE: Final = "saksi_language"
Pace = Literal["live", "still", "waiting"]
"""A page follows what happens, stands as it was asked for, or is loaded again until there is something to see."""

_YEAR_S: Final = 365 * 86_400
_LONGEST_QUERY: Final = 500


def _version() -> str:
    try:
        return version("saksi")
    except PackageNotFoundError:
        return ""


def quiet(statement: Statement) -> Markup:
    """What a statement says, with the passing time marked: a screen reader need not repeat it by the minute."""
    text = escape(statement.what)
    if statement.ago is None:
        return text
    ago = escape(statement.ago)
    before, found, after = text.rpartition(ago)
    return text if not found else Markup('{}<span aria-live="off">{}</span>{}').format(
        Markup(before), Markup(ago), Markup(after)  # noqa: S704 - parts of what was escaped above
    )


def environment() -> Environment:
    """The templates; a name that is not given is a mistake, not an empty place."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["quiet"] = quiet
    made.globals["version"] = _version()
    return made


_ENVIRONMENT: Final = environment()


def rects(drawn: Sequence[Bar]) -> Markup:
    """Bars as SVG."""
    macro = _ENVIRONMENT.get_template("marks.html").module.rects  # type: ignore[attr-defined] # macros are attributes
    return Markup(macro(drawn))  # noqa: S704 - what the template made is escaped


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks: in which language, at what time, on which page."""

    request: Request[Any, Any, Any]
    words: Words
    times: Times
    frame: Frame

    def page(
        self, template: str, *, assets: Assets, summary: Summary | None = None, status: int = 200,
        pace: Pace = "live", stream: str = "", **values: object,
    ) -> Response[str]:  # fmt: skip
        """A page, whole; `stream` is the address of its live stream, that of the site where none is given."""
        path: str = self.request.scope["path"]
        user = self.request.scope.get("user")
        text = _ENVIRONMENT.get_template(template).render(
            t=self.words,
            lang=self.words.language,
            times=self.times,
            zone_name=self.times.local(self.times.now_ms).tzname(),
            languages=[(code, name, self._in(code)) for code, name in LANGUAGES.items()],
            path=path,
            frame=self.frame,
            navigation=self._navigation(),
            base=self.frame.base,
            api=self.frame.api_base,
            site_id=self.frame.name,
            stream=stream or f"{self.frame.api_base}/events/stream?type=none",  # no event is called so: only `state`
            asset=assets.url,
            summary=summary,
            mood=summary.first.mood if summary else "waiting",
            pace=pace,
            inside=user is not None,
            user=user if user is not None and user.name else None,
            csrf=csrf_token({"request": self.request}),
            **values,
        )
        response: Response[str] = Response(text, status_code=status, media_type="text/html; charset=utf-8")
        response.headers["vary"] = "Cookie, Accept-Language"
        if known(self.request.query_params.get("lang")):
            response.set_cookie(LANGUAGE_COOKIE, self.words.language, max_age=_YEAR_S, httponly=True)
        return response

    def _navigation(self) -> list[tuple[str, str]]:
        """Addresses and names of what the header leads to."""
        frame, words = self.frame, self.words
        fleet = [("/", words("page.fleet"))] if frame.in_fleet else []
        pages = [(frame.home, words("page.site")), (f"{frame.base}/events", words("page.events"))]
        return fleet + (pages if frame.is_site else [])

    def _in(self, language: Language) -> str:
        """This page in a language."""
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name != "lang"]
        query = urlencode([*kept, ("lang", language)])
        return "?" + (query if len(query) <= _LONGEST_QUERY else f"lang={language}")


def language_of(request: Request[Any, Any, Any]) -> Language:
    """The language that a request wants."""
    return choose(
        request.query_params.get("lang"),
        request.cookies.get(LANGUAGE_COOKIE),
        request.headers.get("accept-language"),
    )
