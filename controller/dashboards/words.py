"""Titles and texts in English and Japanese. What the plant itself says (tag texts) stays as it is written."""

from __future__ import annotations

from typing import Final

LANGUAGES: Final = ("en", "ja")

JAPANESE: Final = {
    "Overview": "全体",
    "Alarms": "アラーム",
    "Interlocks": "インターロック",
    "Helium balance": "ヘリウム収支",
    "Recording quality": "記録の完全性",
    "Service health": "サービスの状態",
    "Supervision only. Not a safety function.": "監視用です。安全機能ではありません。",
    "The plant now": "現在のプラント",
    "Alarms standing": "発生中のアラーム",
    "Unacknowledged": "未確認",
    "Shelved": "棚上げ中",
    "Suppressed": "抑制中",
    "Interlocks tripped": "作動中のインターロック",
    "Bypasses": "バイパス",
    "Links up": "通信中のPLC",
    "Links": "PLC通信",
    "Helium in the plant": "プラント内ヘリウム",
    "Where the helium is": "ヘリウムの所在",
    "Latest events": "最近のイベント",
    "Standing by priority": "優先度別の発生数",
    "Alarms announced in 10 minutes": "10分間のアラーム数",
    "Flood: more than 10 in 10 minutes": "アラーム洪水:10分間に10件超",
    "What was announced": "通知されたアラーム",
    "Top alarms of the period": "期間内の多発アラーム",
    "Announced by area": "エリア別の通知数",
    "When which alarm stood": "アラーム発生期間",
    "State of the interlocks": "インターロックの状態",
    "First-out": "最初の原因",
    "Trips and effects": "作動と結果",
    "Bypassed or inhibited": "バイパスと検査停止",
    "Completeness of the worst tags": "完全性の低いタグ",
    "Completeness of the day": "当日の完全性",
    "Gaps": "欠測",
    "Rows recorded": "記録行数",
    "Behind the journal": "ジャーナルからの遅れ",
    "Parked lines": "保留された行",
    "Messages to people": "通知の送達",
    "Step of the core": "コアの処理時間",
    "Changes received": "受信した変化数",
    "Values that are not Good": "品質がGoodでない値",
    "States": "状態",
    "Pressures": "圧力",
    "Temperatures": "温度",
    "Levels": "液位・レベル",
    "Purity and traces": "純度・微量成分",
    "Flows": "流量",
    "Machines": "機械",
    "Other values": "その他",
    "Latest values": "現在値",
    "Rates": "速度",
    "value": "値",
    "quality": "品質",
    "language": "言語",
    "Open in the console": "コンソールで開く",
    "Data source": "データソース",
    "Alarm stood": "アラーム",
    "Trip": "トリップ",
}


def words(language: str) -> dict[str, str]:
    """Text -> text in that language; English is what stands in the code. Raises KeyError."""
    return {"en": {}, "ja": JAPANESE}[language]
