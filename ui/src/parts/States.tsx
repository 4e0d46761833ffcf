import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { ApiError } from "../api/client";
import { texts } from "../texts";
import { Icon } from "./Icon";
import { PageTitle } from "./PageTitle";
import css from "./States.module.css";

/** Grey bars of about the size of what will come, and a word for those who hear the page. */
export function Loading({ rows = 6 }: { rows?: number }) {
  return (
    <div className={css.loading} role="status">
      <span className="visually-hidden">{texts.state.loading}</span>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className={css.bar} />
      ))}
    </div>
  );
}

/** Why something could not be loaded, with a way to try again. */
export function Failure({ error, retry }: { error: Error; retry?: () => void }) {
  const title = error instanceof ApiError ? error.title : texts.state.failed;
  return (
    <div className={css.failure} role="alert">
      <h2>{title}</h2>
      <p>{error.message}</p>
      {retry ? (
        <Button variant="default" size="sm" onClick={retry}>
          {texts.state.retry}
        </Button>
      ) : null}
    </div>
  );
}

/** An empty list: what that means and what to do next. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={css.empty}>
      <Icon name="eye" size={30} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Commands to type, one a line. */
export function Commands({ lines }: { lines: readonly string[] }) {
  return (
    <pre className={css.commands}>
      <code>{lines.join("\n")}</code>
    </pre>
  );
}

/** The page for an address that names nothing. */
export function NotFound() {
  return (
    <div className={css.alone}>
      <PageTitle title={texts.state.notFound} />
      <p>{texts.state.notFoundDetail}</p>
      <Link to="/">{texts.state.toPriorities}</Link>
    </div>
  );
}

/** The page in place of one that threw. */
export function BrokenPage() {
  return (
    <div className={css.alone} role="alert">
      <PageTitle title={texts.state.brokenPage} />
      <p>{texts.state.brokenPageDetail}</p>
      <Button variant="default" onClick={() => window.location.reload()}>
        {texts.state.reload}
      </Button>
    </div>
  );
}
