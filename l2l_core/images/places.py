"""Places of images: a local path, or the URL of a zarr store that fsspec reaches.

A URL never becomes a :class:`~pathlib.Path`, which would make ``s3:/bucket`` of ``s3://bucket``.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from l2l_core.errors import ImageError, ImageNotFoundError, L2LError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator

Place = Path | str

DOCUMENTS = ("zarr.json", ".zgroup", ".zarray")
"""One of these is there wherever a zarr group or array is."""

CONNECT_SECONDS = 10.0
"""How long a host may take to accept a connection."""

READ_SECONDS = 60.0
"""How long a host may be silent in the middle of an answer."""

# Two letters at least, so that the drive of a Windows path is none.
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_LOCAL = ("file", "local")
_WEB = ("http", "https")


def is_url(text: object) -> bool:
    """Whether a text is a URL, such as ``s3://bucket/slide.zarr``; a :class:`Path` never is."""
    return isinstance(text, str) and _URL.match(text) is not None


def as_place(where: str | Path) -> Place:
    """Return a local path as a :class:`Path`, and a URL as text without a slash at its end.

    A URL of this computer (``file://``) is a path.

    Parameters
    ----------
    where : str or Path
        ``~`` is the home folder.
    """
    text = str(where)
    if not is_url(where):
        return Path(where).expanduser()
    if _protocol(text) in _LOCAL:
        from urllib.request import url2pathname

        parts = urlsplit(text)
        host = "" if parts.netloc in ("", "localhost") else f"//{parts.netloc}"
        return Path(url2pathname(host + parts.path))
    start = text.index("://") + 3
    return text[:start] + text[start:].rstrip("/")


def child(place: Place, *parts: str | int) -> Place:
    """Return a place below another one; a part may have several names: ``"A/1"``."""
    names = [name for part in parts for name in str(part).split("/") if name]
    if isinstance(place, Path):
        return place.joinpath(*names)
    start = place if place.endswith("://") or not names else place.rstrip("/") + "/"
    return start + "/".join(names)


def is_inside(path: str) -> bool:
    """Whether a path that metadata name stays below its store, on every system.

    Names of devices, drives and folders above count where Windows takes them for such, and what no
    file can be called is not inside either.
    """
    names = path.split("/")
    return (
        path.isprintable()
        and "\\" not in path
        # Windows takes ``". ."`` for a folder above or the same.
        and all(name.strip(" .") for name in names)
        and not any(PureWindowsPath(name).anchor for name in names)
    )


def name_of(place: Place) -> str:
    """Return the last name of a place: ``slide.zarr`` of ``s3://bucket/slide.zarr``."""
    if isinstance(place, Path):
        return place.name or place.resolve().name
    below = place[place.index("://") + 3 :] if is_url(place) else place
    name = below.rstrip("/").rpartition("/")[2]
    return unquote(name) if _protocol(place) in _WEB else name


def exists(place: Place) -> bool:
    """Whether there is anything at a place.

    A web server that shows no folders has a zarr store where it has the store's metadata.

    Raises
    ------
    ImageError
        If the host does not answer.
    MissingDependencyError
        If the package of the URL's protocol is not installed.
    """
    place = as_place(place)
    if isinstance(place, Path):
        return place.exists()
    if _protocol(place) in _WEB:
        return holds_store(place)
    files, path = filesystem(place)
    with answering(place):
        return bool(files.exists(path))


def holds_store(place: Place) -> bool:
    """Whether a zarr store could not be made at a place, since there is one or something else.

    A store elsewhere is made file by file, its own document last, and deleted in the opposite
    order: without that document it is what a kill left, and can be made there again.

    Raises
    ------
    ImageError
        If the host does not answer.
    MissingDependencyError
        If the package of the URL's protocol is not installed.
    """
    place = as_place(place)
    if isinstance(place, Path):
        return place.exists()
    return any(read_document(child(place, name)) is not None for name in DOCUMENTS)


def read_document(place: Place, *, length: int | None = None) -> bytes | None:
    """Return a small file as a whole, or None where there is none.

    Parameters
    ----------
    place : Path or str
    length : int, optional
        How many bytes to ask for, from the end where it is negative. A host that knows no parts
        of files gives all.

    Raises
    ------
    ImageError
        If the host does not answer, or the file cannot be read.
    MissingDependencyError
        If the package of the URL's protocol is not installed.
    """
    place = as_place(place)
    part = slice(length, None) if length is not None and length < 0 else slice(length)
    if isinstance(place, Path):
        try:
            return place.read_bytes()[part]
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise ImageError(f"{place}: the file cannot be read ({error.strerror})") from error
    files, path = filesystem(place)
    try:
        with answering(place):
            return bytes(files.cat_file(path, start=part.start, end=part.stop))
    except ImageNotFoundError:
        return None


def open_store(place: Place, mode: str = "r") -> Any:
    """Return what ``zarr.open`` takes for a place: a path as text, or a store of fsspec.

    Parameters
    ----------
    place : Path or str
    mode : str
        With ``"r"`` a store of fsspec refuses to be written to.

    Raises
    ------
    ImageError
        If the protocol is unknown or the URL has a query, which would be lost for the files below.
    MissingDependencyError
        If the package of the URL's protocol is not installed.
    """
    place = as_place(place)
    if isinstance(place, Path):
        return str(place)
    from zarr.storage import FsspecStore

    with _known(place):
        return FsspecStore.from_url(place, storage_options=_options(place), read_only=mode == "r")


@contextmanager
def answering(place: Place) -> Iterator[None]:
    """Turn whatever a protocol raises into one sentence; nothing there is ImageNotFoundError."""
    try:
        yield
    except (L2LError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise ImageNotFoundError(f"{place}: there is nothing at this URL; check it") from error
    # Each protocol has errors of its own, and those of the packages below it.
    except Exception as error:
        raise ImageError(unreachable(place, error)) from error


def unreachable(place: Place, error: BaseException) -> str:
    """Return the sentence for a host that does not answer or refuses."""
    why = str(error) or type(error).__name__
    remedy = "check the address, the network and your rights there, then try again"
    if type(error).__name__ == "NoCredentialsError":
        remedy = "log in, or set FSSPEC_S3_ANON=true where the bucket is public"
    return f"{place}: the host does not give what is asked for ({why}); {remedy}"


def _protocol(place: str) -> str:
    match = _URL.match(place)
    return match.group(1).lower() if match else ""


def filesystem(place: str) -> tuple[Any, str]:
    """Return a file system of fsspec that waits for its answers, and the path within it."""
    with _known(place):
        from fsspec.core import url_to_fs

        files, path = url_to_fs(place, **_options(place))
        return files, str(path)


def _options(place: str) -> dict[str, Any]:
    """Return what a protocol needs so that a silent host is noticed, and no listing is stale."""
    protocol = _protocol(place)
    if protocol in _WEB:
        from aiohttp import ClientTimeout

        limit = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        return {"client_kwargs": {"timeout": limit, "trust_env": True}}
    if protocol in ("s3", "s3a"):
        limits = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        return {"config_kwargs": limits, "use_listings_cache": False}
    return {}


@contextmanager
def _known(place: str) -> Iterator[None]:
    """Name the package that a protocol needs, where it is not installed or has no such name."""
    protocol = _protocol(place)
    if protocol in _WEB and (urlsplit(place).query or urlsplit(place).fragment):
        raise ImageError(
            f"{place}: a URL with a query cannot be followed to the files below it; give one that "
            "ends with the name of the store"
        )
    try:
        yield
    except ImportError as error:
        package = _package(protocol)
        raise MissingDependencyError(
            f"{place}: {protocol}:// is reached through {package}, which is not installed; run: "
            f"pip install {package}"
        ) from error
    except ValueError as error:
        raise ImageError(
            f"{place}: {protocol}:// cannot be reached from here ({error}); expected a protocol of "
            "fsspec, such as https:// or s3://"
        ) from error


def _package(protocol: str) -> str:
    try:
        from fsspec.registry import known_implementations
    except ImportError:
        return "fsspec"
    if protocol in _WEB:
        return "aiohttp"
    found = known_implementations.get(protocol, {}).get("class", protocol)
    return str(found).partition(".")[0]
