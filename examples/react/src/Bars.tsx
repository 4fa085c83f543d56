interface BarsProps {
  title: string;
  edges: unknown[];
  counts: number[];
}

const WIDTH = 600;
const HEIGHT = 200;

/** A histogram, and the same as a table for those who do not see it. */
export function Bars({ title, edges, counts }: BarsProps) {
  const most = Math.max(1, ...counts);
  const width = WIDTH / Math.max(1, counts.length);
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Histogram of ${title}`}>
        {counts.map((count, number) => {
          const height = (HEIGHT * count) / most;
          return (
            <rect key={number} x={number * width} y={HEIGHT - height} width={Math.max(1, width - 1)} height={height}>
              <title>{`${edges[number]} to ${edges[number + 1]}: ${count}`}</title>
            </rect>
          );
        })}
      </svg>
      <details>
        <summary>Values</summary>
        <table>
          <thead>
            <tr>
              <th>from</th>
              <th>to</th>
              <th>rows</th>
            </tr>
          </thead>
          <tbody>
            {counts.map((count, number) => (
              <tr key={number}>
                <td>{String(edges[number])}</td>
                <td>{String(edges[number + 1])}</td>
                <td>{count.toLocaleString("en")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
