"""The configuration file of `serve`, and the template that it starts from."""

from pathlib import Path

from ocs.address import Address
from ocs.commands.configuration import ServeOptions, options, template
from tests.service.process import splitsim

WRONG = """\
gy: 3868
db: oracle://x
http: 127.0.0.1
origin_host: "ocs example"
origin_realm: ""
known_peers: perhaps
standby: 7
log: xml
log_level: loud
listen: 127.0.0.1:3868
"""


def test_the_template_fed_back_is_what_holds_without_a_file(tmp_path: Path) -> None:
    mistakes: list[str] = []
    (tmp_path / "serve.yaml").write_text(template())
    read = options(tmp_path / "serve.yaml", {}, mistakes)
    assert mistakes == []
    assert read.model_fields_set == set(ServeOptions.model_fields)
    assert read == ServeOptions()


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    mistakes: list[str] = []
    (tmp_path / "serve.yaml").write_text(
        "gy: '[::1]:5868'\ndb: sqlite:///file.db\nknown_peers: true\nstandby: true\norigin_realm: example.org\n"
    )
    read = options(tmp_path / "serve.yaml", {"gy": "[::1]:0", "db": None, "known_peers": False}, mistakes)
    assert mistakes == []
    assert (read.gy, read.db, read.known_peers, read.standby) == (Address("::1", 0), Path("file.db"), False, True)
    assert (read.origin_host, read.origin_realm) == ("ocs.example", "example.org")


def test_every_mistake_of_the_file_and_the_command_line_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "serve.yaml").write_text(WRONG)
    done = splitsim("serve", "--config", "serve.yaml", "--gy", "here", "--tls-cert", "none.pem", cwd=tmp_path)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.partition(": ")[0] for line in lines[:10]] == [f"serve.yaml:{number}" for number in range(1, 11)]
    assert lines[0] == "serve.yaml:1: gy: expected HOST:PORT such as 127.0.0.1:3868 or [::1]:3868 (got 3868)"
    assert lines[9] == "serve.yaml:10: listen: unknown field"
    assert [line.partition(":")[0] for line in lines[10:]] == [
        "--gy",
        "--tls-cert and --tls-key go together, and --tls-clients needs both",
    ]


def test_a_file_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    mistakes: list[str] = []
    options(tmp_path / "none.yaml", {}, mistakes)
    (tmp_path / "broken.yaml").write_text("gy: [1\n")
    options(tmp_path / "broken.yaml", {}, mistakes)
    (tmp_path / "list.yaml").write_text("- gy\n")
    options(tmp_path / "list.yaml", {}, mistakes)
    assert len(mistakes) == 3, mistakes
    assert "cannot be read" in mistakes[0]
    assert "not valid YAML" in mistakes[1]
