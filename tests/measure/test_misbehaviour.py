"""Kernels that misbehave, beside good ones: each ends with a status, and the others' are theirs."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import Any

import pytest

import einbench
from einbench.host.cores import usable_threads
from einbench.operation import Operation
from tests.measure import misbehaving
