import { useState, useSyncExternalStore } from "react";
import { Datasets } from "./Datasets";
import { Deploy } from "./Deploy";
import { Deployment } from "./Deployment";
import { Deployments } from "./Deployments";
import { isSignedIn, signOut, subscribe } from "./session";
import { SignIn } from "./SignIn";

export function App() {
  const isIn = useSyncExternalStore(subscribe, isSignedIn);
  return isIn ? <Desk /> : <SignIn />;
}

function Desk() {
  const [page, setPage] = useState<"deployments" | "datasets">("deployments");
  const [chosen, setChosen] = useState<string>();
  return (
    <main>
      <nav>
        <button onClick={() => setPage("deployments")} aria-current={page === "deployments"}>
          Deployments
        </button>
        <button onClick={() => setPage("datasets")} aria-current={page === "datasets"}>
          Datasets
        </button>
        <button onClick={() => void signOut()} id="sign-out">
          Sign out
        </button>
      </nav>
      {page === "datasets" ? (
        <Datasets />
      ) : (
        <>
          <Deploy onDeployed={setChosen} />
          {chosen && <Deployment key={chosen} id={chosen} onRestored={setChosen} />}
          <Deployments onChoose={setChosen} />
        </>
      )}
    </main>
  );
}
