"""Data sets: known ones through the plugin door, users' own as CSV files."""

from nnff.datasets.csv_file import read_csv
from nnff.datasets.dataset import Dataset, load_dataset

__all__ = ["Dataset", "load_dataset", "read_csv"]
