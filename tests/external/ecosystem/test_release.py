# Copyright (c) 2026 ServerPrism collection contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rehearse a release from a clean clone, with a key that is thrown away: check, build, sign, verify. Only the upload is left out.

The release workflow calls the same steps.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import published
import pytest
from documents import ROOT

REPOSITORY = "https://forge.example/serverprism/cloud"
VERSION = "99.0.0"
TAG = f"v{VERSION}"
if shutil.which("gpg") is None and not os.environ.get("CI"):
    pytest.skip("gpg is not installed: the release was NOT rehearsed", allow_module_level=True)
pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Rehearsal:
    """A clean clone, and an environment whose gpg has a key of its own."""

    clone: Path
    env: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the clone."""
        return subprocess.run(command, cwd=self.clone, env=self.env, capture_output=True, text=True, timeout=300, check=False)

    def must(self, *command: str) -> str:
        """Return the output of a program that must succeed."""
        done = self.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def step(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a step of the release as the workflow does."""
        return self.run(sys.executable, "-m", "tools.release", *arguments)

    def fingerprint(self) -> str:
        """Return the fingerprint of the key, in groups as gpg shows it."""
        (long,) = re.findall(r"^fpr:+([0-9A-F]+):", self.must("gpg", "--list-keys", "--with-colons"), re.MULTILINE)
        return " ".join(re.findall("....", long))

    def edit(self, name: str, pattern: str, text: str) -> None:
        """Replace the only match of a pattern in a file of the clone."""
        path = self.clone / name
        edited, count = re.subn(pattern, lambda _match: text, path.read_text(), flags=re.MULTILINE)
        assert count == 1, f"{name}: {pattern}"
        path.write_text(edited)

    def commit(self, message: str) -> None:
        """Commit all changes."""
        self.must("git", "add", "--all")
        self.must("git", "-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@example.org", "commit", "--quiet", "-m", message)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """Clone the last commit, and create a key."""
    clone = tmp_path_factory.mktemp("release") / "clone"
    subprocess.check_call(["git", "clone", "--quiet", "--no-local", "--no-tags", str(ROOT), str(clone)])
    # The path of the agent's socket is limited to about 100 characters.
    home = tempfile.mkdtemp(dir="/tmp")
    env = {**published.environment(tmp_path_factory.mktemp("home")), "GNUPGHOME": home, "PYTHONPATH": str(clone / "tests" / "support")}
    made = Rehearsal(clone, env)
    try:
        made.must("gpg", "--batch", "--passphrase", "", "--quick-generate-key", "Rehearsal <rehearsal@example.org>", "ed25519", "sign")
        yield made
    finally:
        made.run("gpgconf", "--kill", "gpg-agent")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def tag(rehearsal: Rehearsal) -> str:
    """Make the clone ready for a release in the way that CONTRIBUTING.md describes, and return its tag."""
    about = {"version": VERSION, "repository": REPOSITORY, "issues": f"{REPOSITORY}/issues"}
    for key, value in about.items():
        rehearsal.edit("galaxy.yml", rf"^{key}: .*", f"{key}: {value}")
    rehearsal.edit("plugins/module_utils/_api/transport.py", r'^VERSION = ".*"', f'VERSION = "{VERSION}"')
    (rehearsal.clone / "SECURITY.md").write_text(f"The key is {rehearsal.fingerprint()}.\n")
    fragments = rehearsal.clone / "changelogs" / "fragments"
    fragments.mkdir(exist_ok=True)
    if not any("release_summary:" in fragment.read_text() for fragment in fragments.glob("*.yml")):
        (fragments / "summary.yml").write_text("release_summary: A rehearsal.\n")
    done = rehearsal.step("changelog")
    assert done.returncode == 0, done.stdout + done.stderr
    rehearsal.commit("Release")
    rehearsal.must("git", "tag", TAG)
    return TAG


@pytest.fixture(scope="module")
def folder(rehearsal: Rehearsal, tag: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the artifact, its signature and the keyring."""
    folder = tmp_path_factory.mktemp("build")
    for step in (("check", tag), ("build", str(folder)), ("sign", str(folder))):
        done = rehearsal.step(*step)
        assert done.returncode == 0, done.stdout + done.stderr
    rehearsal.must("gpg", "--export", "--output", str(folder / "keyring.gpg"))
    return folder


def test_checkout_that_is_ready_passes_the_check(rehearsal: Rehearsal, tag: str) -> None:
    done = rehearsal.step("check", tag)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_names_everything_that_is_not_ready(rehearsal: Rehearsal, tag: str) -> None:
    fragment, galaxy = rehearsal.clone / "changelogs" / "fragments" / "late.yml", rehearsal.clone / "galaxy.yml"
    security = rehearsal.clone / "SECURITY.md"
    kept = {path: path.read_text() for path in (galaxy, security)}
    fragment.parent.mkdir(exist_ok=True)
    fragment.write_text("bugfixes:\n  - Late.\n")
    galaxy.write_text(kept[galaxy].replace(f"version: {VERSION}", "version: 98.0.0").replace(REPOSITORY, "https://example.org"))
    security.write_text(kept[security].replace(rehearsal.fingerprint(), ""))
    try:
        told = rehearsal.step("check", tag)
    finally:
        fragment.unlink()
        for path, text in kept.items():
            path.write_text(text)
    assert told.returncode == 1
    assert told.stderr.splitlines() == [
        f"Not ready for the release {tag}:",
        "- the tag must be v98.0.0, after the version in galaxy.yml",
        f"- VERSION in plugins/module_utils/_api/transport.py must be 98.0.0, got {VERSION}",
        f"- the newest release in changelogs/changelog.yaml must be 98.0.0, got {VERSION}: run make release",
        "- changelogs/fragments must be empty: run make release",
        "- repository in galaxy.yml must be the public address of a repository, got https://example.org",
        "- issues in galaxy.yml must be the public address of a repository, got https://example.org/issues",
        "- SECURITY.md must name the fingerprint of the key that signs releases",
        "- all changes must be committed",
    ], told.stderr


def test_tag_on_another_commit_is_refused(rehearsal: Rehearsal, tag: str) -> None:
    rehearsal.must("git", "tag", "--force", tag, "HEAD~1")
    try:
        told = rehearsal.step("check", tag)
    finally:
        rehearsal.must("git", "tag", "--force", tag, "HEAD")
    assert told.returncode == 1 and f"- the tag {tag} must be on the commit that is checked out" in told.stderr.splitlines()


def test_notes_are_those_of_the_release(rehearsal: Rehearsal, tag: str) -> None:
    notes = rehearsal.step("notes").stdout
    assert "### Release Summary" in notes and "\n## " not in notes, notes


def test_links_of_the_readme_are_full_urls_in_the_artifact(folder: Path, tag: str) -> None:
    (artifact,) = folder.glob("*.tar.gz")
    with tarfile.open(artifact) as archive:
        read = archive.extractfile("README.md")
        assert read is not None
        text = read.read().decode()
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []
    own = [target for target in targets if target.startswith(REPOSITORY)]
    assert f"{REPOSITORY}/blob/{tag}/CHANGELOG.md" in own and f"{REPOSITORY}/raw/{tag}/docs/docsite/images/report.png" in own
    for target in own:
        assert (ROOT / target.removeprefix(REPOSITORY).split("/", 3)[3]).exists(), target


def test_signed_artifact_is_accepted(rehearsal: Rehearsal, folder: Path) -> None:
    done = rehearsal.step("verify", str(folder))
    assert done.returncode == 0 and "Successfully verified that checksums" in done.stdout, done.stdout + done.stderr


def digest(content: bytes) -> str:
    """Return a checksum as ansible-galaxy writes it."""
    return hashlib.sha256(content).hexdigest()


def tamper(artifact: Path, out: Path, with_checksums: bool) -> None:
    """Write a copy of the artifact with a changed playbook, with or without checksums that fit."""
    with tarfile.open(artifact) as archive:
        content = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}  # type: ignore[union-attr]
        folders = [member for member in archive if member.isdir()]
    changed = "playbooks/status.yml"
    content[changed] += b"# Changed\n"
    if with_checksums:
        files = json.loads(content["FILES.json"])
        for entry in files["files"]:
            if entry["name"] == changed:
                entry["chksum_sha256"] = digest(content[changed])
        content["FILES.json"] = json.dumps(files).encode()
        manifest = json.loads(content["MANIFEST.json"])
        manifest["file_manifest_file"]["chksum_sha256"] = digest(content["FILES.json"])
        content["MANIFEST.json"] = json.dumps(manifest).encode()
    with tarfile.open(out, "w:gz") as archive:
        for member in folders:
            archive.addfile(member)
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))


@pytest.mark.parametrize("with_checksums", [False, True])
def test_tampered_artifact_is_refused(rehearsal: Rehearsal, folder: Path, tmp_path: Path, with_checksums: bool) -> None:
    (artifact,) = folder.glob("*.tar.gz")
    for path in folder.iterdir():
        shutil.copy(path, tmp_path)
    tamper(artifact, tmp_path / artifact.name, with_checksums)
    refused = rehearsal.step("verify", str(tmp_path))
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1 and "is not what was signed" in refused.stderr, said
    # Changed files do not even install unless the checksums are changed, too. Then only the signature shows it.
    assert ("was installed successfully" in said, "Signature verification failed" in said) == (with_checksums, with_checksums), said


def test_key_that_is_not_published_cannot_sign(rehearsal: Rehearsal, folder: Path) -> None:
    security = rehearsal.clone / "SECURITY.md"
    kept = security.read_text()
    security.write_text(kept.replace(rehearsal.fingerprint(), " ".join(["0000"] * 10)))
    try:
        told = rehearsal.step("sign", str(folder))
    finally:
        security.write_text(kept)
    assert told.returncode == 1 and "gpg must have the secret key that SECURITY.md names" in told.stderr, told.stderr


def test_signature_of_another_key_is_refused(rehearsal: Rehearsal, folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "keyring.gpg").write_bytes(b"")
    refused = rehearsal.step("verify", str(tmp_path))
    assert refused.returncode == 1 and "is not what was signed" in refused.stderr, refused.stdout + refused.stderr
