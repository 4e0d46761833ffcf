import type { Wire } from "../api/client";
import css from "../pages/page.module.css";
import { texts } from "../texts";
import { Facts } from "./Facts";
import { Moment, MomentOrNever } from "./Moment";
import { Unknown } from "./Unknown";

const t = texts.asset;

/** Who the asset is, how it is looked into, and how it is reached. */
export function AssetIdentity({ asset }: { asset: Wire<"AssetDetail"> }) {
  const scanned = asset.scanned;
  return (
    <div className={css.cards}>
      <section className={css.card}>
        <h2>{t.identity}</h2>
        <Facts
          facts={[
            { name: t.platform, value: known(asset.platform) },
            { name: t.release, value: known(release(scanned)) },
            { name: t.architecture, value: known(scanned?.architecture) },
            { name: t.kernel, value: known(scanned?.running_kernel) },
            { name: t.reboot, value: reboot(scanned?.reboot_required) },
            { name: t.components, value: scanned?.component_count == null ? <Unknown /> : texts.count(scanned.component_count) },
            { name: t.installations, value: asset.installations == null ? <Unknown /> : texts.count(asset.installations) },
            { name: t.machineId, value: scanned?.machine_id == null ? <Unknown /> : <code>{scanned.machine_id}</code> },
          ]}
        />
      </section>
      <section className={css.card}>
        <h2>{t.exposureScopes}</h2>
        <Facts
          facts={[
            { name: t.exposure, value: t.exposures[asset.exposure] ?? <Unknown text={asset.exposure} /> },
            { name: t.scopes, value: <Tags tags={asset.scopes} none={t.noScope} /> },
            { name: t.tags, value: <Tags tags={asset.tags} none={t.noTag} /> },
            { name: t.addresses, value: asset.addresses.length === 0 ? <Unknown /> : <Tags tags={asset.addresses} none="" /> },
            { name: t.way, value: asset.way == null ? <Unknown text={t.wayNone} /> : <code>{asset.way}</code> },
            { name: t.firstSeen, value: <Moment value={asset.first_seen_at} /> },
            { name: t.lastSeen, value: <Moment value={asset.last_seen_at} /> },
            { name: t.inspected, value: <MomentOrNever value={asset.last_inspected_at} /> },
          ]}
        />
      </section>
    </div>
  );
}

function known(value: string | null | undefined) {
  return value == null ? <Unknown /> : <bdi>{value}</bdi>;
}

function release(scanned: Wire<"ScannedAsset"> | null | undefined): string | null {
  if (!scanned) return null;
  const parts = [scanned.distribution, scanned.release].filter((part) => part != null);
  return parts.length === 0 ? null : parts.join(" ");
}

function reboot(required: boolean | null | undefined) {
  if (required == null) return <Unknown />;
  return required ? <strong>{t.rebootYes}</strong> : texts.no;
}

function Tags({ tags, none }: { tags: readonly string[]; none: string }) {
  if (tags.length === 0) return <span className={css.quiet}>{none}</span>;
  return (
    <ul className={css.tags}>
      {tags.map((tag) => (
        <li key={tag}>
          <bdi>{tag}</bdi>
        </li>
      ))}
    </ul>
  );
}
