"""The sentences for what an import has to say, by code, in English and Japanese: nothing else.

Each says what is wrong and what to do, to somebody who keeps a school's roster. Parts in braces
come from an issue's details; two braces stand for one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sentence:
    """The text of one code in both languages.

    A warning that is an error at the level strict has the text of that error as well: this, and
    nothing else, makes it one.
    """

    en: str
    ja: str
    strict_en: str = ""
    strict_ja: str = ""

    @property
    def strict(self) -> bool:
        """Whether the level strict makes an error of it."""
        return bool(self.strict_en)


S = Sentence


def _rule(en: str, ja: str) -> Sentence:
    """A rule that says the same at either level."""
    return Sentence(en, ja, en, ja)


CODES: dict[str, Sentence] = {
    # The upload and the package
    "upload_empty": S(
        "The file is empty. Export it again and send that.",
        "ファイルが空です。もう一度出力して送ってください。",
    ),
    "entity_unknown": S(
        "There is no OneRoster file called {value}. Known are: {known}.",
        "{value} という OneRoster のファイルはありません。使えるもの: {known}",
    ),
    "zip_invalid": S(
        "This is not a zip that can be read ({value}). Make the package again.",
        "ZIP として読めません({value})。パッケージを作り直してください。",
    ),
    "zip_expected": S(
        "This is not a zip. A package is a zip with manifest.csv in it; a single CSV file is "
        "imported by itself.",
        "ZIP ではありません。パッケージは manifest.csv の入った ZIP です。CSV 一つなら、それだけ"
        "で取り込めます。",
    ),
    "zip_encrypted": S(
        "{value} is encrypted. Send a zip without a password.",
        "{value} が暗号化されています。パスワードのない ZIP を送ってください。",
    ),
    "zip_method": S(
        "{value} is packed in an unusual way. Make the zip again with the usual method (Deflate).",
        "{value} の圧縮方式は使えません。普通の方式(Deflate)で ZIP を作り直してください。",
    ),
    "zip_path": S(
        "{value} lies in a folder. Put the CSV files at the root of the zip.",
        "{value} がフォルダーの中にあります。CSV は ZIP の直下に置いてください。",
    ),
    "zip_nested": S(
        "{value} is a zip within the zip. Send one zip with the CSV files at its root.",
        "ZIP の中に ZIP({value})があります。CSV を直下に置いた ZIP を一つ送ってください。",
    ),
    "zip_bomb": S(
        "The zip unpacks to more than {value} bytes; that is refused. Send the roster in parts, or "
        "have the hub's operator raise CSV_UNPACKED_MAX_SIZE.",
        "ZIP を展開すると {value} バイトを超えるため、受け付けません。分けて送るか、運用担当者に "
        "CSV_UNPACKED_MAX_SIZE を増やしてもらってください。",
    ),
    "zip_members": S(
        "The zip lists far more files than a roster has; that is refused. Put only the CSV files "
        "of OneRoster in it.",
        "ZIP の中のファイルが名簿としては多すぎるため、受け付けません。OneRoster の CSV だけを入れ"
        "てください。",
    ),
    "zip_duplicate": S(
        "{value} is in the zip twice. Leave one of them.",
        "ZIP の中に {value} が二つあります。一つにしてください。",
    ),
    "zip_for_entity": S(
        "A zip was sent where one CSV file was expected. Send it to the import of packages.",
        "CSV 一つの取り込みに ZIP が送られました。パッケージの取り込みに送ってください。",
    ),
    "manifest_missing": S(
        "manifest.csv is missing. A package needs one; single files are imported by themselves.",
        "manifest.csv がありません。パッケージには必要です。CSV 一つなら単独で取り込めます。",
    ),
    "manifest_invalid": S(
        "manifest.csv must have the header propertyName,value and two cells in each row.",
        "manifest.csv の見出しは propertyName,value、各行は二つの値にしてください。",
    ),
    "manifest_value": S(
        "{property} is {value}; it may be {known}.",
        "{property} の値が {value} です。使えるのは {known} です。",
    ),
    "manifest_property_missing": S(
        "{property} is missing in the manifest; it is taken as {value}.",
        "manifest に {property} がありません。{value} とみなしました。",
        "{property} is missing in the manifest. Add it; {value} would be usual here.",
        "manifest に {property} がありません。書き加えてください。ここでは {value} が普通です。",
    ),
    "manifest_property_unknown": S(
        "The manifest's property {property} is not known and was ignored.",
        "manifest の {property} は知らない項目なので無視しました。",
        "The standard knows no manifest property {property}. Remove it.",
        "manifest の {property} は標準にない項目です。取り除いてください。",
    ),
    "manifest_property_unclear": S(
        "The manifest has no property {property}, and says nothing of {value}. Which file is meant "
        "would have to be guessed: write the property as the standard does (file.users).",
        "manifest の {property} は知らない項目で、{value} の項目がありません。どのファイルのことか"
        "分かりません。標準のとおり(file.users など)に書いてください。",
    ),
    "manifest_property_case": S(
        "{value} was read as {taken}.",
        "{value} を {taken} として読みました。",
        "Write {taken}, not {value}.",
        "{value} は {taken} と書いてください。",
    ),
    "manifest_value_form": S(
        "{value} was read as {taken}.",
        "{value} を {taken} として読みました。",
        "Write {taken}, not {value}.",
        "{value} は {taken} と書いてください。",
    ),
    "manifest_property_twice": S(
        "{property} stands twice in the manifest. Leave one of them.",
        "manifest に {property} が二度あります。一つにしてください。",
    ),
    "mode_unsaid": S(
        "The manifest does not say whether this file is bulk or delta, and its rows have status or "
        "dateLastModified, as changes do: read as bulk, it would delete whatever it leaves out. "
        "Set {property} in the manifest to bulk or delta.",
        "manifest にこのファイルが bulk か delta かの指定がなく、行には差分のように status か "
        "dateLastModified があります。bulk とみなすと、ファイルにないものがすべて削除されます。"
        "manifest の {property} を bulk か delta にしてください。",
    ),
    "file_missing": S(
        "The manifest announces this file as {value}, but it is not in the zip. Put it in, or say "
        "absent in the manifest.",
        "manifest では {value} ですが、ZIP の中にこのファイルがありません。ファイルを入れるか、"
        "manifest を absent にしてください。",
    ),
    "file_not_announced": S(
        "The file is in the zip, but the manifest says absent. Correct one of the two.",
        "ZIP の中にありますが manifest では absent です。どちらかを直してください。",
    ),
    "file_extra": S(
        "This is no OneRoster file; it was ignored, and the upload is not kept.",
        "OneRoster のファイルではないため無視しました。送られた ZIP は保存しません。",
        "This is no OneRoster file. Take it out of the zip.",
        "OneRoster のファイルではありません。ZIP から取り除いてください。",
    ),
    "file_name_case": S(
        "The file should be called {value}; it was read all the same.",
        "ファイル名は {value} が正しい書き方です。そのまま読みました。",
        "Call the file {value}.",
        "ファイル名を {value} にしてください。",
    ),
    "package_empty": S(
        "The package announces no file with rows. Say bulk or delta in the manifest for the files "
        "that are in the zip.",
        "パッケージに取り込むファイルがありません。入れたファイルを manifest で bulk か delta にし"
        "てください。",
    ),
    # The form of a file
    "file_empty": S(
        "The file has no header line. Its first line must name the columns.",
        "見出し行がありません。一行目に列名が必要です。",
    ),
    "not_csv": S(
        "This is not a CSV file but {value}. Save the table as CSV (UTF-8) and send that.",
        "CSV ではなく {value} のファイルです。CSV(UTF-8)で保存したものを送ってください。",
    ),
    "line_too_long": S(
        "A line is longer than {value} bytes; this is not a CSV file. Export it again as CSV.",
        "一行が {value} バイトを超えています。CSV ファイルではありません。CSV で出力し直してくださ"
        "い。",
    ),
    "encoding_invalid": S(
        "The bytes {value} are no characters of {encoding}: the value is damaged. Export the "
        "file again.",
        "バイト列 {value} は {encoding} の文字ではありません。値が壊れています。出力し直してくだ"
        "さい。",
    ),
    "encoding_other": S(
        "The file is not {encoding}; it looks like {value}. Say so when you send it (encoding "
        "{value}; on the command line --encoding {value}), or save it as UTF-8.",
        "文字コードが {encoding} ではなく {value} のようです。送るときに encoding に {value} を指"
        "定する(コマンドでは --encoding {value})か、UTF-8 で保存し直してください。",
    ),
    "encoding_marked": S(
        "The file is not UTF-8: by its byte order mark it is {value}, and was read as that.",
        "UTF-8 ではありません。BOM のとおり {value} として読みました。",
        "The file is {value}. Save it as UTF-8 without a byte order mark.",
        "文字コードが {value} です。BOM なしの UTF-8 で保存してください。",
    ),
    "nul_byte": S(
        "The value holds a NUL byte. Remove it.",
        "値に NUL バイトが含まれています。取り除いてください。",
    ),
    "quote_unclosed": S(
        "A quoted value begins in this row and does not end where it should. Close it, and write "
        'a quote within a value as "".',
        'この行で始まる引用符が正しく閉じていません。終わりに " を加え、値の中の " は "" と書いて'
        "ください。",
    ),
    "quote_misplaced": S(
        'Text follows a closing quote. Write a quote within a value as "".',
        '閉じた引用符の後に文字があります。値の中の " は "" と書いてください。',
    ),
    "cell_too_large": S(
        "A cell holds more than {value} characters. Shorten it, or close the quote with which it "
        "begins.",
        "一つの値が {value} 文字を超えています。短くするか、値を始める引用符を閉じてください。",
    ),
    "header_missing_column": S(
        "The column {value} is missing. It is required: add it.",
        "必須の列 {value} がありません。加えてください。",
    ),
    "header_other_file": S(
        "These are the columns of {value}. Send the file as {value}.",
        "これは {value} の列です。{value} として送ってください。",
    ),
    "for_eyes_only": S(
        "This file was exported to be looked at in a spreadsheet: its cells may have been changed "
        "for that. Export it again without --excel (excel=true) and import that.",
        "表計算ソフトで見るために出力したファイルで、値が変わっていることがあります。--excel "
        "(excel=true)なしで出力し直したものを取り込んでください。",
    ),
    "header_duplicate": S(
        "The column {value} stands twice in the header. Leave one of them.",
        "見出しに列 {value} が二度あります。一つにしてください。",
    ),
    "header_too_wide": S(
        "The header has {value} columns; a file may have {expected}. Remove those that no roster "
        "needs.",
        "見出しの列が {value} あります。{expected} 列までです。名簿に要らない列を取り除いてください"
        "。",
    ),
    "header_prefix": S(
        "The columns {value} and {other} exclude each other: one is the beginning of the other. "
        "Remove or rename one of them.",
        "列 {value} と {other} は一方が他方の前半になっているため、同時に使えません。一方を取り除く"
        "か、名前を変えてください。",
    ),
    "header_not_found": S(
        "The first line names none of the columns of this file. Its header should begin: {value}",
        "一行目にこのファイルの列名がありません。見出しは次のように始まります: {value}",
    ),
    "delimiter_other": S(
        "The columns are separated by {value}. Save the file with commas between them (CSV UTF-8).",
        "列の区切りが {value} です。コンマ区切り(CSV UTF-8)で保存してください。",
    ),
    "column_ignored": S(
        "The column {value} is not known and was ignored.",
        "列 {value} は知らない列なので無視しました。",
        "The standard knows no column {value}. Remove it.",
        "列 {value} は標準にありません。取り除いてください。",
    ),
    "column_unnamed": S(
        "Column {value} of the header has no name; it was ignored.",
        "見出しの {value} 列目に名前がありません。その列は無視しました。",
        "Column {value} of the header has no name. Remove the column.",
        "見出しの {value} 列目に名前がありません。その列を取り除いてください。",
    ),
    "column_similar": S(
        "The column {value} is not known and was ignored. Is {other} meant?",
        "列 {value} は知らない列なので無視しました。{other} のことですか?",
        "The standard knows no column {value}. Is {other} meant?",
        "列 {value} は標準にありません。{other} のことですか?",
    ),
    "column_order": S(
        "The columns are in another order than the standard's; they were matched by name.",
        "列の順序が標準と違います。列名で読みました。",
        "The columns are in another order than the standard's. Put them in that order.",
        "列の順序が標準と違います。標準の順序にしてください。",
    ),
    "bom": S(
        "The file begins with a byte order mark; it was skipped.",
        "ファイルの先頭に BOM があります。読み飛ばしました。",
        "The file begins with a byte order mark. Save it without one (UTF-8).",
        "ファイルの先頭に BOM があります。BOM なしの UTF-8 で保存してください。",
    ),
    "row_length": S(
        "Cells in this row: {value}; columns in the header: {expected}. Make them as many as the "
        "columns, and put quotes round a value with a comma in it.",
        "この行の値は {value} 個、見出しは {expected} 個です。同じ数にしてください。コンマを含む値"
        'は " で囲みます。',
    ),
    "row_blank": S(
        "The row holds no value at all; it was passed over.",
        "値が一つもない行です。読み飛ばしました。",
    ),
    "file_without_rows": S(
        "The file has a header and no rows.",
        "見出しだけで、データの行がありません。",
    ),
    "password_dropped": S(
        "Passwords were sent. They are never stored; leave the column empty.",
        "パスワードが送られてきました。保存しません。列は空にしてください。",
    ),
    # Values
    "required_blank": S(
        "{column} must have a value.",
        "{column} には値が必要です。",
    ),
    "guid_invalid": S(
        "{value} is not an identifier: 1 to 255 of the characters 0-9 A-Z a-z . / @ _ -",
        "{value} は識別子として使えません。0-9 A-Z a-z . / @ _ - の 1～255 文字です。",
    ),
    "date_invalid": S(
        "{value} is not a date of the form YYYY-MM-DD.",
        "{value} は日付ではありません。YYYY-MM-DD の形にしてください。",
    ),
    "datetime_invalid": S(
        "{value} is not a time of the form YYYY-MM-DDThh:mm:ss.sssZ.",
        "{value} は日時ではありません。YYYY-MM-DDThh:mm:ss.sssZ の形にしてください。",
    ),
    "year_invalid": S(
        "{value} is not a year of four digits. Write it like 2026.",
        "{value} は四桁の年ではありません。2026 のように書いてください。",
    ),
    "boolean_invalid": S(
        "{value} is neither true nor false. Write one of the two.",
        "{value} は true でも false でもありません。どちらかを書いてください。",
    ),
    "number_invalid": S(
        "{value} is not a number. Write it like 85 or 85.5.",
        "{value} は数ではありません。85 や 85.5 のように半角の数字で書いてください。",
    ),
    "integer_invalid": S(
        "{value} is not a whole number. Write it like 85.",
        "{value} は整数ではありません。85 のように半角の数字で書いてください。",
    ),
    "enumeration_unknown": S(
        "{value} is not one of: {known}.",
        "{value} は使えません。使えるのは {known} です。",
    ),
    "user_ids_invalid": S(
        "{value} does not have the form {{type:identifier}},{{type:identifier}}. Write it so.",
        "{value} は {{種類:識別子}},{{種類:識別子}} の形ではありません。この形で書いてください。",
    ),
    "scale_values_invalid": S(
        "{value} does not have the form {{left:right}},{{left:right}}. Write it so.",
        "{value} は {{左:右}},{{左:右}} の形ではありません。この形で書いてください。",
    ),
    "min_over_max": S(
        "resultValueMin {value} is more than resultValueMax. Correct one of the two.",
        "resultValueMin {value} が resultValueMax を超えています。どちらかを直してください。",
    ),
    "list_gap": S(
        "The list has an empty value. subjects and subjectCodes belong together one by one: fill "
        "the gap in both, or take it out of both.",
        "リストに空の値があります。subjects と subjectCodes は一つずつ対応します。両方とも埋める"
        "か、両方とも取り除いてください。",
    ),
    "text_too_long": S(
        "The value is longer than {most} bytes. Records are looked up by this field: shorten it.",
        "値が {most} バイトを超えています。レコードの検索に使う項目です。短くしてください。",
    ),
    # Between rows and files
    "duplicate_sourced_id": S(
        "The sourcedId {value} stands on line {other_line} already. Leave one of the two rows, or "
        "give each its own.",
        "sourcedId {value} は {other_line} 行目にもあります。一行だけ残すか、別のものにしてくださ"
        "い。",
    ),
    "username_taken": S(
        "The username {value} is given to {other} as well, on line {other_line}. Each person "
        "needs one of their own.",
        "username {value} は {other_line} 行目の {other} と同じです。一人ずつ別のものにしてくださ"
        "い。",
    ),
    "username_held": S(
        "The username {value} belongs to {other}, who is registered and stays as they are. Give "
        "this person another one.",
        "username {value} は登録済みの {other} が使っています。別のものにしてください。",
    ),
    "user_master_identifier_taken": S(
        "The userMasterIdentifier {value} is given to {other} as well, on line {other_line}. It "
        "stands for one person.",
        "userMasterIdentifier {value} は {other_line} 行目の {other} と同じです。一人に一つのもの"
        "です。",
    ),
    "user_master_identifier_held": S(
        "The userMasterIdentifier {value} belongs to {other}, who is registered. Are the two one "
        "person?",
        "userMasterIdentifier {value} は登録済みの {other} のものです。同じ人ではありませんか?",
    ),
    "second_primary_role": S(
        "The user {value} has a primary role in this org already, on line {other_line}. Make one "
        "of the two secondary.",
        "ユーザー {value} には同じ組織の primary の役割が {other_line} 行目にもあります。一方を "
        "secondary にしてください。",
    ),
    "primary_role_held": S(
        "The user {value} has another primary role in this org: {other}, which this import "
        "leaves as it is.",
        "ユーザー {value} には同じ組織の primary の役割 {other} がすでにあり、この取り込みでは変"
        "わりません。",
    ),
    "profile_of_another": S(
        "The profile {value} belongs to the user {other}, not to the user of this row. Give a "
        "profile of this user, or leave it blank.",
        "プロファイル {value} は、この行のユーザーではなく {other} のものです。このユーザーのものに"
        "するか、空欄にしてください。",
    ),
    "score_out_of_bounds": S(
        "The score {value} lies outside the line item's bounds ({other}).",
        "得点 {value} は評価項目の範囲({other})の外です。",
        "The score {value} lies outside the line item's bounds ({other}). Correct one of the two.",
        "得点 {value} は評価項目の範囲({other})の外です。どちらかを直してください。",
    ),
    "class_of_another": S(
        "The line item belongs to the class {other}, not to {value}.",
        "評価項目のクラスは {value} ではなく {other} です。",
        "The line item belongs to the class {other}. Give that one instead of {value}.",
        "評価項目のクラスは {other} です。{value} の代わりにそれを指定してください。",
    ),
    "reference_unknown": S(
        "{value} is not registered, and no row of {target} that was sent has this sourcedId."
        " Correct the value, or send that record along.",
        "{value} は登録されておらず、送られた {target} にもありません。"
        "値を直すか、そのデータも一緒に送ってください。",
    ),
    "reference_deleted": S(
        "{value} of {target} is deleted, or will be by this import; the reference was kept.",
        "{target} の {value} は削除済みか、この取り込みで削除されます。参照はそのまま残しました。",
    ),
    "reference_type": S(
        "{value} is of type {other}; the standard wants one of type {known} here.",
        "{value} の type は {other} です。ここには {known} を指定します。",
        "{value} is of type {other}; give one of type {known} here.",
        "{value} の type は {other} です。type が {known} のものを指定してください。",
    ),
    "delete_unknown": S(
        "{value} was to be deleted, but no such record is registered; the row was passed over.",
        "{value} の削除が求められましたが、登録されていません。読み飛ばしました。",
    ),
    "deleted_still_referred": S(
        "Records of {other} that stay as they are and refer to what is deleted here: {number}. "
        "{value}, for example, refers to {deleted}.",
        "ここで削除するデータを、そのまま残る {other} の {number} 件が参照しています。例えば "
        "{value} は {deleted} を参照しています。",
    ),
    "home_class_unknown": S(
        "The home-room class {value} is not registered, and no row of {target} that was sent has"
        " this sourcedId.",
        "学級 {value} は登録されておらず、送られた {target} にもありません。",
    ),
    # Left out, with on-error skip
    "row_contradicted": S(
        "Line {other_line} excludes this row, and which of the two is right nobody can tell: both "
        "were left out.",
        "この行と {other_line} 行目は両立しません。どちらが正しいか分からないため、両方とも除きま"
        "した。",
    ),
    "refers_to_left_out": S(
        "{value} of {target} was left out, and so was this row, which refers to it.",
        "{target} の {value} を除いたため、それを参照するこの行も除きました。",
    ),
    "deletions_withheld": S(
        "Rows left out of which nobody knows whose they are: {value}. So no record of {entity} was "
        "deleted for being absent.",
        "誰のものか分からない行を {value} 行除いたため、{entity} では「ファイルにない」ことによる削"
        "除をしていません。",
    ),
    "placeholder_made": S(
        "{value} of {target} is not registered and was not sent. A placeholder was made, called "
        "{taken}; send the real one when there is one.",
        "{target} の {value} は登録されておらず、送られてもいません。仮のデータ({taken})を作りま"
        "した。正しいデータができたら送ってください。",
    ),
    # The profile that is followed
    "profile_version": S(
        "oneroster.version is {value}, but the profile {profile} was asked for, which has {other}.",
        "oneroster.version は {value} ですが、指定されたプロファイル {profile} では {other} です。",
        "oneroster.version is {value}; the profile {profile} has {other}.",
        "oneroster.version は {value} ですが、プロファイル {profile} では {other} です。",
    ),
    "jp_column_missing": _rule(
        "The column {value} is missing; the profile {profile} requires it.",
        "列 {value} がありません。プロファイル {profile} では必須です。",
    ),
    "jp_value_missing": _rule(
        "This profile requires a value here.",
        "このプロファイルでは値が必須です。",
    ),
    "jp_session_type": _rule(
        "{value}: the Japanese profiles have academic sessions of type schoolYear alone.",
        "{value} ではなく schoolYear にします。日本のプロファイルでは年度だけを送ります。",
    ),
    "jp_session_title": _rule(
        "The title {value} should be the school year, like 2026年度.",
        "title が {value} です。2026年度 のように年度を書きます。",
    ),
    "jp_session_day": _rule(
        "{value}: a Japanese school year begins on April 1 and ends on March 31.",
        "{value} ではなく、年度の初めは 4 月 1 日、終わりは 3 月 31 日にします。",
    ),
    "jp_session_year": _rule(
        "schoolYear {value} is not the year in which this school year begins. Correct one of the "
        "two.",
        "schoolYear {value} が、年度の始まる年(startDate と title の年)と違います。どちらかを直して"
        "ください。",
    ),
    "jp_org_type": _rule(
        "{value}: the Japanese profiles have orgs of type district and school alone.",
        "{value} は使いません。教育委員会は district、学校は school にします。",
    ),
    "jp_district_parent": _rule(
        "A district has no parent; {value} is given. Leave it blank.",
        "district に親はありませんが、{value} が指定されています。空欄にしてください。",
    ),
    "jp_org_code": S(
        "{value} is not a code of the kind that this org has: 13 characters for a school (学校コー"
        "ド), 6 digits for a district.",
        "{value} は学校コード(13 桁)、教育委員会コード(6 桁)の形ではありません。",
    ),
    "jp_course_code": _rule(
        "courseCode is blank in the Japanese profiles; {value} is given.",
        "日本のプロファイルでは courseCode は空欄ですが、{value} が入っています。",
    ),
    "jp_course_title": _rule(
        "The title {value} should begin with the school year, like 2026年度.",
        "title が {value} です。2026年度 のように年度で始めます。",
    ),
    "jp_grade": _rule(
        "{value}: grades are P1 to P6, J1 to J3, H1 to H3 and E1 to E3.",
        "{value} は学年コードではありません。P1～P6、J1～J3、H1～H3、E1～E3 を使います。",
    ),
    "jp_subject_code": S(
        "{value}: the subject codes in use are P010 to P100 and J010 to J090.",
        "{value} は使われている教科コード(P010～P100、J010～J090)ではありません。",
    ),
    "jp_class_type": _rule(
        "{value}: classes are homeroom or scheduled.",
        "{value} は使いません。classType は homeroom か scheduled です。",
    ),
    "jp_user_disabled": S(
        "enabledUser is false: some receivers in Japan refuse such users.",
        "enabledUser が false です。受け付けないシステムがあります。",
    ),
    "jp_role": _rule(
        "{value}: roles are student, teacher, guardian, principal, proctor, districtAdministrator, "
        "siteAdministrator and systemAdministrator in the Japanese profiles.",
        "{value} は日本のプロファイルにない役割です。student、teacher、guardian、principal、"
        "proctor、districtAdministrator、siteAdministrator、systemAdministrator のどれかにします。",
    ),
    "jp_manager_primary": _rule(
        "{value} is a secondary role: the person is a teacher in the first place.",
        "{value} は secondary にします。primary は teacher です。",
    ),
    "jp_manager_alone": _rule(
        "The user {value} is {other} and has no primary role as a teacher. Add that role.",
        "ユーザー {value} は {other} ですが、primary の teacher の役割がありません。加えてください"
        "。",
    ),
    "jp_enrollment_role": _rule(
        "{value}: roles in a class are administrator, guardian, proctor, student and teacher.",
        "{value} は日本のプロファイルの enrollments にない役割です。administrator、"
        "guardian、proctor、student、teacher のどれかにします。",
    ),
    "jp_student_primary": _rule(
        "primary is {value} for a student; it is false for all of them.",
        "児童生徒の primary が {value} です。児童生徒は false にします。",
    ),
    "jp_sex": _rule(
        "{value}: sex is male, female, unspecified or other.",
        "{value} は使いません。male、female、unspecified、other のどれかです。",
    ),
    "jp_half_width": _rule(
        "{value} holds half-width katakana; write it in full width.",
        "{value} に半角カタカナがあります。全角にしてください。",
    ),
    "jp_kana": _rule(
        "{value}: a reading is written in full-width katakana.",
        "{value}: 読みは全角カタカナで書きます。",
    ),
    "jp_master_identifier": _rule(
        "userMasterIdentifier {value} is not a UUID of version 4. Correct it.",
        "userMasterIdentifier {value} が UUID v4 ではありません。直してください。",
    ),
    # Characters that say nothing to others
    "private_use": S(
        "The value holds a character of your own system (gaiji): {value}. It was kept, but others "
        "see nothing or something else; use a standard character.",
        "外字(私用領域の文字)があります: {value}。そのまま取り込みましたが、ほかのシステムでは表示"
        "されないか別の字になります。標準の字を使ってください。",
    ),
    "character_lost": S(
        "{value}: 〓, □, ? or the like often stands where a character was lost. It was kept; look "
        "the value up in the source.",
        "{value}: 〓・□・? などは、失われた文字の代わりのことがあります。そのまま取り込みましたが、"
        "元の名簿で確かめてください。",
    ),
    # Understood and taken
    "spaces_trimmed": S(
        "Spaces round the value were removed.",
        "値の前後の空白を取り除きました。",
        "There are spaces round the value. Remove them.",
        "値の前後に空白があります。取り除いてください。",
    ),
    "null_literal": S(
        "NULL was read as blank.",
        "NULL は空欄として読みました。",
    ),
    "boolean_case": S(
        "{value} was read as {taken}.",
        "{value} を {taken} として読みました。",
        "Write {taken}, not {value}.",
        "{value} は {taken} と書いてください。",
    ),
    "enumeration_case": S(
        "{value} was read as {taken}.",
        "{value} を {taken} として読みました。",
        "Write {taken}, not {value}.",
        "{value} は {taken} と書いてください。",
    ),
    "date_form": S(
        "{value} was read as {taken}.",
        "{value} を {taken} として読みました。",
        "Write {taken}, not {value}.",
        "{value} は {taken} と書いてください。",
    ),
    "datetime_form": S(
        "{value} was read as {taken}.",
        "{value} を {taken} として読みました。",
        "Write {taken}, not {value}.",
        "{value} は {taken} と書いてください。",
    ),
    "list_spaces": S(
        "Spaces round the commas of the list, or empty values in it, were removed.",
        "リストのコンマの前後の空白や空の値を取り除きました。",
        "Remove the spaces round the commas of the list, and empty values in it.",
        "リストのコンマの前後の空白や空の値を取り除いてください。",
    ),
    "bulk_status": S(
        "In a bulk file status should be blank; {value} was taken.",
        "bulk では status は空欄です。{value} として読みました。",
        "status is blank in a bulk file. Remove {value}.",
        "bulk では status は空欄です。{value} を取り除いてください。",
    ),
    "bulk_date": S(
        "In a bulk file dateLastModified should be blank; it was taken.",
        "bulk では dateLastModified は空欄です。値は読みました。",
        "dateLastModified is blank in a bulk file. Remove the value.",
        "bulk では dateLastModified は空欄です。値を取り除いてください。",
    ),
    "list_lengths_differ": S(
        "subjects and subjectCodes have different numbers of values.",
        "subjects と subjectCodes の個数が違います。",
        "subjects and subjectCodes have different numbers of values. Give each subject its code.",
        "subjects と subjectCodes の個数が違います。一つずつ対応させてください。",
    ),
    # Why an import ended
    "rows_in_error": S(
        "Errors found: {errors}. Nothing was applied.",
        "エラーが {errors} 件あるため、何も反映していません。",
    ),
    "files_in_error": S(
        "Errors found: {errors}, not of rows alone: rows can be left out, whole files cannot. "
        "Nothing was applied.",
        "エラーが {errors} 件あり、行だけのものではありません。ファイル全体の問題は除いて取り込む"
        "ことができないため、何も反映していません。",
    ),
    "rows_left_out": S(
        "Rows left out: {value}; the errors say why. The rest was taken.",
        "{value} 行を除いて取り込みました。理由はエラーの一覧にあります。",
    ),
    "guard_deleted": S(
        "{value} of {held} records of {entity} would be deleted ({percent}%). The import waits:"
        " look at the difference, then approve or reject it.",
        "{entity} の {held} 件のうち {value} 件({percent}%)が削除されます。取り込みを止めています。"
        "差分を確かめてから、承認または却下してください。",
    ),
    "guard_changed": S(
        "{value} of {held} records of {entity} would be changed ({percent}%). The import waits:"
        " look at the difference, then approve or reject it.",
        "{entity} の {held} 件のうち {value} 件({percent}%)が変更されます。取り込みを止めています。"
        "差分を確かめてから、承認または却下してください。",
    ),
    "guard_deleted_dry_run": S(
        "{value} of {held} records of {entity} would be deleted ({percent}%). Sent without"
        " dryRun, the import would wait for somebody to approve it.",
        "{entity} の {held} 件のうち {value} 件({percent}%)が削除されます。試行(dry run)で"
        "なければ、承認されるまで待機します。",
    ),
    "guard_changed_dry_run": S(
        "{value} of {held} records of {entity} would be changed ({percent}%). Sent without"
        " dryRun, the import would wait for somebody to approve it.",
        "{entity} の {held} 件のうち {value} 件({percent}%)が変更されます。試行(dry run)で"
        "なければ、承認されるまで待機します。",
    ),
    "year_rollover": S(
        "This looks like a new school year: {value} is new, and {moved} of {graded} people move up"
        " one grade.",
        "年次更新と思われます。{value}年度が新しく、{graded} 人のうち {moved} 人が一つ上の学年に"
        "なります。",
    ),
    "import_unknown": S(
        "There is no import {value}.",
        "取り込み {value} はありません。",
    ),
    "import_state": S(
        "Import {value} is in the state {state}; it would have to be {expected}.",
        "取り込み {value} の状態は {state} です。{expected} のときにだけできます。",
    ),
    "import_ended": S(
        "Import {value} has ended already ({state}). To take back what it applied, undo it.",
        "取り込み {value} はすでに終わっています({state})。"
        "反映した内容を元に戻すには、取り消し(undo)をしてください。",
    ),
    "cancelled": S(
        "The import was cancelled; nothing was applied.",
        "取り込みは中止されました。何も反映していません。",
    ),
    "undo_dry_run": S(
        "Import {value} was a dry run: it changed nothing, so there is nothing to take back.",
        "取り込み {value} は試行(dry run)で、何も変更していないため、取り消すものがありません。",
    ),
    "undo_queued": S(
        "Import {value} is being taken back already. Wait until that has ended.",
        "取り込み {value} はすでに取り消しの途中です。終わるまでお待ちください。",
    ),
    "undo_too_late": S(
        "What the import replaced is older than the history that is kept (HISTORY_DAYS), so it"
        " cannot be put back; nothing was changed.",
        "取り込みで置き換えられた内容は履歴の保存期間(HISTORY_DAYS)を過ぎているため、"
        "元に戻せません。何も変更していません。",
    ),
    "undo_name_taken": S(
        "{value} of {entity} would get back a {column} that belongs to {other} now; nothing was"
        " changed. Give {other} another one, or take back what gave it that, then undo again.",
        "{entity} の {value} に戻す {column} を、今は {other} が使っているため、何も変更して"
        "いません。{other} の {column} を変えるか、それを与えた取り込みを取り消してから、もう一度"
        "行ってください。",
    ),
    "import_superseded": S(
        "A later import of this source was applied meanwhile ({value}), so this older one is not."
        " If it waits, reject it; if its file is what should hold, send it again.",
        "その後に同じ送信元の取り込み({value})が反映されているため、これは反映しません。待機中なら"
        "却下してください。このファイルの内容が正しいときは、もう一度送ってください。",
    ),
    "disk_full": S(
        "The disk of the database is full; nothing was changed. Have the hub's operator make room,"
        " then do it again.",
        "データベースのディスクに空きがないため、何も変更していません。運用担当者に空きを"
        "増やしてもらってから、もう一度行ってください。",
    ),
    "worker_gave_up": S(
        "The import was started {value} times and did not finish; nothing was applied. Have the "
        "hub's operator look at the log, then send it again.",
        "取り込みを {value} 回始めましたが終わりませんでした。何も反映していません。運用担当者にロ"
        "グを見てもらってから、もう一度送ってください。",
    ),
    "internal_error": S(
        "Something went wrong inside; nothing was applied. The log says more under import {value}.",
        "内部エラーのため何も反映していません。ログの import {value} を見てください。",
    ),
}
