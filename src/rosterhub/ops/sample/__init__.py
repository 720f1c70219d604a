"""Sample boards: a coherent Japanese board of education of any size, as OneRoster CSV.

Everyone and everything in it is invented. The same size, profile and seed give the same bytes.
"""

from rosterhub.ops.sample.write import write_file, write_package

__all__ = ["write_file", "write_package"]
