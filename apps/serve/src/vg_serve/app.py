"""The application: models loaded once, routes over them, and what holds for all routes."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from vg_video.models import load_generator

from vg_serve import persons, videos
from vg_serve.schema import Error, Health
from vg_serve.settings import Settings

PAGE = Path(__file__).parent / "static" / "index.html"
PACKAGES = ("vg-serve", "vg-video", "vg-reid", "torch")


def create_app(settings: Settings) -> FastAPI:
    """Load what `settings` names and build the application over it.

    Raises:
        ValueError: if a model folder or the gallery is damaged, of another system, or the two do not fit, or the video
            model goes on from images.
        OSError: if one of them is missing or cannot be read.
    """
    generator = load_generator(settings.video) if settings.video else None
    if generator and generator.takes_image:
        raise ValueError(f"{settings.video}: {generator.system} goes on from an image, wanted a model that needs none")
    embedder, gallery = persons.load(settings.reid, settings.gallery)
    health = Health(
        video=videos.describe(generator, settings.video) if generator and settings.video else None,
        persons=persons.describe(gallery, settings.gallery) if embedder and gallery and settings.gallery else None,
        limits=settings.limits,
        versions={name: version(name) for name in PACKAGES},
    )
    # No /docs: FastAPI's page loads its scripts from another host. /openapi.json says the same.
    app = FastAPI(
        title="vg-serve",
        version=version("vg-serve"),
        docs_url=None,
        redoc_url=None,
        responses={code: {"model": Error} for code in (413, 422, 503)},
        exception_handlers={AnyHTTPException: _refused, RequestValidationError: _malformed, Exception: _failed},
    )
    app.add_middleware(BodyLimit, limit=settings.limits.max_upload_bytes)
    app.include_router(videos.router(generator, settings.limits))
    app.include_router(persons.router(embedder, gallery, settings.limits))

    @app.get("/health")
    async def get_health() -> Health:
        """What is loaded, the limits in force, and the versions."""
        return health

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE)

    return app


class BodyLimit:
    """Middleware that stops reading a request's body at `limit` bytes and answers 413."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on with a counting `receive`; refuse it at once if its header admits too many bytes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = HTTPException(413, f"the request is larger than this server's limit of {self.limit} bytes")
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self.limit:
            await _error(413, refusal.detail)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.limit:
                raise refusal
            return message

        await self.app(scope, counted, send)


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(Error(error=message).model_dump(), status, headers)


async def _refused(request: Request, error: AnyHTTPException) -> Response:
    """An HTTPException of a route or of the router."""
    return _error(error.status_code, error.detail, error.headers)


async def _malformed(request: Request, error: RequestValidationError) -> Response:
    """A request that does not have the wanted fields: all of them in one line."""
    problems = (f"{'.'.join(str(part) for part in e['loc'][1:]) or 'body'}: {e['msg']}" for e in error.errors())
    return _error(422, "; ".join(problems))


async def _failed(request: Request, error: Exception) -> Response:
    """A bug: its traceback goes to the log, not to the client."""
    return _error(500, "the server failed; its log has the reason")
