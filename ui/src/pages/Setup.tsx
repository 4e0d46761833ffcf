import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useState, type FormEvent } from "react";

import { answer, client } from "../api/client";
import { sessionQuery } from "../api/queries";
import { Doorstep } from "../parts/Doorstep";
import { texts } from "../texts";
import css from "./session.module.css";

const t = texts.session;
const PASSWORD_MIN = 12;

/** Creates the first administrator from the one-time link. */
export function Setup() {
  const [token] = useState(() => new URLSearchParams(window.location.hash.slice(1)).get("token"));
  useEffect(() => {
    // The token does not stay in the address bar, nor in the history.
    if (token) window.history.replaceState(window.history.state, "", window.location.pathname);
  }, [token]);
  if (!token) {
    return (
      <Doorstep title={t.setUpMissing} lead={t.setUpMissingDetail}>
        <Link to="/sign-in">{t.toSignIn}</Link>
      </Doorstep>
    );
  }
  return (
    <Doorstep title={t.setUp} lead={t.setUpLead}>
      <SetupForm token={token} />
    </Doorstep>
  );
}

function SetupForm({ token }: { token: string }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [tried, setTried] = useState(false);
  const setup = useMutation({
    mutationFn: () => answer(client.POST("/api/v1/setup", { body: { token, name: name.trim(), password } })),
    onSuccess: async (session) => {
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, session);
      await navigate({ to: "/", replace: true });
    },
  });
  const wrong = {
    name: name.trim() === "" ? t.nameNeeded : null,
    password: [...password].length < PASSWORD_MIN ? t.passwordShort(PASSWORD_MIN) : null,
    again: again === password ? null : t.passwordDiffers,
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (!wrong.name && !wrong.password && !wrong.again) setup.mutate();
  };
  return (
    <form onSubmit={submit} className={css.form} noValidate>
      <TextInput
        label={t.name}
        name="username"
        autoComplete="username"
        required
        autoFocus
        value={name}
        error={tried && wrong.name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <PasswordInput
        label={t.password}
        description={t.passwordHint(PASSWORD_MIN)}
        name="new-password"
        autoComplete="new-password"
        required
        value={password}
        error={tried && wrong.password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      <PasswordInput
        label={t.passwordAgain}
        name="new-password-again"
        autoComplete="new-password"
        required
        value={again}
        error={tried && wrong.again}
        onChange={(event) => setAgain(event.currentTarget.value)}
      />
      <div role="alert" className={css.error}>
        {setup.isError ? <span>{setup.error.message}</span> : null}
      </div>
      <Button type="submit" size="md" loading={setup.isPending} fullWidth>
        {t.create}
      </Button>
    </form>
  );
}
