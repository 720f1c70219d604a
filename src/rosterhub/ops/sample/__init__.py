"""Sample boards: a coherent Japanese board of education of any size, as OneRoster CSV.

Everyone and everything in it is invented. The same size, profile and seed give the same bytes.
"""

from rosterhub.ops.sample.plan import LARGEST_BOARD
from rosterhub.ops.sample.rows import FILES
from rosterhub.ops.sample.write import Written, faults_path, write_file, write_package

__all__ = ["FILES", "LARGEST_BOARD", "Written", "faults_path", "write_file", "write_package"]
