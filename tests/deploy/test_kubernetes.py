"""The manifests of deploy/kubernetes: held against the schema of Kubernetes, and against docker-compose.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from ragstone_app.access import OPEN

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
VERSION = "1.34"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
GRACE = 30  # seconds: the default of `ragstone serve --grace`


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def resources(kind: str) -> dict[str, dict[str, Any]]:
    found = [each for name in FILES for each in documents(name) if each["kind"] == kind]
    return {each["metadata"]["name"]: each for each in found}


def pods() -> dict[str, dict[str, Any]]:
    return {name: each["spec"]["template"]["spec"] for name, each in resources("Deployment").items()}


def containers() -> list[dict[str, Any]]:
    return [one for pod in pods().values() for one in (*pod.get("initContainers", []), *pod["containers"])]


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.mark.parametrize("name", FILES)
def test_each_manifest_is_what_kubernetes_expects(name: str) -> None:
    for document in documents(name):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_all_of_them_are_applied_together_but_the_example() -> None:
    applied = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    assert sorted([*applied, "secret.example.yaml"]) == FILES


@pytest.mark.parametrize("name", sorted(pods()))
def test_no_pod_is_root_and_each_is_admitted_where_pods_are_restricted(name: str) -> None:
    pod = pods()[name]
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert (
        resources("Namespace")["ragstone"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    )


def test_no_container_writes_to_its_image_or_takes_all_of_a_node() -> None:
    for container in containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}


def test_it_lives_while_it_answers_at_all_and_is_asked_while_it_is_ready() -> None:
    (app,) = pods()["app"]["containers"]
    assert app["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert app["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert {"/healthz", "/readyz"} <= set(OPEN)  # the probes have no key


def test_streams_have_the_time_to_end_that_the_service_gives_them() -> None:
    pod = pods()["app"]
    waited = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > waited + GRACE


def test_replicas_that_share_files_run_on_one_node() -> None:
    (rule,) = pods()["app"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["topologyKey"] == "kubernetes.io/hostname"
    labels = resources("Deployment")["app"]["spec"]["template"]["metadata"]["labels"]
    assert rule["labelSelector"]["matchLabels"].items() <= labels.items()


def test_everything_that_is_referred_to_is_there() -> None:
    claims, labels = resources("PersistentVolumeClaim"), {}
    for name, each in resources("Deployment").items():
        labels[name] = each["spec"]["template"]["metadata"]["labels"]
        assert each["spec"]["selector"]["matchLabels"] == labels[name]
    for pod in pods().values():
        wanted = [one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"] if "persistentVolumeClaim" in one]
        assert set(wanted) <= claims.keys()
    for name, each in resources("Service").items():
        assert each["spec"]["selector"] == labels[name]
    environment = resources("ConfigMap")["ragstone"]["data"]
    for variable, service in (("RAGSTONE_CHROMA_URL", "chroma"), ("RAGSTONE_REDIS_URL", "redis")):
        (port,) = resources("Service")[service]["spec"]["ports"]
        assert f"//{service}:{port['port']}" in environment[variable]
    assert set(environment) <= compose()["app"]["environment"].keys()


def test_what_runs_is_what_the_compose_file_runs() -> None:
    services = compose()
    for name, pod in pods().items():
        assert pod["containers"][0]["image"] == services[name]["image"]
        assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == services[name]["user"]
    assert pods()["chroma"]["containers"][0]["command"] == services["chroma"]["command"]
    plain = [word.replace("${RAGSTONE_REDIS_MEMORY:-512mb}", "512mb") for word in services["redis"]["command"]]
    assert pods()["redis"]["containers"][0]["command"] == plain
    assert " ".join(pods()["app"]["containers"][0]["command"]) in services["app"]["command"][-1]
