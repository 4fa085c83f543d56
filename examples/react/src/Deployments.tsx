import { useInfiniteQuery } from "@tanstack/react-query";
import { listDeployments, nextPage, totalOf } from "mlops-client";
import { useEffect, useRef } from "react";
import { Trouble } from "./errors";

const LIMIT = Number(import.meta.env.VITE_PAGE ?? 10);

/** All deployments, a page at a time: `Link` says whether there is another. */
export function Deployments({ onChoose }: { onChoose: (id: string) => void }) {
  const list = useInfiniteQuery({
    queryKey: ["deployments"],
    initialPageParam: 1,
    queryFn: async ({ pageParam, signal }) => {
      const { data, response } = await listDeployments({
        query: { page: pageParam, limit: LIMIT },
        signal,
        throwOnError: true,
      });
      return { rows: data, next: nextPage(response), total: totalOf(response) };
    },
    getNextPageParam: (last) => last.next,
  });
  const end = useWhenSeen(() => {
    if (list.hasNextPage && !list.isFetching) void list.fetchNextPage();
  });
  const rows = list.data?.pages.flatMap((page) => page.rows) ?? [];
  return (
    <section>
      <h2>
        Deployments <small id="shown">{`${rows.length} of ${list.data?.pages[0]?.total ?? "…"}`}</small>{" "}
        <button id="again" onClick={() => void list.refetch()}>
          Read again
        </button>
      </h2>
      <Trouble error={list.error} />
      <ul id="deployments">
        {rows.map((one) => (
          <li key={one.id}>
            <button onClick={() => onChoose(one.id)}>{`${one.model_name} ${one.model_version}`}</button>
            <span>{one.environment}</span>
            <span data-status={one.status}>{one.status}</span>
          </li>
        ))}
      </ul>
      <p ref={end}>{list.data && !list.hasNextPage ? "That is all." : "More …"}</p>
    </section>
  );
}

function useWhenSeen(act: () => void) {
  const element = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) act();
    });
    if (element.current) observer.observe(element.current);
    return () => observer.disconnect();
  });
  return element;
}
