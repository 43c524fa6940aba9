# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a release, for the Makefile, the release workflow and its rehearsal: ``python -m tools.release STEP ARGUMENTS``.

- ``changelog [DATE]``: move the fragments into the release that galaxy.yml names.
- ``check TAG``: fail unless the checkout is ready to be released under this tag.
- ``notes``: print the notes of this release.
- ``build FOLDER``: build the artifact, with full URLs in its README.
- ``sign FOLDER``: sign the artifact in the folder with the default key of gpg.
- ``verify FOLDER``: verify the signature of the artifact with ``keyring.gpg`` in the folder, and its files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml
from staging import ROOT, stage

PROGRAMS = Path(sys.executable).parent
LINK = re.compile(r"(!?)(\[[^\]]*\])\((?![a-z]+:|#)([^)\s]+)\)")


class NotReady(Exception):
    """A step of the release cannot be done; the text says why and what to do."""


def galaxy() -> dict[str, str]:
    """Return the content of galaxy.yml."""
    content: dict[str, str] = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    return content


def git(*arguments: str) -> str:
    """Return the output of git."""
    return subprocess.check_output(["git", *arguments], cwd=ROOT, text=True).strip()


def changelog(date: str = "") -> None:
    """Move the fragments into ``changelogs/changelog.yaml`` and the changelogs. It can be repeated for the same version."""
    # antsibull-changelog reads everything beside it, so it gets a copy.
    tree = stage()
    fragments = tree / "changelogs" / "fragments"
    fragments.mkdir(exist_ok=True)
    dated = ["--date", date] if date else []
    # It runs ansible-doc.
    env = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
    subprocess.check_call([PROGRAMS / "antsibull-changelog", "release", "--update-existing", *dated], cwd=tree, env=env)
    for name in ("CHANGELOG.md", "CHANGELOG.rst", "changelogs/changelog.yaml"):
        shutil.copy(tree / name, ROOT / name)
    for fragment in (ROOT / "changelogs" / "fragments").glob("*.yml"):
        fragment.unlink()


def check(tag: str) -> None:
    """Raise NotReady with everything that is not ready for a release under this tag."""
    problems = list(find_problems(tag))
    if problems:
        raise NotReady("\n".join([f"Not ready for the release {tag}:", *(f"- {problem}" for problem in problems)]))


def find_problems(tag: str) -> Iterator[str]:
    """Return what is not ready: versions that differ, fragments, changes that are not committed, addresses that are not known."""
    version = galaxy()["version"]
    if tag != f"v{version}":
        yield f"the tag must be v{version}, after the version in galaxy.yml"
    elif tag not in git("tag", "--points-at", "HEAD").split():
        yield f"the tag {tag} must be on the commit that is checked out"
    (client,) = re.findall(r'^VERSION = "(.*)"$', (ROOT / "plugins/module_utils/_api/transport.py").read_text(), re.MULTILINE)
    if client != version:
        yield f"VERSION in plugins/module_utils/_api/transport.py must be {version}, got {client}"
    releases = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]
    newest = max(releases, key=lambda name: tuple(map(int, name.split("."))))
    if newest != version:
        yield f"the newest release in changelogs/changelog.yaml must be {version}, got {newest}: run make release"
    elif not find_notes(version):
        yield f"CHANGELOG.md must have a section v{version}: run make release"
    if list((ROOT / "changelogs" / "fragments").glob("*.yml")):
        yield "changelogs/fragments must be empty: run make release"
    for key in ("repository", "issues"):
        if not has_path(galaxy()[key]):
            yield f"{key} in galaxy.yml must be the public address of a repository, got {galaxy()[key]}"
    if not signing_keys():
        yield "SECURITY.md must name the fingerprint of the key that signs releases"
    if git("status", "--porcelain"):
        yield "all changes must be committed"


def find_notes(version: str) -> str:
    """Return the section of a version in CHANGELOG.md, or an empty text."""
    sections = re.split(r'^<a id="v[\d-]+"></a>\n## v(.*)\n', (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    return dict(zip((name.replace("\\", "") for name in sections[::2]), sections[1::2])).get(version, "").strip()


def signing_keys() -> set[str]:
    """Return the fingerprints of keys that SECURITY.md names, without spaces."""
    found = re.findall(r"\b(?:[0-9A-F]{4} {0,2}){9}[0-9A-F]{4}\b", (ROOT / "SECURITY.md").read_text())
    return {fingerprint.replace(" ", "") for fingerprint in found}


def notes() -> None:
    """Print the notes of the release that galaxy.yml names."""
    print(find_notes(galaxy()["version"]))


def has_path(address: str) -> bool:
    """Return true if a web address leads to a page of a site and not to its start page."""
    return bool(re.fullmatch(r"https://[^/]+/[^/]+/.+", address))


def with_full_urls(text: str, repository: str, version: str) -> str:
    """Return Markdown with links into the repository, at the tag of the version, in place of relative links."""
    base = repository.rstrip("/")

    def full(link: re.Match[str]) -> str:
        image, name, path = link.groups()
        return f"{image}{name}({base}/{'raw' if image else 'blob'}/v{version}/{path})"

    return LINK.sub(full, text)


def build(folder: str) -> None:
    """Build the artifact, in place of others in the folder. Only here, a file of the artifact may differ from the repository."""
    place = Path(folder).resolve()
    for old in place.glob("*.tar.gz"):
        old.unlink()
    tree, about = stage(), galaxy()
    # Galaxy shows the README outside of the repository. Before the repository is public, its links stay relative.
    if has_path(about["repository"]):
        readme = tree / "README.md"
        readme.write_text(with_full_urls(readme.read_text(), about["repository"], about["version"]))
    subprocess.check_call([PROGRAMS / "ansible-galaxy", "collection", "build", "--output-path", place, tree])


def find_artifact(folder: str) -> Path:
    """Return the only artifact in the folder."""
    found = sorted(Path(folder).resolve().glob("*.tar.gz"))
    if len(found) != 1:
        raise NotReady(f"{folder} must contain one artifact, got {len(found)}: run make build")
    return found[0]


def signature_of(artifact: Path) -> Path:
    """Return the path of the signature, beside the artifact."""
    return artifact.with_name(artifact.name.removesuffix(".tar.gz") + ".asc")


def sign(folder: str) -> None:
    """Create a detached signature of the artifact's MANIFEST.json, which has the checksums of all other files."""
    artifact = find_artifact(folder)
    listed = subprocess.check_output(["gpg", "--batch", "--list-secret-keys", "--with-colons"], text=True)
    keys = set(re.findall(r"^fpr:+([0-9A-F]+):", listed, re.MULTILINE))
    if not keys & signing_keys():
        raise NotReady(f"gpg must have the secret key that SECURITY.md names, got {', '.join(sorted(keys)) or 'none'}")
    with tarfile.open(artifact) as archive:
        manifest = archive.extractfile("MANIFEST.json")
        assert manifest is not None
        content = manifest.read()
    command = ["gpg", "--batch", "--yes", "--armor", "--detach-sign", "--output", str(signature_of(artifact))]
    if subprocess.run(command, input=content, check=False).returncode:
        raise NotReady("gpg cannot sign: the secret key must not have a passphrase")


def verify(folder: str) -> None:
    """Install the artifact into a temporary folder, and verify there its signature and the checksums of its files."""
    artifact, keyring = find_artifact(folder), Path(folder).resolve() / "keyring.gpg"
    signature = signature_of(artifact)
    for path in (signature, keyring):
        if not path.exists():
            raise NotReady(f"{path} does not exist: sign the artifact, and export the public key with gpg --export")
    with tempfile.TemporaryDirectory() as place:
        # "install" cannot verify the signature of a local file, but "verify" can do so with what is installed.
        name = f"{galaxy()['namespace']}.{galaxy()['name']}"
        options = ["--keyring", keyring, "--signature", signature.as_uri(), "--required-valid-signature-count", "+all"]
        for command in (["install", "--offline", artifact], ["verify", "--offline", *options, name]):
            galaxy_command = [PROGRAMS / "ansible-galaxy", "collection", *command, "--collections-path", place]
            if subprocess.run(galaxy_command, check=False).returncode:
                raise NotReady(f"{artifact.name} is not what was signed, see above")


STEPS: dict[str, Callable[..., None]] = {step.__name__: step for step in (changelog, check, notes, build, sign, verify)}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in STEPS:
        sys.exit(__doc__)
    try:
        STEPS[sys.argv[1]](*sys.argv[2:])
    except NotReady as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{Path(error.cmd[0]).name} failed with exit status {error.returncode}, see above")
