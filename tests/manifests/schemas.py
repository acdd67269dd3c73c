"""Holds objects against the schemas of Kubernetes and of the kinds that others add to it.

Run by the Python of .venv/manifests, which has them: `schemas.py VERSION...` reads a list of
objects as JSON from its standard input, and says on a line each which a version does not know so.
"""

from __future__ import annotations

import functools
import json
import sys
from typing import Any, Final

from cloudcoil.models.keda.v1alpha1 import ScaledObject, TriggerAuthentication
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor
from kubernetes_validate import utils
from kubernetes_validate.utils import SchemaNotFoundError, ValidationError, validate
from pydantic import ValidationError as BadError

FOREIGN: Final = {
    ("keda.sh/v1alpha1", "ScaledObject"): ScaledObject,
    ("keda.sh/v1alpha1", "TriggerAuthentication"): TriggerAuthentication,
    ("monitoring.coreos.com/v1", "ServiceMonitor"): ServiceMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRule,
}

# It would read megabytes anew for every object.
utils.schema_contents = functools.cache(utils.schema_contents)


def problem(one: dict[str, Any], version: str) -> str | None:
    """Return why `one` is not what it says to be, None if it is."""
    model = FOREIGN.get((one["apiVersion"], one["kind"]))
    if model is not None:
        try:
            read = model.model_validate(one)
        except BadError as error:
            return str(error)
        # Fields that the model does not know have been left out.
        known = read.model_dump(by_alias=True, exclude_unset=True, mode="json")
        return None if known == one else f"has more than {known}"
    try:
        validate(one, version, strict=True)
    except SchemaNotFoundError:
        return "is of a kind that nobody knows"
    except ValidationError as error:
        return f"{'.'.join(str(part) for part in error.path)}: {error.message}"
    return None


def main() -> None:
    for one in json.load(sys.stdin):
        for version in sys.argv[1:]:
            if why := problem(one, version):
                line = f"{version}: {one['kind']}/{one['metadata']['name']}: {why}"
                print(" ".join(line.split()))


if __name__ == "__main__":
    main()
