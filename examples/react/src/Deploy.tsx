import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { DeploymentCreate } from "mlops-client";
import { createDeploymentMutation, listModelVersionsOptions } from "mlops-client/react-query";
import { Trouble } from "./errors";

export function Deploy({ onDeployed }: { onDeployed: (id: string) => void }) {
  const cache = useQueryClient();
  const versions = useQuery(listModelVersionsOptions({ query: { limit: 100 } }));
  const deploying = useMutation({
    ...createDeploymentMutation(),
    onSuccess: (made) => {
      onDeployed(made.id);
      return cache.invalidateQueries({ queryKey: ["deployments"] });
    },
  });
  const deploy = (form: FormData): void => {
    const environment = form.get("environment") as DeploymentCreate["environment"];
    const body = { model_id: String(form.get("version")), environment };
    // A key: pressed twice, or sent again after a broken line, it deploys once.
    deploying.mutate({ body, headers: { "Idempotency-Key": crypto.randomUUID() } });
  };
  return (
    <form action={deploy}>
      <label>
        Version{" "}
        <select name="version" id="version">
          {versions.data?.map((one) => (
            <option key={one.id}>{`${one.model_name}:${one.version}`}</option>
          ))}
        </select>
      </label>
      <label>
        Environment{" "}
        <select name="environment" id="environment">
          <option>development</option>
          <option>staging</option>
          <option>production</option>
        </select>
      </label>
      <button id="deploy" disabled={deploying.isPending}>
        Deploy
      </button>
      <Trouble error={versions.error ?? deploying.error} />
    </form>
  );
}
