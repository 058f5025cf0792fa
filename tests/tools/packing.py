"""A tree of an update, packed as the builder packs it, or as somebody does who means ill."""

import io
import tarfile


def packed(members, mode=0o755):
    """Return a tar.xz of (name, content or TarInfo)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as tree:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            data = b"" if isinstance(content, tarfile.TarInfo) else content
            info.mode = mode
            info.size = len(data)
            tree.addfile(info, io.BytesIO(data))
    return out.getvalue()
