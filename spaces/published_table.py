"""Where the published table of a space is: its address, its checksum and its fields."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedTable:
    """The accuracy of every architecture of a space, trained by others, as a JSON file.

    - `name`: by which `genius fetch` knows it.
    - `url`, `sha256`, `size`: where the file is, its checksum, and its bytes.
    - `accuracy`, `test_accuracy`: the fields that hold the accuracy that a search may see, and the test accuracy, in
      percent.
    - `runs`: the field that holds the accuracies of an architecture's single trainings, of which `test_accuracy` is the
      mean; empty where the file holds none.
    """

    name: str
    url: str
    sha256: str
    size: int
    accuracy: str
    test_accuracy: str
    runs: str = ""

    @property
    def file(self) -> str:
        """The file's name in the folder of downloads."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def sees_test_accuracy(self) -> bool:
        """Whether it holds test accuracy only, so that a search sees that."""
        return self.accuracy == self.test_accuracy
