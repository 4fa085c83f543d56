"""A chunk is bytes: what calls it anything else is refused, not dropped."""

import pytest

UPLOADS = "/api/v1/features/uploads"
CHUNK = "application/offset+octet-stream"


@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
def test_chunk_of_another_media_type_is_415_and_not_dropped(api, data_dir, media_type):
    client = api("data scientist")
    body = {"name": "rows.json", "size_bytes": 2}
    address = client.post(UPLOADS, body, format="json")["Location"]
    sent = {"data": b"[]", "HTTP_UPLOAD_OFFSET": "0"}

    refused = client.patch(address, content_type=media_type, **sent)
    written = client.patch(address, content_type=CHUNK, **sent)

    assert (refused.status_code, written.status_code) == (415, 200)
    assert written["Upload-Offset"] == "2"


def test_announcing_an_upload_takes_json_alone(api, data_dir):
    answer = api("data scientist").post(UPLOADS, b"[]", content_type=CHUNK)

    assert answer.status_code == 415
