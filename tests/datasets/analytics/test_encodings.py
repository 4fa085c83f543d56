"""Text in other encodings than UTF-8: found by what it says, or asked for."""

import gettext
import re
from pathlib import Path

import django
import pytest

from datasets.analytics.errors import IngestRefused
from tests.datasets.analytics.reading import read

KOREAN = "이름,도시\n김철수,서울특별시\n이영희,부산\n박민수,대구\n"
TEXTS = {
    "cp949": KOREAN,
    "cp932": "名前,都市\n田中太郎,東京都\n鈴木花子,大阪府\n",
    "gb18030": "姓名,城市\n张伟,北京市\n王芳,上海市\n",
    "cp950": "姓名,城市\n陳大文,台北市\n林小明,高雄市\n",
    "cp1251": "город,имя\nМосква,Иванов\nСанкт-Петербург,Петрова\n",
    "koi8_u": "город,имя\nМосква,Иванов\nСанкт-Петербург,Петрова\n",
    "cp1252": "Wort,Preis\nBrötchen – süß,5 €\n",
    "cp1250": "miasto,x\nŁódź,1\nPoznań,2\nGdańsk,3\n",
    "cp1253": "πόλη,x\nΑθήνα,1\nΘεσσαλονίκη,2\n",
    "cp1254": "şehir,x\nİstanbul,1\nDiyarbakır,2\nEskişehir,3\nMuğla,4\nGümüşhane,5\n",
    "iso2022_jp_2": "名前,都市\n田中太郎,東京都\n",
    "iso2022_kr": KOREAN,
    "utf-16-le": KOREAN,
    "utf-16-be": KOREAN,
    "utf-32-le": KOREAN,
    "utf-32-be": KOREAN,
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_an_encoding_is_found_by_what_the_text_says(tmp_path, encoding):
    text = TEXTS[encoding]

    table = read(tmp_path, text.encode(encoding))

    header, *lines = text.splitlines()
    assert [list(table.types), *map(list, table.rows)] == [
        line.split(",") for line in (header, *lines)
    ]
    (file,) = table.report["files"]
    assert (file["encoding"], table.report["rejected"]["count"]) == (encoding, 0)
    assert 0.99 <= file["confidence"] <= 1


def test_the_signs_of_windows_are_no_control_characters(tmp_path):
    table = read(tmp_path, "a;b\nBrötchen – „süß“;5 €\n".encode("cp1252"))

    assert table.rows == [("Brötchen – „süß“", "5 €")]


@pytest.mark.parametrize("encoding", ["cp949", "cp932", "utf-8", "utf-16"])
def test_one_broken_byte_is_one_rejected_line(tmp_path, encoding):
    text = TEXTS["cp932"] if encoding == "cp932" else KOREAN
    broken = b"\x00\xd8,\x00x\x00\n\x00" if encoding == "utf-16" else b"\xb0,x\n"
    if encoding == "cp932":
        broken = b"\x85\x3a,x\n"

    table = read(tmp_path, (text * 5).encode(encoding) + broken)

    (rejected,) = table.report["rejected"]["rows"]
    assert rejected["line"] == text.count("\n") * 5 + 1
    assert rejected["reason"].lower() == f"bytes that are not {encoding}"
    assert len(table.rows) == text.count("\n") * 5 - 1


def test_lines_of_utf8_in_a_file_of_another_encoding_are_rejected(tmp_path):
    body = (KOREAN * 30).encode("cp949") + "박지성,인천\n".encode()

    table = read(tmp_path, body)

    (rejected,) = table.report["rejected"]["rows"]
    assert (rejected["line"], rejected["reason"]) == (121, "bytes that are not cp949")
    assert table.rows[-1] == ("박민수", "대구")


def test_a_file_joined_of_two_encodings_is_refused_with_both(tmp_path):
    korean = [
        f"김{a}수,부산{a}\n" for a in "가나다라마바사아자차카타파하고노도로모보소오"
    ]
    japanese = [
        f"田{a}太郎,東京{a}\n" for a in "あいうえおかきくけこさしすせそたちつてと"
    ]
    body = "".join(korean * 2).encode("cp949") + "".join(japanese).encode("cp932")

    with pytest.raises(IngestRefused, match=r"in cp949 and in cp932 \(around") as told:
        read(tmp_path, body)

    assert told.value.code == "encoding_unclear"


def test_what_is_half_in_another_encoding_is_never_taken_for_either(tmp_path):
    body = KOREAN.encode("cp949") * 10 + KOREAN.encode() * 10

    with pytest.raises(IngestRefused, match="cannot be read"):
        read(tmp_path, body)
    with pytest.raises(IngestRefused, match="bytes that are not cp949"):
        read(tmp_path, body, encoding="cp949")


def test_where_the_text_does_not_show_it_a_person_is_asked(tmp_path):
    body = "město;x\nPříbram;1\n".encode("cp1250")

    with pytest.raises(IngestRefused, match="option encoding") as told:
        read(tmp_path, body)
    table = read(tmp_path, body, encoding="windows-1250")

    assert set(told.value.extra["encodings"][:2]) == {"cp1250", "cp1252"}
    assert (list(table.types), table.rows) == (["město", "x"], [("Příbram", "1")])
    assert table.report["files"][0]["encoding_by"] == "option"


@pytest.mark.parametrize(
    ("name", "encoding", "cell"),
    [
        ("euc-kr", "cp949", "뷁"),
        ("shift-jis", "cp932", "①"),
        ("gb2312", "gb18030", "镕"),
        ("latin-1", "cp1252", "5 €"),
    ],
)
def test_a_narrow_name_means_what_files_of_that_name_hold(
    tmp_path, name, encoding, cell
):
    table = read(tmp_path, f"a,b\n{cell},1\n".encode(encoding), encoding=name)

    assert table.rows == [(cell, "1")]
    assert table.report["dialect"]["encoding"] == [encoding]


def test_seven_bits_are_decoded_as_they_were_asked_for(tmp_path):
    body = TEXTS["cp932"].encode("iso2022_jp")

    table = read(tmp_path, body, encoding="iso-2022-jp")

    assert table.rows[0] == ("田中太郎", "東京都")


def test_colours_of_a_terminal_are_no_encoding(tmp_path):
    table = read(tmp_path, "a,b\n\x1b[31mx,1\n")

    assert table.rows == [("\x1b[31mx", "1")]


def test_lines_of_utf8_are_found_where_all_are_such_and_another_was_asked(tmp_path):
    body = "a,b\n" + "Zoë,1\n" * 2_000

    with pytest.raises(IngestRefused, match="bytes that are not cp1252"):
        read(tmp_path, body, encoding="latin-1")


def test_a_mark_that_contradicts_the_option_is_refused(tmp_path):
    with pytest.raises(IngestRefused, match="begins with the mark of utf-8"):
        read(tmp_path, KOREAN.encode("utf-8-sig"), encoding="cp949")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("written", ["utf-8", "utf-16-le", "utf-32-be"])
def test_an_encoding_with_a_mark_is_refused_for_a_file_without(
    tmp_path, encoding, written
):
    for name, text in (("a.csv", KOREAN), ("a.jsonl", '{"a": "\ud55c"}')):
        with pytest.raises(IngestRefused, match=f"mark of {encoding}"):
            read(tmp_path, text.encode(written), name=name, encoding=encoding)


@pytest.mark.parametrize("name", ["base64", "punycode", "unicode_escape", "x-y"])
def test_a_codec_that_is_none_of_text_is_not_known(tmp_path, name):
    with pytest.raises(IngestRefused, match="not known"):
        read(tmp_path, KOREAN, encoding=name)


def test_a_zero_byte_is_one_rejected_line(tmp_path):
    table = read(tmp_path, "a,b\n" + "1,x\n" * 50 + "2,y\0z\n")

    assert (len(table.rows), table.report["rejected"]["rows"][0]["line"]) == (50, 52)


def _words(language):
    place = Path(django.__file__).parent / f"contrib/admin/locale/{language}"
    with (place / "LC_MESSAGES/django.mo").open("rb") as file:
        texts = gettext.GNUTranslations(file)._catalog.values()
    words = {word for text in texts for word in re.findall(r"[^\W\d_]+", str(text))}
    return sorted(word for word in words if not word.isascii())


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        ("ko", "cp949"),
        ("ja", "cp932"),
        ("ja", "euc_jp"),
        ("zh_Hans", "gb18030"),
        ("zh_Hant", "cp950"),
        ("de", "cp1252"),
        ("fr", "cp1252"),
        ("pl", "cp1250"),
        ("ru", "cp1251"),
        ("ru", "cp866"),
        ("el", "cp1253"),
        ("tr", "cp1254"),
        ("th", "cp874"),
    ],
)
def test_a_dozen_words_are_read_right(tmp_path, language, encoding):
    words = _words(language)[::7][:12]

    table = read(tmp_path, "".join(f"{word},1\n" for word in words).encode(encoding))

    assert table.column() == words


@pytest.mark.parametrize("cell", ["5 €", "“quoted”", "3 – 4"])
def test_signs_of_windows_alone_are_read_as_windows_1252(tmp_path, cell):
    table = read(tmp_path, f"said\n{cell}\n".encode("cp1252"))

    assert table.rows == [(cell,)]
