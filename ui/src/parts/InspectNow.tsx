import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";

import { answer, client, type Wire } from "../api/client";
import css from "../pages/page.module.css";
import { texts } from "../texts";
import { Icon } from "./Icon";

const t = texts.asset;

/** Asks for an inspection and tells how it ended. */
export function InspectNow({ asset }: { asset: Wire<"AssetDetail"> }) {
  const queryClient = useQueryClient();
  const inspect = useMutation({
    mutationFn: () => answer(client.POST("/api/v1/assets/{id}/inspect", { params: { path: { id: asset.id } } })),
    onSettled: () => queryClient.invalidateQueries(),
  });
  return (
    <div className={css.action}>
      <Button
        leftSection={<Icon name="refresh" />}
        loading={inspect.isPending}
        disabled={asset.way == null}
        onClick={() => inspect.mutate()}
      >
        {t.inspect}
      </Button>
      <p aria-live="polite">
        {asset.way == null ? t.noWay : null}
        {inspect.isSuccess ? t.inspectDone : null}
        {inspect.isError ? `${t.inspectFailed}: ${inspect.error.message}` : null}
      </p>
    </div>
  );
}
