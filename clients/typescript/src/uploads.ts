// A file in parts: what has arrived of a broken part stays, and the rest follows it.
import { appendUpload, createUpload, getUpload } from "./generated/index.js";
import type { Client } from "./generated/client/index.js";

export interface UploadOptions {
  file: File;
  /** Bytes that have arrived, of all. */
  onProgress?: (arrived: number, all: number) => void;
  signal?: AbortSignal;
  client?: Client;
  partBytes?: number;
  /** How often in a row a part may fail before the error is thrown. */
  attempts?: number;
}

/** Returns the upload's id, for `upload_id` of a new dataset or version. */
export async function uploadFile(options: UploadOptions): Promise<string> {
  const { file, onProgress, partBytes = 8 * 2 ** 20, attempts = 4 } = options;
  const common = {
    ...(options.client && { client: options.client }),
    ...(options.signal && { signal: options.signal }),
    throwOnError: true as const,
  };
  const made = await createUpload({ ...common, body: { name: file.name, size_bytes: file.size } });
  const path = { upload_id: made.data.id };
  let offset = 0;
  let failures = 0;
  while (offset < file.size) {
    try {
      const body = file.slice(offset, offset + partBytes);
      const sent = await appendUpload({ ...common, path, headers: { "Upload-Offset": offset }, body });
      offset = sent.data.offset;
      failures = 0;
    } catch (error) {
      failures += 1;
      if (options.signal?.aborted || failures >= attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** failures));
      offset = (await getUpload({ ...common, path })).data.offset;
    }
    onProgress?.(offset, file.size);
  }
  return path.upload_id;
}
