"""Configurations of scrapes, and what a receiver saw of them."""
import struct

from harness.configs import QUICK

STALE = 0x7FF0000000000002


def job(address, path="/metrics", name="app", **options):
    """A scrape_config with one target, scraped twice a second."""
    return {"job_name": name, "scrape_interval": "500ms", "scrape_timeout": "400ms",
            "metrics_path": path, "static_configs": [{"targets": [address]}], **options}


def scrape_to(receiver, jobs, agent=None, output=None, **options):
    """A config that scrapes `jobs` and writes to a receiver (or a URL)."""
    url = receiver if isinstance(receiver, str) else receiver.url
    config = {"inputs": {"scrape": {"type": "prometheus_scrape", "scrape_configs": jobs, **options}},
              "outputs": {"store": {"type": "prometheus_remote_write", "url": url, **QUICK,
                                    **(output or {})}},
              "pipelines": {"metrics": {"inputs": ["scrape"], "outputs": ["store"]}}}
    if agent:
        config["agent"] = agent
    return config


def number(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def series(receiver, name, **labels):
    """[(value bits, timestamp)] of the one series of this name with these labels."""
    found = [samples for key, samples in receiver.of(name).items()
             if labels.items() <= dict(key).items()]
    assert len(found) <= 1, f"{len(found)} series {name} with {labels}"
    return found[0] if found else []


def last(receiver, name, **labels):
    samples = series(receiver, name, **labels)
    return number(samples[-1][0]) if samples else None


def ends_stale(receiver, name, **labels):
    samples = series(receiver, name, **labels)
    return bool(samples) and samples[-1][0] == STALE
