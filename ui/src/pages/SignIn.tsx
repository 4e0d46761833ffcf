import { Button, PasswordInput, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useRouter } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";

import { answer, client } from "../api/client";
import { sessionQuery } from "../api/queries";
import { ownPath } from "../format/link";
import { Doorstep } from "../parts/Doorstep";
import { texts } from "../texts";
import css from "./session.module.css";

const route = getRouteApi("/sign-in");
const t = texts.session;

/** Asks who is there. */
export function SignIn() {
  const { next } = route.useSearch();
  const queryClient = useQueryClient();
  const router = useRouter();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => answer(client.POST("/api/v1/session", { body: { name, password } })),
    onSuccess: (session) => {
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, session);
      router.history.push(ownPath(next));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <Doorstep title={t.signIn} lead={t.signInLead}>
      {next ? <p className={css.note}>{t.signInBack}</p> : null}
      <form onSubmit={submit} className={css.form}>
        <TextInput
          label={t.name}
          name="username"
          autoComplete="username"
          required
          autoFocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <PasswordInput
          label={t.password}
          name="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <div role="alert" className={css.error}>
          {signIn.isError ? <span>{signIn.error.message}</span> : null}
        </div>
        <Button type="submit" size="md" loading={signIn.isPending} fullWidth>
          {t.signIn}
        </Button>
      </form>
      <p className={css.hint}>{t.signInFirst}</p>
    </Doorstep>
  );
}
