"""The machine that something is measured on."""

import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

# What getrusage counts memory in.
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


def describe_machine() -> dict[str, Any]:
    """Processor, cores and versions, and how busy the machine was when the measurement began."""
    import tensorflow as tf

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
    }


def peak_memory() -> int:
    """The most memory that this process ever had, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    # On Linux this would count the memory of the process that started this one.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
