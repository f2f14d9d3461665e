"""Reads a metrics file as Prometheus does, and prints every sample as JSON: its name with labels, and value."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

samples = {}
for family in text_string_to_metric_families(open(sys.argv[1], encoding="utf-8").read()):
    if family.type != "gauge" or not family.documentation:
        sys.exit(f"{family.name} is no gauge with a description")
    for sample in family.samples:
        labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
        name = f"{sample.name}{{{labels}}}" if labels else sample.name
        if name in samples:
            sys.exit(f"{name} is there twice")
        samples[name] = sample.value
print(json.dumps(samples))
