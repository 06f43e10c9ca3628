"""Configurations of the agents that are compared, all for the same work: CRI files to Loki."""
import shutil
from pathlib import Path

import yaml

JSON_PROCESSOR = {"type": "json", "severity": {"fields": ["level"]},
                  "metadata": {"req_id": "reqId", "user": "userId"}}


def tailrace_config(links, sink, state, json=False, compression="snappy", lanes=1):
    processors = {"app": JSON_PROCESSOR} if json else {}
    return {
        "agent": {"state_dir": str(state), "lanes": lanes, "memory_limit": "64MiB",
                  "admin": {"listen": "127.0.0.1:0"}},
        "inputs": {"pods": {"type": "tail", "include": [f"{links}/*.log"], "format": "cri"}},
        "processors": processors,
        "outputs": {"loki": {"type": "loki", "url": f"http://{sink}/loki/api/v1/push",
                             "compression": compression}},
        "pipelines": {"logs": {"inputs": ["pods"], "processors": list(processors),
                               "outputs": ["loki"]}},
    }


def write_config(config, folder):
    """A fresh folder with the config and an empty state folder; returns the config's path."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(config["agent"]["state_dir"]).mkdir(parents=True)
    path = Path(folder) / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


FLUENT_BIT = """
[SERVICE]
    flush 1
    log_level warn
[INPUT]
    name tail
    path {links}/*.log
    multiline.parser cri
    read_from_head true
    db {folder}/fb.db
    buffer_max_size 1m
    mem_buf_limit 32m
    exit_on_eof false
[OUTPUT]
    name loki
    match *
    host {host}
    port {port}
    labels job=bench
"""

PROMTAIL = """
server: {{disable: true}}
positions: {{filename: {folder}/positions.yaml}}
clients: [{{url: "http://{host}:{port}/loki/api/v1/push"}}]
scrape_configs:
  - job_name: pods
    static_configs: [{{labels: {{__path__: "{links}/*.log"}}}}]
    pipeline_stages: [{{cri: {{}}}}]
"""

VECTOR = """
data_dir: {folder}
sources: {{pods: {{type: file, include: ["{links}/*.log"], read_from: beginning}}}}
sinks:
  loki:
    type: loki
    inputs: [pods]
    endpoint: "http://{host}:{port}"
    encoding: {{codec: text}}
    labels: {{file: "{{{{ file }}}}"}}
    healthcheck: {{enabled: false}}
"""

PEERS = {
    "fluent-bit": (FLUENT_BIT, "fb.conf", lambda path: ["fluent-bit", "-c", path]),
    "promtail": (PROMTAIL, "promtail.yaml", lambda path: ["promtail", f"-config.file={path}"]),
    "vector": (VECTOR, "vector.yaml", lambda path: ["vector", "--quiet", "--config", path]),
}


def peers_on_path():
    return [name for name in PEERS if shutil.which(name)]


def peer_command(name, links, sink, folder):
    """Writes the peer's config into a fresh folder; returns its command line."""
    template, file, command = PEERS[name]
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir(parents=True)
    host, port = sink.rsplit(":", 1)
    path = Path(folder) / file
    path.write_text(template.format(links=links, host=host, port=port, folder=folder))
    return command(str(path))
