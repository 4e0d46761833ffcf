import { useQuery } from "@tanstack/react-query";

import type { Wire } from "../api/client";
import { nodesQuery, statusQuery } from "../api/queries";
import { showBetween } from "../format/job";
import { Moment, MomentOrNever } from "../parts/Moment";
import css from "./page.module.css";
import { PageTitle } from "../parts/PageTitle";
import { Section } from "../parts/Section";
import { Commands, Empty, Failure, Loading } from "../parts/States";
import { Table, type Row } from "../parts/Table";
import { Unknown } from "../parts/Unknown";
import { Word } from "../parts/Word";
import { texts } from "../texts";

type Node = Wire<"ScannerNode">;

const t = texts.nodes;

/** The scanner nodes: which are there, which say nothing, and which were removed. */
export function Nodes() {
  const nodes = useQuery(nodesQuery);
  const status = useQuery(statusQuery);
  const present = nodes.data?.nodes.filter((node) => node.removed_at == null) ?? [];
  const removed = nodes.data?.nodes.filter((node) => node.removed_at != null) ?? [];
  return (
    <>
      <PageTitle title={t.title} />
      <p className={css.lead}>{t.lead}</p>
      {nodes.isPending ? <Loading /> : null}
      {nodes.isError ? <Failure error={nodes.error} retry={() => void nodes.refetch()} /> : null}
      {nodes.data && present.length === 0 ? (
        <Empty title={t.empty}>
          <p>{t.emptyDetail}</p>
          <Commands lines={t.emptyCommands} />
        </Empty>
      ) : null}
      {nodes.data && present.length > 0 ? (
        <>
          <p className={css.total}>{t.total(present.length)}</p>
          <Table
            caption={t.title}
            head={[t.name, t.state, t.scope, t.seen, t.version, t.added]}
            rows={present.map((node) => row(node, nodes.data.at, status.data?.version))}
          />
        </>
      ) : null}
      {removed.length > 0 ? (
        <Section title={t.removed} lead={t.removedLead}>
          <Table caption={t.removed} head={[t.name, t.scope, t.seen, t.version, t.removedAt]} rows={removed.map(removedRow)} />
        </Section>
      ) : null}
    </>
  );
}

function row(node: Node, at: string, server: string | undefined): Row {
  return {
    key: node.id,
    cells: [
      <Word key="name" text={node.name} className={css.strong} />,
      <State key="state" node={node} at={at} />,
      <Word key="scope" text={node.scope} />,
      <MomentOrNever key="seen" value={node.last_seen_at} />,
      <div key="version">
        <Version node={node} />
        {node.version != null && server != null && node.version !== server ? <div className={css.small}>{t.serverIs(server)}</div> : null}
      </div>,
      <Moment key="added" value={node.created_at} style="day" />,
    ],
  };
}

function removedRow(node: Node): Row {
  return {
    key: node.id,
    cells: [
      <Word key="name" text={node.name} />,
      <Word key="scope" text={node.scope} />,
      <MomentOrNever key="seen" value={node.last_seen_at} />,
      <Version key="version" node={node} />,
      <Moment key="removed" value={node.removed_at} />,
    ],
  };
}

function State({ node, at }: { node: Node; at: string }) {
  if (node.silent_since == null) return <span>{node.last_seen_at == null ? t.awaited : t.there}</span>;
  const time = showBetween(node.silent_since, at);
  const silent = node.last_seen_at == null ? t.neverCame : time == null ? t.silent : t.silentFor(time);
  return (
    <>
      <div className={css.error}>{silent}</div>
      <div className={css.small}>{node.scope_waits ? t.scopeWaits : t.othersWork}</div>
    </>
  );
}

function Version({ node }: { node: Node }) {
  return node.version == null ? <Unknown /> : <Word text={node.version} />;
}
