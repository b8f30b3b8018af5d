"""The papers that can be reproduced, by name."""

from types import MappingProxyType

from pipelines.reproduction.aw_moe_paper import AW_MOE
from pipelines.usr_reproduction.usr_paper import USR

PAPERS = MappingProxyType({paper.name: paper for paper in (AW_MOE, USR)})
