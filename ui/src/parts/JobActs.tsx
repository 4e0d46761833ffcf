import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type ReactNode } from "react";

import { answer, client, type Wire } from "../api/client";
import { actsOn, needsAsking, showJob, type Act } from "../format/job";
import { texts } from "../texts";
import { Confirm } from "./Confirm";
import css from "./Jobs.module.css";

type Job = Wire<"Job">;

const t = texts.jobs;

interface Order {
  act: Act;
  job: Job;
}

/** What a person may do to jobs: buttons for each, and in one place the question before and the word afterwards. */
export function useJobActs(): { buttons: (job: Job) => ReactNode; outcome: ReactNode } {
  const queryClient = useQueryClient();
  const [asked, setAsked] = useState<Order | null>(null);
  const said = useRef<HTMLParagraphElement>(null);
  const order = useMutation({
    mutationFn: ({ act, job }: Order) => answer(act === "retry" ? retry(job.id) : cancel(job.id)),
    onSettled: () =>
      Promise.all([queryClient.invalidateQueries({ queryKey: ["jobs"] }), queryClient.invalidateQueries({ queryKey: ["status"] })]),
  });
  // The row goes, and its button with it: whoever works by keyboard goes on at the word about it.
  useEffect(() => {
    if (order.isSuccess || order.isError) said.current?.focus({ preventScroll: true });
  }, [order.isSuccess, order.isError]);

  const act = (next: Order) => {
    setAsked(null);
    order.mutate(next);
  };
  const buttons = (job: Job) => {
    const acts = actsOn(job);
    // An empty cell is left out of a narrow page.
    if (acts.length === 0) return null;
    return (
      <div className={css.acts}>
        {acts.map((kind) => (
          <Button
            key={kind}
            variant="default"
            size="compact-sm"
            aria-label={`${t.acts[kind]}: ${showJob(job)}`}
            disabled={order.isPending}
            onClick={() => (needsAsking(kind, job) ? setAsked({ act: kind, job }) : act({ act: kind, job }))}
          >
            {t.acts[kind]}
          </Button>
        ))}
      </div>
    );
  };
  const outcome = (
    <>
      <p ref={said} tabIndex={-1} className={css.said} data-bad={order.isError || undefined} role="status">
        {order.isSuccess ? t.acted[order.variables.act](showJob(order.variables.job), order.data.state === "leased") : null}
        {order.isError ? `${t.refused(showJob(order.variables.job))} ${order.error.message}` : null}
      </p>
      {asked ? (
        <Confirm title={t.asked[asked.act]} act={t.sure[asked.act]} onAct={() => act(asked)} onClose={() => setAsked(null)}>
          <p>
            <strong>{showJob(asked.job)}</strong>
          </p>
          <p>{t.askedDetail[asked.act]}</p>
        </Confirm>
      ) : null}
    </>
  );
  return { buttons, outcome };
}

function cancel(id: string) {
  return client.POST("/api/v1/jobs/{id}/cancel", { params: { path: { id } } });
}

function retry(id: string) {
  return client.POST("/api/v1/jobs/{id}/retry", { params: { path: { id } } });
}
