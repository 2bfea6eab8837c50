"""Place that exists: its description and the paths of its parts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localization_common.errors import MapError
from localization_common.files.paths import user_path
from localization_common.place import swap
from localization_common.place.description import DriveDescription, PlaceDescription, read_description
from localization_common.place.open_directory import OpenDirectory
from localization_common.place.parts import PARTS, POSES, PartName


@dataclass(frozen=True)
class Place:
    """Directory with everything that localizes a robot in one place.

    A place may be built again while it is used. Parts of two builds do not fit together, so a path is given only while
    the directory is the one that was opened.

    Attributes:
        path: absolute path of the directory.
        description: content of ``place.yaml``.
        directory: the directory that was opened.
    """

    path: Path
    description: PlaceDescription
    directory: OpenDirectory

    @classmethod
    def open(cls, path: str | Path) -> Place:
        """Open the place in a directory; a swap that a killed writer left half done is undone before.

        Raises:
            MapError: there is no place, or its description is damaged or of another version.
            ConfigError: the text is no path.
        """
        location = user_path(path, "place")
        swap.recover(location)
        if not location.is_dir():
            what = "is a file, not a directory" if location.exists() else "no such directory"
            raise MapError(f"{location}: {what}; give the directory that localization_map made")
        try:
            directory = OpenDirectory(location)
        except FileNotFoundError:
            return cls.open(path)  # it is being replaced, or gone
        except OSError as error:
            raise MapError(f"{location}: cannot be opened ({error.strerror})") from error
        description = read_description(location)
        place = cls(location, description, directory)
        return place if place.unchanged else cls.open(path)

    @property
    def unchanged(self) -> bool:
        """True while the directory is the one that was opened; False after it was built again."""
        return self.directory.is_at(self.path)

    def require_unchanged(self) -> None:
        """Refuse a place that was built again since it was opened: parts of two builds do not fit together.

        Raises:
            MapError: the directory is another one than when it was opened.
        """
        if not self.unchanged:
            raise MapError(f"{self.path}: was built again while it was read; try again")

    def require_frame_of(self, earlier: Place) -> None:
        """Refuse another map frame than that of the place when it was opened earlier.

        Raises:
            MapError: the place was built anew since then.
        """
        if self.description.map_id != earlier.description.map_id:
            raise MapError(
                f"{self.path}: was built anew, in another map frame than before: clean up and configure all nodes that "
                "use it"
            )

    def location(self, part: PartName) -> Path:
        """Path of a part that need not exist; see `file` and `adding`."""
        return self.path / PARTS[part].file

    def has(self, part: PartName) -> bool:
        """True if the place has this part."""
        return self.location(part).is_file()

    def file(self, part: PartName) -> Path:
        """Path of a part.

        Raises:
            MapError: the place has no such part, or was built again since it was opened.
        """
        self.require_unchanged()
        found, path = PARTS[part], self.location(part)
        if not path.is_file():
            raise MapError(f"{path}: no such file: the place has no {found.what}; {found.remedy}")
        return path

    def poses(self, drive: str) -> Path:
        """TUM file with the poses (map_T_base) of a drive's located frames.

        Raises:
            MapError: the place has no such drive, or its file is missing, or the place was built again.
        """
        self.require_unchanged()
        self.drive(drive)
        path = poses_file(self.path, drive)
        if not path.is_file():
            raise MapError(f"{path}: no such file: poses of the drive are missing; take another copy of the place")
        return path

    def drive(self, name: str) -> DriveDescription:
        """Drive of this name.

        Raises:
            MapError: the place has no such drive.
        """
        drives = {drive.name: drive for drive in self.description.drives}
        if name not in drives:
            raise MapError(f"{self.path}: no drive {name!r:.100}; its drives are {', '.join(drives)}")
        return drives[name]

    def require_metric(self) -> None:
        """Refuse a map whose unit is not the metre.

        Raises:
            MapError: the map is not metric; gives the reason.
        """
        scale = self.description.scale
        if not scale.metric:
            raise MapError(
                f"{self.path}: the map is not metric (scale: {scale.source}), so that no robot can use its poses: "
                "build it again with wheel odometry, a depth camera, or a known distance (localization_map --distance)"
            )

    @contextlib.contextmanager
    def adding(self, part: PartName) -> Iterator[Path]:
        """Path at which to write a part, such as a trained network; the part must be written atomically.

        The directory is not swapped meanwhile. It may have been extended since it was opened, but not built anew.

        Raises:
            MapError: the place is gone, or has another map frame than when it was opened.
        """
        with swap.held(self.path):
            now = read_description(self.path)
            if now.map_id != self.description.map_id:
                raise MapError(
                    f"{self.path}: was built anew since it was opened, in another map frame: the "
                    f"{PARTS[part].what} does not fit and is not added; make it again"
                )
            yield self.location(part)


def poses_file(folder: Path, drive: str) -> Path:
    """Path of a drive's poses in the folder of a place."""
    return folder / POSES / f"{drive}.tum"
