"""Recordings on disk: format, validation, protocols, clips."""

from acoustill.archive.archive import Archive, ImageHeader
from acoustill.archive.clips import Clip, read_clip, regular_clips
from acoustill.archive.entry import Entry
from acoustill.archive.making import create_archive, finish_archive
from acoustill.archive.protocols import Protocol, split_archive
from acoustill.archive.recording import Recording
from acoustill.archive.splits import Split, refuse_overlap
from acoustill.archive.validation import Problem, validate_archive
from acoustill.archive.writer import RecordingWriter, write_recording, writing_recording

__all__ = [
    "Archive",
    "Clip",
    "Entry",
    "ImageHeader",
    "Problem",
    "Protocol",
    "Recording",
    "RecordingWriter",
    "Split",
    "create_archive",
    "finish_archive",
    "read_clip",
    "refuse_overlap",
    "regular_clips",
    "split_archive",
    "validate_archive",
    "write_recording",
    "writing_recording",
]
