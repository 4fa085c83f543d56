// The frontend's own settings, as far as they decide names and types.
import { defineConfig } from "@hey-api/openapi-ts";

const camel = (words: string): string =>
  words
    .toLowerCase()
    .replace(/[\s_-]+(.)?/g, (_match, letter?: string) => (letter ?? "").toUpperCase());

export default defineConfig({
  input: "./openapi.json",
  output: "./src",
  plugins: [
    "@hey-api/schemas",
    "@hey-api/client-fetch",
    "@hey-api/transformers",
    {
      name: "@hey-api/sdk",
      asClass: true,
      classNameBuilder: "{{name}}Service",
      methodNameBuilder: (operation) => camel(operation.summary ?? operation.id ?? "unnamed"),
    },
  ],
});
