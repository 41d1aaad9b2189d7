"""Where problems come from: a local file, or the Hugging Face hub."""

from collections.abc import Iterator
from pathlib import Path

from cascade.base import DataError, Place, Record, install_command, reach_hub, read_records
from cascade.problems.dataset import DataSet
from cascade.problems.user_problems import read_folder

# The hub's own conversion of a data set that has a loading script (which `datasets` no longer
# runs). It keeps one folder a configuration and no metadata, so the folder is asked for: without
# it, every configuration's files would be read as one data set, each problem twice.
CONVERTED = "refs/convert/parquet"
PARQUET_MAGIC = b"PAR1"


def read_source(dataset: DataSet) -> Iterator[Record]:
    """The data set's raw records, in order.

    Raises:
        DataError: no source is set, or it cannot be read; the message says what to do.
    """
    if dataset.path is not None:
        path = Path(dataset.path)
        if path.is_dir() and dataset.format == "own":
            return read_folder(path)
        if not path.is_file():
            what = "is a folder, not a file" if path.is_dir() else "does not exist"
            raise DataError(
                f"dataset.path={dataset.path}: {what}; set it to a JSON, JSON Lines (gzip or not) "
                "or Parquet file, or leave it out to read the Hugging Face hub"
            )
        with path.open("rb") as file:
            is_parquet = file.read(4) == PARQUET_MAGIC
        return _parquet(path) if is_parquet else read_records(path)
    if dataset.hub_id is None:
        raise DataError(f"dataset {dataset.name} has no source: set dataset.path or dataset.hub_id")
    return _hub(dataset, dataset.hub_id)


def _parquet(path: Path) -> Iterator[Record]:
    import pyarrow.parquet

    try:
        batches = pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=64)
        number = 0
        for batch in batches:
            for fields in batch.to_pylist():
                number += 1
                yield Record(Place(str(path), "record", number), fields)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error})") from error


def _hub(dataset: DataSet, hub_id: str) -> Iterator[Record]:
    if not Path(hub_id).is_dir():
        reach_hub()  # before the library is imported, which reads then whether it is offline
    try:
        from datasets import load_dataset
        from datasets.exceptions import DatasetsError
    except ImportError as error:
        raise DataError(
            f"reading {hub_id} from the Hugging Face hub needs `datasets`: {install_command('hub')}, "
            "or set dataset.path to a local copy"
        ) from error
    converted = dataset.revision == CONVERTED
    try:
        rows = load_dataset(
            hub_id,
            name=None if converted else dataset.hub_config,
            data_dir=dataset.hub_config if converted else None,
            split=dataset.hub_split,
            revision=dataset.revision,
        )
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{hub_id} (config {dataset.hub_config}, split {dataset.hub_split}) cannot be read from the "
            f"Hugging Face hub: {reason}; check dataset.hub_id, hub_config and hub_split, "
            "or set dataset.path to a local copy"
        ) from error
    for number, fields in enumerate(rows, start=1):
        yield Record(Place(hub_id, "record", number), fields)
