"""The state in force as one file for a terminal without a network: `xinguan central publish --bundle`."""

import io
import zipfile
from pathlib import Path

from cache.lists.index import named_files
from central.lists.metadata_files import MetadataFiles
from central.lists.role_keys import RoleKeys
from credit.rules.listing import INDEX


def bundle(state: Path) -> bytes:
    """Return a ZIP of the repository's state in force, with every root; raise PublishingError."""
    public = state / "public"
    files = MetadataFiles(public, RoleKeys(state / "keys"))
    names = [f"metadata/{path.name}" for path in sorted(files.metadata.glob("[0-9]*.root.json"))]
    in_force = files.load()
    names += ["metadata/timestamp.json", f"metadata/{in_force.snapshot.signed.version}.snapshot.json"]
    names += [f"metadata/{meta.version}.{name}" for name, meta in in_force.snapshot.signed.meta.items()]
    for role in in_force.roles.values():
        for path, target in role.signed.targets.items():
            folder, _, name = path.rpartition("/")
            names.append(f"targets/{folder}/{target.hashes['sha256']}.{name}")
            if name == INDEX:
                index = files.index(in_force, path.split("/")[1])
                names += [f"targets/{folder}/{sha256}.{file}" for sha256, file in named_files(index)]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in dict.fromkeys(names):
            archive.writestr(name, (public / name).read_bytes())
    return out.getvalue()
