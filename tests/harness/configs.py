"""Configurations that many tests share."""

# Quick answers matter more here than large requests.
QUICK = {"batch": {"linger": "100ms"}, "retry": {"min_backoff": "50ms", "max_backoff": "300ms"}}


def tail(include, **options):
    return {"type": "tail", "include": [str(include)], **options}


def loki(server, **options):
    return {"type": "loki", "url": server if isinstance(server, str) else server.url,
            **QUICK, **options}


def pipeline(inputs, outputs, processors=None, agent=None):
    """A config with one pipeline of logs over all components, which are given by name."""
    config = {"inputs": inputs, "outputs": outputs}
    if processors:
        config["processors"] = processors
    config["pipelines"] = {"logs": {"inputs": list(inputs), "processors": list(processors or {}),
                                    "outputs": list(outputs)}}
    if agent:
        config["agent"] = agent
    return config


def tail_to_loki(include, server, processors=None, agent=None, input=None, output=None):
    return pipeline({"files": tail(include, **(input or {}))},
                    {"loki": loki(server, **(output or {}))}, processors, agent)


def otlp_chain(server, signals=("traces", "logs", "metrics"), agent=None, input=None, http=None,
               output=None):
    """OTLP in over HTTP, OTLP out."""
    url = server if isinstance(server, str) else server.url
    config = {"inputs": {"in": {"type": "otlp", "http": {"listen": "127.0.0.1:0", **(http or {})},
                                **(input or {})}},
              "outputs": {"out": {"type": "otlp", "endpoint": url, **QUICK, **(output or {})}},
              "pipelines": {signal: {"signal": signal, "inputs": ["in"], "outputs": ["out"]}
                            for signal in signals}}
    if agent:
        config["agent"] = agent
    return config


def otlp_grpc_chain(server, grpc=None, **options):
    """OTLP in over gRPC."""
    config = otlp_chain(server, **options)
    del config["inputs"]["in"]["http"]
    config["inputs"]["in"]["grpc"] = {"listen": "127.0.0.1:0", **(grpc or {})}
    return config
