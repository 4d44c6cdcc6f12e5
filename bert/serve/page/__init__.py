"""A small page to try the model in a browser: three files, without a library."""

from functools import cache
from importlib.resources import files

FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
# The page loads its own two files, and asks this server alone. No other page may frame it.
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@cache
def read_page(path: str) -> tuple[bytes, str]:
    """The content of a file of the page, and its type."""
    name, kind = FILES[path]
    return files("bert.serve.page").joinpath(name).read_bytes(), kind
