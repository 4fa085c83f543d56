import { useQuery } from "@tanstack/react-query";
import { getDatasetStatisticsOptions, getDatasetsOptions } from "mlops-client/react-query";
import { useState } from "react";
import { Bars } from "./Bars";
import { Trouble } from "./errors";
import { Upload } from "./Upload";

export function Datasets() {
  const [name, setName] = useState<string>();
  const list = useQuery({
    ...getDatasetsOptions({ query: { limit: 100 } }),
    // A file is read in the background; look again until all are.
    refetchInterval: ({ state }) => (state.data?.some((one) => one.state === "processing") ? 1_000 : false),
  });
  const chosen = list.data?.find((one) => one.name === name) ?? list.data?.[0];
  return (
    <section>
      <h2>Datasets</h2>
      <Upload onMade={setName} />
      <Trouble error={list.error} />
      <select id="dataset" value={chosen?.name} onChange={(event) => setName(event.target.value)}>
        {list.data?.map((one) => (
          <option key={one.id}>{one.name}</option>
        ))}
      </select>
      {chosen?.state === "ready" ? (
        <Columns key={chosen.name} dataset={chosen.name} />
      ) : (
        chosen && <p>{`${chosen.name} is ${chosen.state}. ${chosen.state_reason ?? ""}`}</p>
      )}
    </section>
  );
}

function Columns({ dataset }: { dataset: string }) {
  const found = useQuery(getDatasetStatisticsOptions({ path: { dataset_id: dataset } }));
  const drawn = found.data?.columns.filter((column) => column.histogram) ?? [];
  const [name, setName] = useState<string>();
  const column = drawn.find((one) => one.name === name) ?? drawn[0];
  return (
    <>
      <Trouble error={found.error} />
      <p>{found.data && `${found.data.row_count.toLocaleString("en")} rows`}</p>
      <select id="column" value={column?.name} onChange={(event) => setName(event.target.value)}>
        {drawn.map((one) => (
          <option key={one.name}>{one.name}</option>
        ))}
      </select>
      {column?.histogram && <Bars title={column.name} {...column.histogram} />}
    </>
  );
}
