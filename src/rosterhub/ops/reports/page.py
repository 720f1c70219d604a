"""The monthly report as one page of HTML, complete in itself, in Japanese or English."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rosterhub.ops.reports import charts
from rosterhub.ops.reports.charts import Series
from rosterhub.ops.reports.numbers import Numbers, Period
from rosterhub.transfer.issues import Language

_SHOWN_TABLES = 6
_MB = 1024 * 1024

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("RosterHub: {0}-{1}", "RosterHub 月次レポート {0}年{1}月"),
    "period": ("{since} to {until} ({zone})", "{since} 〜 {until}（{zone}）"),
    "requests": ("Requests a day", "日ごとのリクエスト数"),
    "answered": ("answered", "正常"),
    "refused": ("refused (4xx)", "拒否 (4xx)"),
    "failed": ("failed (5xx)", "失敗 (5xx)"),
    "total": (
        "{all} requests, {refused} refused, {failed} failed.",
        "リクエスト {all} 件、うち拒否 {refused} 件、失敗 {failed} 件。",
    ),
    "slowest": ("Slowest endpoints (95% are faster)", "遅いエンドポイント（95パーセンタイル）"),
    "slow note": ("{p95} ms ({count} requests)", "{p95} ms（{count} 件）"),
    "errors": ("Errors", "エラー"),
    "status": ("Status", "ステータス"),
    "endpoint": ("Endpoint", "エンドポイント"),
    "count": ("Requests", "件数"),
    "imports": ("Imports", "インポート"),
    "state": ("State", "状態"),
    "imports count": ("Imports", "件数"),
    "created": ("Created", "追加"),
    "updated": ("Changed", "変更"),
    "deleted": ("Deleted", "削除"),
    "sizes": ("Tables by month, in MB", "テーブルの大きさの推移（MB）"),
    "rest": ("all others", "その他"),
    "none": ("Nothing in this month.", "この月にはありません。"),
}

_STYLE = """
body { font: 15px/1.6 system-ui, "Hiragino Sans", "Noto Sans JP", sans-serif; color: #222;
  max-width: 800px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.1em; margin-top: 2em; }
svg { width: 100%; overflow: visible; } svg text { font-size: 11px; fill: #333; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .2em .6em;
  border-bottom: 1px solid #ddd; } td.number, th.number { text-align: right; }
"""


def page(
    numbers: Numbers,
    period: Period,
    sizes: Mapping[str, Mapping[str, int]],
    zone: str,
    language: Language,
) -> str:
    """The page; `sizes` are bytes by table by month (YYYYMM)."""

    def word(name: str, **values: object) -> str:
        return _WORDS[name][language == "ja"].format(**values)

    title = _WORDS["title"][language == "ja"].format(period.name[:4], period.name[4:])
    span = {"since": f"{period.since:%Y-%m-%d}", "until": f"{numbers.days[-1].day:%Y-%m-%d}"}
    body = [f"<h1>{title}</h1><p>{word('period', **span, zone=escape(zone))}</p>"]
    body += _section(word("requests"), _requests(numbers, word))
    body += _section(word("slowest"), _slowest(numbers, word))
    heads = ("status", "endpoint", "count")
    body += _section(word("errors"), _table([word(h) for h in heads], numbers.errors, word))
    heads = ("state", "imports count", "created", "updated", "deleted")
    body += _section(word("imports"), _table([word(h) for h in heads], numbers.imports, word))
    body += _section(word("sizes"), _sizes(sizes, word))
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{_STYLE}</style><body>{''.join(body)}</body></html>\n"
    )


def _section(title: str, content: str) -> list[str]:
    return [f"<h2>{title}</h2>", content]


def _requests(numbers: Numbers, word: Any) -> str:
    days = numbers.days
    parts = [
        Series(word("answered"), [d.requests - d.refused - d.failed for d in days]),
        Series(word("refused"), [d.refused for d in days]),
        Series(word("failed"), [d.failed for d in days]),
    ]
    chart = charts.columns(word("requests"), [f"{d.day:%m-%d}" for d in days], parts)
    totals = {
        "all": sum(d.requests for d in days),
        "refused": sum(d.refused for d in days),
        "failed": sum(d.failed for d in days),
    }
    said = word("total", **{name: f"{total:,}" for name, total in totals.items()})
    return f"{chart}<p>{said}</p>"


def _slowest(numbers: Numbers, word: Any) -> str:
    if not numbers.slowest:
        return f"<p>{word('none')}</p>"
    rows = [
        (endpoint, float(p95), word("slow note", p95=f"{p95:,.1f}", count=f"{count:,}"))
        for endpoint, count, p95, _ in numbers.slowest
    ]
    return charts.bars(word("slowest"), rows)


def _sizes(sizes: Mapping[str, Mapping[str, int]], word: Any) -> str:
    if not sizes:
        return f"<p>{word('none')}</p>"
    months = sorted(sizes)
    newest = sizes[months[-1]]
    largest = sorted(newest, key=lambda name: -newest[name])[:_SHOWN_TABLES]
    series = [Series(name, [sizes[m].get(name, 0) / _MB for m in months]) for name in largest]
    rest = [sum(b for n, b in sizes[m].items() if n not in largest) / _MB for m in months]
    labels = [f"{m[:4]}-{m[4:]}" for m in months]
    return charts.lines(word("sizes"), labels, [*series, Series(word("rest"), rest)], "MB")


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]], word: Any) -> str:
    if not rows:
        return f"<p>{word('none')}</p>"
    head = "".join(_cell(h, value) for h, value in zip(heads, rows[0], strict=True))
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: Any, like: Any = None) -> str:
    """A cell; one of the head is set `like` those below it."""
    tag = "td" if like is None else "th"
    shown = escape(value) if isinstance(value, str) else f"{value:,}"
    number = not isinstance(value if like is None else like, str)
    kind = ' class="number"' if number else ""
    return f"<{tag}{kind}>{shown}</{tag}>"
