import { useMutation, useQueryClient } from "@tanstack/react-query";
import { createDataset, uploadFile } from "mlops-client";
import { getDatasetsQueryKey } from "mlops-client/react-query";
import { useState } from "react";
import { Trouble } from "./errors";

export function Upload({ onMade }: { onMade: (name: string) => void }) {
  const cache = useQueryClient();
  const [share, setShare] = useState<number>();
  const uploading = useMutation({
    mutationFn: async (form: FormData) => {
      const file = form.get("file") as File;
      const upload = await uploadFile({ file, onProgress: (arrived, all) => setShare(arrived / all) });
      const name = String(form.get("name"));
      const { data } = await createDataset({ body: { name, upload_id: [upload] }, throwOnError: true });
      return data;
    },
    onSuccess: async (made) => {
      await cache.invalidateQueries({ queryKey: getDatasetsQueryKey() });
      onMade(made.name);
    },
    onSettled: () => setShare(undefined),
  });
  return (
    <form action={(form) => uploading.mutate(form)}>
      <label>
        Name <input name="name" id="name" required />
      </label>
      <label>
        File <input name="file" id="file" type="file" required />
      </label>
      <button id="upload" disabled={uploading.isPending}>
        Upload
      </button>
      {share !== undefined && <progress value={share} />}
      <Trouble error={uploading.error} />
    </form>
  );
}
