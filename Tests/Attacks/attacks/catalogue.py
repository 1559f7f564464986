"""All attacks that are programs."""

from __future__ import annotations

from attacks.calls import CALLS
from attacks.controls import CONTROLS
from attacks.definition import Attack, Group
from attacks.devices import DEVICES
from attacks.kernel_files import KERNEL_FILES
from attacks.links import LINKS
from attacks.modes import MODES
from attacks.mounts import MOUNTS
from attacks.namespaces import NAMESPACES
from attacks.network import NETWORK
from attacks.planted import PLANTED
from attacks.privileges import PRIVILEGES
from attacks.processes import PROCESSES

GROUPS: list[Group] = [
    LINKS,
    MODES,
    DEVICES,
    MOUNTS,
    KERNEL_FILES,
    PLANTED,
    PROCESSES,
    PRIVILEGES,
    NAMESPACES,
    CALLS,
    CONTROLS,
    NETWORK,
]

ATTACKS: list[Attack] = [attack for group in GROUPS for attack in group.attacks]
