import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { watchDeployment } from "mlops-client";
import { getDeploymentOptions, getDeploymentQueryKey, rollbackDeploymentMutation } from "mlops-client/react-query";
import { useEffect, useState } from "react";
import { sentenceOf, Trouble } from "./errors";

/** One deployment as it moves: each event of the stream goes into the query's cache. */
export function Deployment({ id, onRestored }: { id: string; onRestored: (id: string) => void }) {
  const path = { deployment_id: id };
  const cache = useQueryClient();
  const found = useQuery(getDeploymentOptions({ path }));
  const { events, trouble } = useNews(id);
  const restoring = useMutation({
    ...rollbackDeploymentMutation(),
    onSuccess: (restored) => {
      onRestored(restored.id);
      return cache.invalidateQueries({ queryKey: ["deployments"] });
    },
  });
  const one = found.data;
  return (
    <section id="deployment">
      <h2>{one ? `${one.model_name} ${one.model_version} in ${one.environment}` : "…"}</h2>
      <p>
        Status <strong id="status">{one?.status}</strong>, ready instances {one?.ready_instances ?? 0}
      </p>
      <ol id="events">
        {events.map((line, number) => (
          <li key={number}>{line}</li>
        ))}
      </ol>
      <form action={(form) => restoring.mutate({ path, body: { reason: String(form.get("reason")) } })}>
        <label>
          Reason <input name="reason" id="reason" required />
        </label>
        <button id="roll-back">Roll back</button>
      </form>
      <Trouble error={found.error ?? restoring.error ?? trouble} />
    </section>
  );
}

function useNews(id: string) {
  const cache = useQueryClient();
  const [events, setEvents] = useState<string[]>([]);
  const [trouble, setTrouble] = useState<string>();
  useEffect(() => {
    const stop = new AbortController();
    const key = getDeploymentQueryKey({ path: { deployment_id: id } });
    setEvents([]);
    void watchDeployment({
      id,
      signal: stop.signal,
      onNews: (news) => {
        setTrouble(undefined);
        if (news.event === "deployment") cache.setQueryData(key, news.data);
        if (news.event === "event") {
          const { from_status, to_status, message } = news.data;
          setEvents((all) => [...all, `${from_status ?? "new"} → ${to_status} ${message ?? ""}`]);
          void cache.invalidateQueries({ queryKey: ["deployments"] });
        }
      },
      onTrouble: (error) => setTrouble(`The stream broke off and is tried again: ${sentenceOf(error)}`),
    });
    return () => stop.abort();
  }, [id, cache]);
  return { events, trouble };
}
