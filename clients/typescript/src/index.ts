export * from "./generated/index.js";
export { client } from "./generated/client.gen.js";
export { createClient, createConfig } from "./generated/client/index.js";
export { nextPage, totalOf } from "./pages.js";
export { createSession, SignInRefused, type Session, type SessionOptions } from "./session.js";
export { uploadFile, type UploadOptions } from "./uploads.js";
export { watchDeployment, type DeploymentNews, type WatchOptions } from "./watch.js";
