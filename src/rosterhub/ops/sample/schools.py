"""Names, codes and subjects of the schools of a sample board; all of them invented.

The forms are those of spec/japan-profile.md, "Value lists".
"""

from dataclasses import dataclass

from rosterhub.ops.sample.plan import HIGH, School

_WORDS = """
みどり あおぞら さくら ひかり わかば いずみ もみじ かえで つばさ けやき あさひ すみれ こだま
しらかば ひばり まつば つつじ はまなす みなみ かわせみ 緑丘 青葉 桜台 朝日 富士見 川辺 松原
梅園 竹園 花園 清流 光陽 若草 白鳥 常盤 高台 橋本 泉野 森下 山手 浜辺 港 城山 神楽 千歳 日吉
春日 大沢 中原 宮前 池上 石神 北浦 滝野 野川 平和 栄 本町 新田 豊岡
"""
_NAMES = _WORDS.split()
_PARTS = ("", "東", "西", "南", "北", "中央", "第二", "第三", "第四", "第五")
_FOUNDED_BY_A_CITY = "2"
_PREFECTURE = "13"


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject: its name and, below high school, its code."""

    title: str
    code: str = ""


_YOUNG_SUBJECTS = (Subject("国語", "P010"), Subject("算数", "P030"))
_SUBJECTS = {
    **dict.fromkeys(("P1", "P2", "P3", "P4"), _YOUNG_SUBJECTS),
    **dict.fromkeys(("P5", "P6"), (*_YOUNG_SUBJECTS, Subject("外国語", "P100"))),
    **dict.fromkeys(
        ("J1", "J2", "J3"),
        (
            Subject("国語", "J010"),
            Subject("社会", "J020"),
            Subject("数学", "J030"),
            Subject("理科", "J040"),
            Subject("外国語", "J090"),
        ),
    ),
    **dict.fromkeys(
        ("H1", "H2", "H3"), (Subject("国語"), Subject("数学"), Subject("理科"), Subject("英語"))
    ),
}


def subjects(grade: str) -> tuple[Subject, ...]:
    """The subjects that have a class of their own in a grade."""
    return _SUBJECTS[grade]


def district_code(seed: int) -> str:
    """A 教育委員会コード: the prefecture and four digits."""
    return f"{_PREFECTURE}{(9_900 + seed) % 10_000:04d}"


def school_name(school: School) -> str:
    """A name that no other school of the board has, such as 見本市立みどり小学校."""
    times, word = divmod(school.number, len(_NAMES))
    part = _PARTS[times] if times < len(_PARTS) else f"第{times}"
    founder = "見本県立" if school.kind is HIGH else "見本市立"
    return f"{founder}{_NAMES[word]}{part}{school.kind.title}"


def school_code(school: School) -> str:
    """A 学校コード: kind, prefecture, founder, number, check digit."""
    code = f"{school.kind.code}{_PREFECTURE}{_FOUNDED_BY_A_CITY}{9_999_999 - school.number:07d}"
    return code + check_digit(code)


def check_digit(code: str) -> str:
    """The last character of the 学校コード that begins with these twelve."""
    digits = f"{ord(code[0]) - ord('A') + 1:02d}{code[1:]}"
    products = (int(d) * (1 + n % 2) for n, d in enumerate(digits))
    return str(-sum(p // 10 + p % 10 for p in products) % 10)
