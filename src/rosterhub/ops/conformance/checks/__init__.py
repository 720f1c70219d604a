"""Every check there is, in the order in which they are made. A new one is a row in its module."""

from rosterhub.ops.conformance.checks import (
    choosing,
    collection,
    filters,
    nested,
    objects,
    paging,
    references,
    refusals,
    singles,
    token,
)

CHECKS = (
    *token.CHECKS,
    *refusals.CHECKS,
    *collection.CHECKS,
    *objects.CHECKS,
    *singles.CHECKS,
    *references.CHECKS,
    *paging.CHECKS,
    *choosing.CHECKS,
    *filters.CHECKS,
    *nested.CHECKS,
)
