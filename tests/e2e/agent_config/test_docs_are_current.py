"""What is generated from the option tables is in the repository as it is generated today."""
import json
import re
import shutil
from pathlib import Path

from harness.agent import run_tool

TOP = Path(__file__).resolve().parents[3]


def test_option_tables_in_the_readmes_are_current():
    done = run_tool("docs", "--check", TOP)
    assert done.returncode == 0, done.stderr


def test_an_edited_table_is_noticed_and_renewed(tmp_path):
    for page in [TOP / "conf/README.md", *TOP.glob("plugins/*/*/README.md")]:
        copy = tmp_path / page.relative_to(TOP)
        copy.parent.mkdir(parents=True)
        shutil.copy(page, copy)
    page = tmp_path / "plugins/outputs/loki/README.md"
    current = page.read_text()
    page.write_text(current.replace("| `url` |", "| `uri` |"))
    done = run_tool("docs", "--check", tmp_path)
    assert done.returncode == 1
    assert "outputs/loki/README.md" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert run_tool("docs", "--write", tmp_path).returncode == 0
    assert page.read_text() == current


def test_the_json_schema_names_every_option_of_the_docs():
    schema = json.loads(run_tool("docs", "--json-schema").stdout)
    reference = run_tool("docs").stdout
    sections = re.findall(r"^## (Input|Processor|Output) `(\w+)`\n(.*?)(?=^## |\Z)", reference,
                          re.MULTILINE | re.DOTALL)
    assert len(sections) >= 9
    for kind, name, text in sections:
        known = schema["$defs"][f"{kind.lower()}_{name}"]["properties"]
        for option in re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE):
            assert option in known, (kind, name, option)
