"""`rosterhub check`: a read-only walk over any OneRoster server, by the rules of the standard.

Sends nothing but GET, and POST for a token. What it reads is judged and forgotten: reports name
records by sourcedId and describe values by their form.
"""

from rosterhub.ops.conformance.credentials import Client, Key
from rosterhub.ops.conformance.run import BadUrl, Options, Report, Unreachable, check

__all__ = ["BadUrl", "Client", "Key", "Options", "Report", "Unreachable", "check"]
