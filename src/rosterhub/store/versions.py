"""The versions of the data: a token for each entity, renewed by whatever changes its rows.

The token is renewed in the transaction of the change and at its end, since the rows are then locked
until the commit; always in the same order, so that two transactions never wait for each other.
"""

RENEW = (
    "UPDATE data_versions SET version = gen_random_uuid() WHERE entity IN"
    " (SELECT entity FROM data_versions WHERE entity = ANY(%s) ORDER BY entity FOR UPDATE)"
)
"""Renew the tokens of the entities in the parameter, a list of their names."""
