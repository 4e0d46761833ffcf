import type { Wire } from "../api/client";
import css from "../pages/page.module.css";
import { texts } from "../texts";
import { Moment } from "./Moment";
import { Section } from "./Section";
import { Table } from "./Table";
import { Unknown } from "./Unknown";
import { Word } from "./Word";

const t = texts.asset;

/** What the asset listens on, read inside, beside what the network shows of it. */
export function AssetNetwork({ asset }: { asset: Wire<"AssetDetail"> }) {
  return (
    <Section id="network" title={t.services}>
      <div className={css.two}>
        <div>
          <h3>{t.listeners}</h3>
          <Listeners asset={asset} />
        </div>
        <div>
          <h3>{t.seen}</h3>
          {asset.services.length === 0 ? (
            <p>{t.seenNone}</p>
          ) : (
            <Table
              caption={t.seen}
              head={[t.address, t.port, t.protocol, t.banner, t.seenAt]}
              rows={asset.services.map((service) => ({
                key: `${service.address} ${service.port}`,
                cells: [
                  <Word key="address" text={service.address} className="mono" />,
                  <Word key="port" text={String(service.port)} />,
                  service.protocol == null ? <Unknown key="protocol" /> : <Word key="protocol" text={service.protocol} />,
                  service.banner == null ? <Unknown key="banner" /> : <bdi key="banner">{service.banner}</bdi>,
                  <Moment key="seen" value={service.seen_at} style="distance" />,
                ],
              }))}
            />
          )}
        </div>
      </div>
    </Section>
  );
}

function Listeners({ asset }: { asset: Wire<"AssetDetail"> }) {
  const listeners = asset.scanned?.listeners;
  if (!asset.scanned) return <p>{t.listenersNever}</p>;
  if (listeners == null) return <p>{t.listenersUnknown}</p>;
  if (listeners.length === 0) return <p>{t.listenersNone}</p>;
  return (
    <Table
      caption={t.listeners}
      head={[t.address, t.port, t.process, t.package]}
      rows={listeners.map((listener, index) => ({
        key: String(index),
        cells: [
          <Word key="address" text={listener.address} className="mono" />,
          <Word key="port" text={`${listener.port}/${listener.protocol}`} />,
          listener.process == null ? <Unknown key="process" /> : <Word key="process" text={listener.process} />,
          listener.package == null ? <Unknown key="package" /> : <Word key="package" text={listener.package} />,
        ],
      }))}
    />
  );
}
