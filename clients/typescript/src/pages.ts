// Lists are bare arrays; how far they go stands in the answer's headers.

/** The number of the next page, or undefined at the end: what `getNextPageParam` returns. */
export function nextPage(response: Response): number | undefined {
  for (const link of (response.headers.get("Link") ?? "").split(/,\s*(?=<)/)) {
    const found = /^<([^>]*)>;\s*rel="next"$/.exec(link.trim());
    if (!found?.[1]) continue;
    const page = new URL(found[1], "http://localhost").searchParams.get("page");
    return page === null ? undefined : Number(page);
  }
  return undefined;
}

/** How many there are in all pages; undefined where the server did not say. */
export function totalOf(response: Response): number | undefined {
  const total = response.headers.get("X-Total-Count");
  return total === null ? undefined : Number(total);
}
