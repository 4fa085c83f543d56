"""The client as others install it: packed, imported by Node, compiled against."""

import json

import pytest
from django.conf import settings

import mlops
from tests.client.checkout import CLIENT, built_client, npm_missing, run

ASK = """
import {
  client, createSession, listDeployments, nextPage, totalOf,
} from "mlops-client";
const link = '</x?limit=5&page=1>; rel="first", </x?limit=5&page=3>; rel="next"';
const asked = [];
client.setConfig({
  baseUrl: "https://mlops.example.org",
  auth: () => "mlops_token",
  fetch: async (request) => {
    asked.push(request.url, request.headers.get("Authorization"));
    return Response.json([], { headers: { Link: link, "X-Total-Count": "12" } });
  },
});
const { data, response } = await listDeployments({ query: { limit: 5, page: 2 } });
const end = new Response(null, { headers: { Link: '</x?page=1>; rel="first"' } });
console.log(JSON.stringify([
  ...asked, data, nextPage(response), totalOf(response), nextPage(end) ?? "end",
  typeof createSession,
]));
"""
USE = """
import { getDeployment, type DeploymentNews, type ErrorResponse } from "mlops-client";
const { data, error } = await getDeployment({ path: { deployment_id: "x" } });
export const active: "active" | undefined =
  data?.status === "active" ? data.status : undefined;
export const code: ErrorResponse["code"] | undefined = error?.code;
export function lineOf(news: DeploymentNews): string {
  switch (news.event) {
    case "deployment": return news.data.model_name;
    case "event": return news.data.to_status;
    case "log": case "end": return news.data;
  }
}
// @ts-expect-error: no such status
export const wrong: NonNullable<typeof data>["status"] = "running";
"""


def test_version_is_the_servers():
    described = json.loads((settings.BASE_DIR / CLIENT / "package.json").read_text())

    assert described["version"] == mlops.__version__


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """What `npm pack` tells of the package, and a folder in which it is installed."""
    if lacking := npm_missing():
        pytest.skip(lacking)
    client = built_client(tmp_path_factory.mktemp("checkout"))
    (told,) = json.loads(run(client, "npm", "pack", "--json"))
    user = tmp_path_factory.mktemp("user")
    (user / "package.json").write_text('{"type": "module", "private": true}')
    tools = ("typescript@5.9.3", "@types/node@20")
    file = str(client / told["filename"])
    run(user, "npm", "install", "--no-audit", "--no-fund", file, *tools)
    return told, user


@pytest.mark.slow
def test_package_has_modules_and_types_and_no_sources(packed):
    files = {one["path"] for one in packed[0]["files"]}

    assert {"README.md", "LICENSE", "dist/index.js", "dist/index.d.ts"} <= files
    assert "dist/generated/@tanstack/react-query.gen.js" in files
    assert {name for name in files if not name.startswith("dist/")} == {
        "README.md",
        "LICENSE",
        "package.json",
    }


@pytest.mark.slow
def test_node_imports_it_without_a_bundler(packed):
    (packed[1] / "ask.js").write_text(ASK)

    answer = json.loads(run(packed[1], "node", "ask.js"))

    url = "https://mlops.example.org/api/v1/ml/lifecycle/deployments?limit=5&page=2"
    assert answer == [url, "Bearer mlops_token", [], 3, 12, "end", "function"]


@pytest.mark.slow
def test_types_hold_strictly_for_who_uses_it(packed):
    (packed[1] / "use.ts").write_text(USE)
    options = ["--strict", "--noEmit", "--noUncheckedIndexedAccess"]
    kind = ["--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"]

    run(packed[1], "npx", "tsc", *options, *kind, "use.ts")
