"""Pods that the restricted profile refuses, in the ways that each of its controls names."""

from __future__ import annotations

from typing import Final

from tests.manifests import restricted
from tests.manifests.manifests import Mutant

from .changes import GONE, more_containers, more_volumes, of, of_container, of_pod

_POD: Final = ("spec", "template", "metadata", "annotations")
_AT_NODE: Final = {"hostPath": {"path": "/"}}

MUTANTS: Final = (
    Mutant(
        restricted.host_process,
        "a pod of the host",
        of_pod("securityContext", "windowsOptions", "hostProcess", value=True),
    ),
    Mutant(
        restricted.host_process,
        "a container of the host",
        of_container("securityContext", "windowsOptions", "hostProcess", value=True),
    ),
    *(
        Mutant(restricted.host_namespaces, name, of_pod(name, value=True))
        for name in ("hostNetwork", "hostPID", "hostIPC")
    ),
    Mutant(
        restricted.privileged,
        "a privileged container",
        of_container("securityContext", "privileged", value=True),
    ),
    *(
        Mutant(restricted.privileged, f"one of {kind}", more_containers(kind, privileged=True))
        for kind in ("initContainers", "ephemeralContainers")
    ),
    Mutant(
        restricted.capabilities,
        "nothing dropped",
        of_container("securityContext", "capabilities", value=GONE),
    ),
    Mutant(
        restricted.capabilities,
        "not all dropped",
        of_container("securityContext", "capabilities", "drop", value=["NET_RAW"]),
    ),
    Mutant(
        restricted.capabilities,
        "one added",
        of_container("securityContext", "capabilities", "add", value=["SYS_ADMIN"]),
    ),
    *(
        Mutant(restricted.volume_types, each, more_volumes(**{each: {}}))
        for each in ("hostPath", "nfs", "iscsi", "gcePersistentDisk", "rbd", "flexVolume")
    ),
    Mutant(
        restricted.volume_types,
        "a node's folder instead of the data",
        of_pod("volumes", 0, value={"name": "settings", **_AT_NODE}, of_service="redis"),
    ),
    Mutant(
        restricted.host_ports,
        "a port of the host",
        of_container("ports", 0, "hostPort", value=80),
    ),
    Mutant(
        restricted.host_of_probes,
        "a probe of another host",
        of_container("livenessProbe", "httpGet", "host", value="169.254.169.254"),
    ),
    Mutant(
        restricted.host_of_probes,
        "a hook of another host",
        of_container("lifecycle", "postStart", "tcpSocket", value={"host": "x", "port": 1}),
    ),
    Mutant(
        restricted.apparmor,
        "no AppArmor",
        of_pod("securityContext", "appArmorProfile", "type", value="Unconfined"),
    ),
    Mutant(
        restricted.apparmor,
        "none by annotation",
        of(
            "Deployment",
            "tagline-gateway",
            *_POD,
            "container.apparmor.security.beta.kubernetes.io/gateway",
            value="unconfined",
        ),
    ),
    *(
        Mutant(
            restricted.selinux,
            f"another {part} of SELinux",
            of_container("securityContext", "seLinuxOptions", part, value="spc_t"),
        )
        for part in ("type", "user", "role")
    ),
    Mutant(
        restricted.proc_mount,
        "all of /proc",
        of_container("securityContext", "procMount", value="Unmasked"),
    ),
    Mutant(
        restricted.sysctls,
        "a sysctl of the node",
        of_pod("securityContext", "sysctls", value=[{"name": "kernel.msgmax", "value": "1"}]),
    ),
    Mutant(
        restricted.privilege_escalation,
        "escalation, as it is by default",
        of_container("securityContext", "allowPrivilegeEscalation", value=GONE),
    ),
    Mutant(
        restricted.privilege_escalation,
        "escalation",
        of_container("securityContext", "allowPrivilegeEscalation", value=True),
    ),
    Mutant(
        restricted.non_root,
        "no word about root",
        of_pod("securityContext", "runAsNonRoot", value=GONE),
    ),
    Mutant(
        restricted.non_root,
        "a container that may be root",
        of_container("securityContext", "runAsNonRoot", value=False),
    ),
    Mutant(restricted.non_root_user, "a root pod", of_pod("securityContext", "runAsUser", value=0)),
    Mutant(
        restricted.non_root_user,
        "a root container",
        of_container("securityContext", "runAsUser", value=0),
    ),
    Mutant(
        restricted.seccomp, "no seccomp", of_pod("securityContext", "seccompProfile", value=GONE)
    ),
    Mutant(
        restricted.seccomp,
        "seccomp off in a container",
        of_container("securityContext", "seccompProfile", "type", value="Unconfined"),
    ),
)
