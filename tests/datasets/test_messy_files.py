"""Files as people have them, from the upload to the rows, by API and admin."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from datasets.models import Dataset, StorageConnection
from tests.datasets.analytics.s3_server import s3_endpoint
from tests.datasets.analytics.test_archives import parquet
from tests.datasets.analytics.workbooks import cells, number, sheet, workbook, zipped
from tests.datasets.conftest import DATASETS, files_below

pytestmark = pytest.mark.django_db
PREVIEW = "/api/v1/features/uploads/preview"
CZECH = "město;x\nPříbram;1\n".encode("cp1250")
BOOK = workbook(
    {
        "Prices": sheet(
            cells("code", "day", "price"),
            number(5930, 1) + number(45296, 2) + number(71000.5),
            number(660, 1) + number(45297, 2) + number(131500),
        ),
        "Shops": sheet(cells("shop"), cells("서울"), cells("부산")),
    },
    formats=["000000", "yyyy-mm-dd"],
)


@pytest.fixture
def scientist(api, data_dir, settings):
    settings.KEEP_UPLOADS = "current"
    return api("data scientist")


def send(client, address, body, file_name="a.csv", **fields):
    file = SimpleUploadedFile(file_name, body)
    return client.post(address, {"file": file, **fields}, format="multipart")


def rows_of(client, name="table"):
    return client.get(f"{DATASETS}/{name}/rows").json()["rows"]


def report_of(client, number=1):
    return client.get(f"{DATASETS}/table/versions/{number}").json()["report"]


def test_text_of_windows_is_read_right_and_reported(scientist):
    body = "Wort;Preis\nBrötchen \u2013 „süß“;5 €\n".encode("cp1252")

    answer = send(scientist, DATASETS, body, name="table")

    assert answer.status_code == 201, answer.json()
    assert rows_of(scientist) == [{"Wort": "Brötchen \u2013 „süß“", "Preis": "5 €"}]
    (file,) = report_of(scientist)["files"]
    assert (file["encoding"], file["confidence"] > 0.99) == ("cp1252", True)


def test_an_encoding_in_doubt_is_asked_for_and_decided(scientist):
    unclear = send(scientist, DATASETS, CZECH, name="table")
    looked = send(scientist, PREVIEW, CZECH, options='{"encoding": "cp1250"}')
    decided = send(
        scientist, DATASETS, CZECH, name="table", options='{"encoding": "cp1250"}'
    )
    again = scientist.post(
        f"{DATASETS}/table/versions/1/retry",
        {"options": {"encoding": "iso-8859-2"}},
        format="json",
    )

    assert (unclear.status_code, unclear.json()["code"]) == (422, "encoding_unclear")
    assert all(w in unclear.json()["detail"] for w in ("'město'", "'mìsto'"))
    assert looked.json()["sample_data"] == [{"město": "Příbram", "x": 1}]
    assert looked.json()["report"]["files"][0]["encoding_by"] == "option"
    assert (decided.status_code, again.status_code) == (201, 200)
    assert again.json()["version"] == 1, "the same rows are the same version"


def test_a_workbook_becomes_a_dataset_and_says_what_it_shows(scientist):
    answer = send(scientist, DATASETS, BOOK, "a.xlsx", name="table")

    assert answer.status_code == 201, answer.json()
    assert answer.json()["source_format"] == "xlsx"
    assert rows_of(scientist)[0] == {
        "code": 5930,
        "day": "2024-01-05",
        "price": 71000.5,
    }
    report = report_of(scientist)
    assert report["files"][0]["workbook"]["sheet"] == "Prices"
    assert "'Shops' hold data too" in report["notes"][0]
    assert "shows leading zeros" in report["notes"][1]


def test_a_sheet_is_chosen_at_upload_preview_retry_and_in_the_admin(
    scientist, client, person
):
    shops = json.dumps({"sheet": "Shops"})
    looked = send(scientist, PREVIEW, BOOK, "a.xlsx", options=shops)
    send(scientist, DATASETS, BOOK, "a.xlsx", name="table")
    again = scientist.post(
        f"{DATASETS}/table/versions/1/retry",
        {"options": {"sheet": "Shops"}},
        format="json",
    )
    user = person("admin")
    user.is_staff = user.is_superuser = True
    user.save()
    client.force_login(user)
    client.post(
        reverse("admin:datasets_dataset_add"),
        {
            "name": "by hand",
            "file": SimpleUploadedFile("a.xlsx", BOOK),
            "options": shops,
        },
    )

    wanted = [{"shop": "서울"}, {"shop": "부산"}]
    assert looked.json()["sample_data"] == wanted
    assert (again.status_code, again.json()["version"]) == (201, 2)
    assert rows_of(scientist) == wanted
    assert Dataset.objects.get(name="by hand").schema == {"shop": "VARCHAR"}


def test_an_archive_of_folders_becomes_one_dataset(scientist):
    body = zipped(
        {
            "year=2023/a.csv": "v\n1\n",
            "year=2024/b.csv": "v\n2.5\n",
            "year=2024/c.csv": "w\nx\n",
        }
    )

    refused = send(scientist, DATASETS, body, "a.zip", name="table")
    looked = send(scientist, PREVIEW, body, "a.zip", options='{"union_by_name": true}')
    made = send(
        scientist,
        DATASETS,
        body,
        "a.zip",
        name="table",
        options='{"union_by_name": true}',
    )

    assert "'year=2024/c.csv' has other columns" in refused.json()["detail"]
    assert made.json()["schema"] == {"v": "DOUBLE", "w": "VARCHAR", "year": "BIGINT"}
    assert looked.json()["sample_data"] == rows_of(scientist)
    assert rows_of(scientist)[2] == {"v": None, "w": "x", "year": 2024}
    assert len(report_of(scientist)["files"]) == 3


def test_what_is_wrong_in_an_archive_is_the_answer_and_leaves_nothing(
    scientist, data_dir
):
    answer = send(scientist, DATASETS, zipped({"../a.csv": "a\n1\n"}), name="table")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_file")
    assert "leads out of it" in answer.json()["detail"]
    assert files_below(data_dir / "datasets") == []


@pytest.fixture
def shared(tmp_path_factory, settings):
    place = tmp_path_factory.mktemp("shared")
    for year, value in ((2023, 1), (2024, 2)):
        folder = place / "sales" / f"year={year}"
        folder.mkdir(parents=True)
        (folder / "p.parquet").write_bytes(parquet(v=[value]))
    (place / "sales" / "_SUCCESS").touch()
    settings.STORAGE_FOLDERS = [str(place)]
    StorageConnection.objects.create(name="shared", kind="folder", folder=str(place))
    return place


def ask(client, path, connection="shared"):
    body = {"name": "table", "connection": connection, "path": path}
    return client.post(DATASETS, body)


def test_a_folder_of_a_connection_becomes_one_dataset(scientist, shared):
    answer = ask(scientist, "sales")

    assert answer.status_code == 201, answer.json()
    assert rows_of(scientist) == [{"v": 1, "year": 2023}, {"v": 2, "year": 2024}]
    names = [file["file"] for file in report_of(scientist)["files"]]
    assert names == ["year=2023/p.parquet", "year=2024/p.parquet"]


def test_the_same_bytes_in_other_folders_are_another_version(scientist, shared):
    ask(scientist, "sales")
    (shared / "sales" / "year=2024").rename(shared / "sales" / "year=2025")

    answer = scientist.post(
        f"{DATASETS}/table/versions", {"connection": "shared", "path": "sales"}
    )

    assert (answer.status_code, answer.json()["version"]) == (201, 2)
    assert rows_of(scientist)[1] == {"v": 2, "year": 2025}


@pytest.mark.parametrize("where", ["sales", "sales/year=2024"])
def test_a_link_in_a_folder_is_refused_and_nothing_is_left(
    scientist, shared, data_dir, where
):
    (shared.parent / "secret.csv").write_text("password\nx\n")
    (shared / where / "link.csv").symlink_to(shared.parent / "secret.csv")

    answer = ask(scientist, "sales")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_file")
    assert "link.csv' is a link" in answer.json()["detail"]
    assert files_below(data_dir / "datasets") == []


def test_the_objects_below_a_prefix_of_a_bucket_become_one_dataset(
    scientist, monkeypatch
):
    boto3 = pytest.importorskip("boto3")
    monkeypatch.setenv("BUCKET_KEY", "testing")
    with s3_endpoint() as address:
        store = boto3.client(
            "s3",
            endpoint_url=address,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
        )
        store.create_bucket(Bucket="lake")
        for year in (2023, 2024):
            key = f"raw/sales/year={year}/p.parquet"
            store.put_object(Bucket="lake", Key=key, Body=parquet(v=[year - 2000]))
        StorageConnection.objects.create(
            name="lake",
            kind="s3",
            endpoint=address,
            bucket="lake",
            prefix="raw",
            region="us-east-1",
            access_key="testing",
            secret_variable="BUCKET_KEY",
        )
        answer = ask(scientist, "sales", "lake")
        missing = scientist.post(
            DATASETS, {"name": "no", "connection": "lake", "path": "nothing"}
        )

    assert answer.status_code == 201, answer.json()
    assert rows_of(scientist) == [{"v": 23, "year": 2023}, {"v": 24, "year": 2024}]
    assert (missing.status_code, missing.json()["code"]) == (404, "object_not_found")


EXCEL = {
    "German": ("sep=;\r\nTag;Preis;Menge\r\n31.01.2024;1.234,50;7\r\n", "cp1252"),
    "English": ('day,price,n\r\n2024-01-31,"1,234.50",7\r\n', "utf-8-sig"),
    "Korean": ('날짜,가격,수량\r\n2024-01-31,"1,234.50",7\r\n', "cp949"),
    "Unicode text": ("날짜\t가격\t수량\r\n2024-01-31\t1234.5\t7\r\n", "utf-16"),
}


@pytest.mark.parametrize("of", EXCEL)
def test_files_as_excel_exports_them_are_read_right(scientist, of):
    text, encoding = EXCEL[of]

    answer = send(scientist, DATASETS, text.encode(encoding), name="table")

    assert list(answer.json()["schema"].values()) == ["DATE", "DOUBLE", "BIGINT"]
    assert list(rows_of(scientist)[0].values()) == ["2024-01-31", 1234.5, 7]
