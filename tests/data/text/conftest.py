import pytest


@pytest.fixture
def write(tmp_path):
    """Writes text or bytes to a file, and returns its path."""

    def write(content, name="corpus.txt"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
