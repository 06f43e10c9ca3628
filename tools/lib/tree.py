"""The repository's own files."""
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("include/", "src/", "plugins/", "benchmarks/", "tests/")


def tracked_files():
    """Paths relative to TOP: committed files, and new ones that .gitignore does not name."""
    if (TOP / ".git").exists():
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={TOP}", "ls-files", "-co", "--exclude-standard"],
            cwd=TOP, capture_output=True, text=True, check=True).stdout.splitlines()
    else:  # a source archive
        listed = [str(p.relative_to(TOP)) for p in TOP.rglob("*") if p.is_file()]
        listed = [p for p in listed if not p.startswith(("build/", ".demo/"))]
    return sorted(p for p in set(listed) if (TOP / p).is_file())


def source_files(*suffixes):
    return [p for p in tracked_files() if p.startswith(CODE_FOLDERS) and p.endswith(suffixes)]
