"""`tailrace relabel` shows step by step what the rules do."""
from harness.agent import run_tool

CONFIG = """\
agent:
  state_dir: {folder}/state
inputs:
  scrape:
    type: prometheus_scrape
    global:
      scrape_interval: 15s
    scrape_configs:
    - job_name: node
      relabel_configs:
      - source_labels: [__meta_env]
        regex: prod
        action: keep
      - source_labels: [__address__]
        regex: '([^:]+)(:[0-9]+)?'
        target_label: instance
      metric_relabel_configs:
      - source_labels: [__name__]
        regex: go_.*
        action: drop
    - job_name: other
outputs:
  out: {{type: "null"}}
pipelines:
  metrics: {{signal: metrics, inputs: [scrape], outputs: [out]}}
"""


def relabel(folder, *arguments, config=CONFIG):
    path = folder / "config.yaml"
    path.write_text(config.format(folder=folder))
    done = run_tool("relabel", "--config", path, *arguments)
    return done.returncode, done.stdout + done.stderr


def test_a_target_is_followed_rule_by_rule(tmp_path):
    code, said = relabel(tmp_path, "--job", "node", "--target", "host:9100,__meta_env=prod")
    assert code == 0, said
    assert '__scrape_interval__ = "15s"' in said
    assert "relabel_configs[0] (line 11): keep" in said
    assert 'looks at "prod": match' in said
    assert '+ instance = "host"' in said
    assert "scraped at http://host:9100/metrics" in said


def test_a_dropped_target_names_the_rule(tmp_path):
    code, said = relabel(tmp_path, "--job", "node", "--target", "host:9100,__meta_env=test")
    assert code == 0, said
    assert said.splitlines()[-3:] == ['      looks at "test": no match', "      dropped",
                                      "the target is dropped"]


def test_a_sample_of_a_target(tmp_path):
    code, said = relabel(tmp_path, "--job", "node", "--target", "host:9100,__meta_env=prod",
                         "--metric", 'up{job="mine"}')
    assert code == 0, said
    assert 'exported_job = "mine"' in said
    code, said = relabel(tmp_path, "--job", "node", "--metric", "go_threads")
    assert code == 0 and said.endswith("the sample is dropped\n"), said


def test_questions_that_cannot_be_answered(tmp_path):
    for arguments, words in [
            (["--target", "a"], "the jobs are: node, other"),
            (["--job", "nobody", "--target", "a"], 'there is no job "nobody"'),
            (["--job", "node"], "--target"),
            (["--job", "node", "--target", "a,b"], "--target: expected name=value"),
            (["--job", "node", "--input", "x", "--target", "a"], "scrape")]:
        code, said = relabel(tmp_path, *arguments)
        assert code == 2 and words in said, said


def test_a_discovery_that_we_do_not_have_is_refused_by_name_with_its_place(tmp_path):
    code, said = relabel(tmp_path, "--target", "a", config=CONFIG.replace(
        "    - job_name: other\n", "    - job_name: other\n      consul_sd_configs: []\n"))
    assert code == 2
    assert ":22:7 inputs.scrape.scrape_configs[1].consul_sd_configs: is a service discovery" in said
