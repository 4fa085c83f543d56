import { useMutation } from "@tanstack/react-query";
import { Trouble } from "./errors";
import { signIn } from "./session";

export function SignIn() {
  const entering = useMutation({
    mutationFn: (form: FormData) => signIn(String(form.get("name")), String(form.get("password"))),
  });
  return (
    <main>
      <h1>Sign in</h1>
      <form action={(form) => entering.mutate(form)}>
        <label>
          User name or e-mail address <input name="name" autoComplete="username" required />
        </label>
        <label>
          Password <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <button id="sign-in">Sign in</button>
      </form>
      <Trouble error={entering.error} />
    </main>
  );
}
