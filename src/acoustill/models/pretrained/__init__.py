"""Pretrained weights from local files; nothing is ever fetched."""

from acoustill.models.pretrained.difference import Difference, Loaded, difference, load_weights
from acoustill.models.pretrained.initialising import initialise_from, pretrained_settings
from acoustill.models.pretrained.numpy_pickle import read_array_dictionary
from acoustill.models.pretrained.tensor_files import read_tensors
from acoustill.models.pretrained.torch7 import LuaFunction, LuaTable, read_torch7

__all__ = [
    "Difference",
    "Loaded",
    "LuaFunction",
    "LuaTable",
    "difference",
    "initialise_from",
    "load_weights",
    "pretrained_settings",
    "read_array_dictionary",
    "read_tensors",
    "read_torch7",
]
