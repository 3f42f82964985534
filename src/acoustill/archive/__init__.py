"""Recordings on disk: format, validation, protocols, clips."""

from acoustill.archive.archive import Archive, Recording
from acoustill.archive.clips import Clip, read_clip, regular_clips
from acoustill.archive.entry import Entry
from acoustill.archive.protocols import Protocol, Split, split_archive
from acoustill.archive.validation import Problem, validate_archive
from acoustill.archive.writer import create_archive, finish_archive, write_recording

__all__ = [
    "Archive",
    "Clip",
    "Entry",
    "Problem",
    "Protocol",
    "Recording",
    "Split",
    "create_archive",
    "finish_archive",
    "read_clip",
    "regular_clips",
    "split_archive",
    "validate_archive",
    "write_recording",
]
