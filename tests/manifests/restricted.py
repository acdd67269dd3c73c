"""The profile `restricted` of the Pod Security Standards, a function for each of its controls.

https://kubernetes.io/docs/concepts/security/pod-security-standards/, those of `baseline` included.
Where Kubernetes has come to allow more, as the oldest version has it that we look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.manifests.manifests import Manifests, Object, Rule

VOLUMES: Final = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
SYSCTLS: Final = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
}
SELINUX: Final = {"", "container_t", "container_init_t", "container_kvm_t"}
APPARMOR: Final = {"RuntimeDefault", "Localhost"}
SECCOMP: Final = {"RuntimeDefault", "Localhost"}


def _contexts(manifests: Manifests) -> Iterator[tuple[str, Object]]:
    """Yield every security context there is, of pods and of containers."""
    for pod in manifests.pods():
        yield pod.owner, pod.spec.get("securityContext") or {}
        yield from _container_contexts(pod.owner, pod.containers)


def _container_contexts(owner: str, containers: list[Object]) -> Iterator[tuple[str, Object]]:
    for each in containers:
        yield f"{owner}/{each['name']}", each.get("securityContext") or {}


def _each_container(manifests: Manifests) -> Iterator[tuple[str, Object, Object]]:
    """Yield each container's name, its own context, and the one of its pod."""
    for pod in manifests.pods():
        around = pod.spec.get("securityContext") or {}
        for where, context in _container_contexts(pod.owner, pod.containers):
            yield where, context, around


def _within(manifests: Manifests, path: tuple[str, str], allowed: set[Any]) -> Iterator[str]:
    for where, context in _contexts(manifests):
        value = (context.get(path[0]) or {}).get(path[1])
        if value is not None and value not in allowed:
            yield f"{where}: {'.'.join(path)} is {value}"


def host_process(manifests: Manifests) -> Iterator[str]:
    yield from _within(manifests, ("windowsOptions", "hostProcess"), {False})


def host_namespaces(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(name):
                yield f"{pod.owner}: {name}"


def privileged(manifests: Manifests) -> Iterator[str]:
    for where, context, _ in _each_container(manifests):
        if context.get("privileged"):
            yield f"{where}: privileged"


def capabilities(manifests: Manifests) -> Iterator[str]:
    for where, context, _ in _each_container(manifests):
        said = context.get("capabilities") or {}
        if "ALL" not in (said.get("drop") or []):
            yield f"{where}: does not drop ALL"
        if set(said.get("add") or []) - {"NET_BIND_SERVICE"}:
            yield f"{where}: adds {said['add']}"


def volume_types(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for volume in pod.spec.get("volumes") or []:
            if strange := set(volume) - {"name"} - VOLUMES:
                yield f"{pod.owner}: volume {volume['name']} is {', '.join(strange)}"


def host_ports(manifests: Manifests) -> Iterator[str]:
    for pod in manifests.pods():
        for container in pod.containers:
            if any(port.get("hostPort") for port in container.get("ports") or []):
                yield f"{pod.owner}/{container['name']}: hostPort"


def host_of_probes(manifests: Manifests) -> Iterator[str]:
    """A probe or hook that names a host makes the kubelet ask whomever it says."""
    for pod in manifests.pods():
        for container in pod.containers:
            lifecycle = container.get("lifecycle") or {}
            probes = [
                container.get(f"{kind}Probe") for kind in ("startup", "liveness", "readiness")
            ]
            for each in (*probes, *lifecycle.values()):
                if any((each or {}).get(way, {}).get("host") for way in ("httpGet", "tcpSocket")):
                    yield f"{pod.owner}/{container['name']}: a probe names a host"


def apparmor(manifests: Manifests) -> Iterator[str]:
    yield from _within(manifests, ("appArmorProfile", "type"), APPARMOR)
    for each in manifests.of("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"):
        annotations = each["spec"]["template"]["metadata"].get("annotations") or {}
        for key, value in annotations.items():
            if key.startswith("container.apparmor") and value == "unconfined":
                yield f"{each['metadata']['name']}: {key} is {value}"


def selinux(manifests: Manifests) -> Iterator[str]:
    yield from _within(manifests, ("seLinuxOptions", "type"), SELINUX)
    yield from _within(manifests, ("seLinuxOptions", "user"), {""})
    yield from _within(manifests, ("seLinuxOptions", "role"), {""})


def proc_mount(manifests: Manifests) -> Iterator[str]:
    for where, context, _ in _each_container(manifests):
        if context.get("procMount", "Default") != "Default":
            yield f"{where}: procMount is {context['procMount']}"


def sysctls(manifests: Manifests) -> Iterator[str]:
    for where, context in _contexts(manifests):
        for each in context.get("sysctls") or []:
            if each["name"] not in SYSCTLS:
                yield f"{where}: sysctl {each['name']}"


def privilege_escalation(manifests: Manifests) -> Iterator[str]:
    for where, context, _ in _each_container(manifests):
        if context.get("allowPrivilegeEscalation") is not False:
            yield f"{where}: allowPrivilegeEscalation is not false"


def non_root(manifests: Manifests) -> Iterator[str]:
    for where, context, around in _each_container(manifests):
        if context.get("runAsNonRoot", around.get("runAsNonRoot")) is not True:
            yield f"{where}: runAsNonRoot is not true"


def non_root_user(manifests: Manifests) -> Iterator[str]:
    for where, context in _contexts(manifests):
        if context.get("runAsUser") == 0:
            yield f"{where}: runAsUser is 0"


def seccomp(manifests: Manifests) -> Iterator[str]:
    yield from _within(manifests, ("seccompProfile", "type"), SECCOMP)
    for where, context, around in _each_container(manifests):
        if not (context.get("seccompProfile") or around.get("seccompProfile")):
            yield f"{where}: no seccompProfile"


RULES: Final[tuple[Rule, ...]] = (
    host_process,
    host_namespaces,
    privileged,
    capabilities,
    volume_types,
    host_ports,
    host_of_probes,
    apparmor,
    selinux,
    proc_mount,
    sysctls,
    privilege_escalation,
    non_root,
    non_root_user,
    seccomp,
)
