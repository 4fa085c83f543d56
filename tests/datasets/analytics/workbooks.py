"""Workbooks as the programs of the world write them: their XML, cell by cell."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def number(value, style=0):
    return f'<c s="{style}"><v>{value}</v></c>'


def text(value):
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def error(code):
    return f'<c t="e"><v>{code}</v></c>'


def truth(value):
    return f'<c t="b"><v>{int(value)}</v></c>'


def formula(source, cached=None, kind="n"):
    value = "" if cached is None else f"<v>{escape(str(cached))}</v>"
    return f'<c t="{kind}"><f>{escape(source)}</f>{value}</c>'


NOTHING = "<c/>"


def cells(*values):
    """Return XML of a row: of texts and numbers, or of cells as they are."""
    found = []
    for value in values:
        if isinstance(value, str) and not value.startswith("<c"):
            found.append(text(value))
        else:
            found.append(value if isinstance(value, str) else number(value))
    return "".join(found)


def sheet(*rows, before="", after=""):
    """Return XML of a sheet; a row is what `cells` gives, or an element itself."""
    body = "".join(
        row if row.startswith("<row") else f"<row>{row}</row>" for row in rows
    )
    return (
        f'<worksheet xmlns="{MAIN}">{before}<sheetData>{body}</sheetData>{after}'
        "</worksheet>"
    )


def workbook(
    sheets: Mapping[str, str],
    *,
    formats: Sequence[str | int] = (),
    hidden: Sequence[str] = (),
    since_1904: bool = False,
    shared: Sequence[str] = (),
) -> bytes:
    """Return a file of named sheets. Style n + 1 of a cell is the n-th format."""
    codes = [f for f in formats if isinstance(f, str)]
    custom = "".join(
        f'<numFmt numFmtId="{164 + i}" formatCode={quoteattr(code)}/>'
        for i, code in enumerate(codes)
    )
    used = [f if isinstance(f, int) else 164 + codes.index(f) for f in formats]
    styles = "".join(f'<xf numFmtId="{i}"/>' for i in (0, *used))
    names = list(sheets)
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{i}" r:id="r{i}"'
        f"{' state=' + quoteattr('hidden') if name in hidden else ''}/>"
        for i, name in enumerate(names, start=1)
    )
    strings = "".join(f"<si><t>{escape(one)}</t></si>" for one in shared)
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">'
        f'<workbookPr date1904="{int(since_1904)}"/><sheets>{listed}</sheets></workbook>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{custom}</numFmts>'
        f"<cellXfs>{styles}</cellXfs></styleSheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
        **{f"xl/worksheets/sheet{i}.xml": sheets[n] for i, n in enumerate(names, 1)},
    }
    return zipped({**_package(len(names)), **parts})


def _package(sheets):
    types = {"styles": "styles", "sharedStrings": "sharedStrings"}
    overrides = [("/xl/workbook.xml", "sheet.main")]
    overrides += [(f"/xl/{name}.xml", kind) for name, kind in types.items()]
    overrides += [
        (f"/xl/worksheets/sheet{i}.xml", "worksheet") for i in range(1, sheets + 1)
    ]
    listed = "".join(
        f'<Override PartName="{part}" ContentType="{_TYPE}.{kind}+xml"/>'
        for part, kind in overrides
    )
    links = "".join(
        f'<Relationship Id="r{i}" Type="{RELATIONS}/worksheet"'
        f' Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, sheets + 1)
    )
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        f'<Default Extension="xml" ContentType="application/xml"/>{listed}</Types>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f"{links}</Relationships>",
    }


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """Return a ZIP archive of files by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def simple(*rows, **options) -> bytes:
    """Return a workbook of one sheet."""
    return workbook({"Sheet1": sheet(*rows)}, **options)
