"""The CSV profiles a package can follow, and what sets them apart (spec/japan-profiles.md).

Only identity and spelling live here; the columns themselves are rows of `model/entities.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile of the OneRoster 1.2 CSV binding.

    `version` is what its manifest states as `oneroster.version`. `japanese` profiles have the
    `metadata.jp` columns and quote every value; `stricter` ones require more of them.
    """

    id: str
    title: str
    version: str
    japanese: bool = False
    stricter: bool = False


PROFILES: dict[str, Profile] = {
    p.id: p
    for p in (
        Profile("ims-1.2", "IMS CSV binding 1.2", "1.2"),
        Profile("ims-1.2.1", "IMS CSV binding 1.2.1", "1.2.1"),
        Profile("jp-1.1", "Japan Profile, 2nd edition", "1.2", japanese=True),
        Profile("jp-1.2.1", "Japan Profile v1.2.1", "1.2", japanese=True),
        Profile("eportal-3", "学習eポータル標準モデル 3.00", "1.2", japanese=True, stricter=True),
        Profile("eportal-4", "学習eポータル標準モデル 4.00", "1.2.1", japanese=True, stricter=True),
        Profile("interop-5", "相互運用標準モデル 5.00", "1.2.1", japanese=True, stricter=True),
        Profile("jp-k12-1", "Japan K-12/Schools Profile 1.0", "1.2_JP", japanese=True),
        Profile("interop-6", "相互運用標準モデル 6.00", "1.2_JP", japanese=True, stricter=True),
    )
}

READ_PROFILES: dict[str, Profile] = {
    "ims-1.1": Profile("ims-1.1", "OneRoster 1.1 CSV", "1.1"),
    **PROFILES,
}
"""Every profile that is read: those that are written, and the version before."""

DEFAULT_PROFILE = "jp-1.2.1"
"""What we write when nothing else is asked for: the Japan Profile with every kana column."""

JAPANESE = frozenset(p.id for p in PROFILES.values() if p.japanese)
WITH_RESOURCE_IDS = frozenset({"ims-1.2", "jp-1.1", "eportal-3"})
WITH_PREFERRED_KANA = JAPANESE - {"jp-1.1", "eportal-3"}
LOWER_CASE_ENROLLMENT = frozenset({"jp-k12-1", "interop-6"})

VERSIONS = frozenset(p.version for p in READ_PROFILES.values())
"""Every `oneroster.version` a manifest may state."""
