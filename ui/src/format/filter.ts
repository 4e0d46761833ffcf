/** What the queue is filtered by, in the language of filters: what its address says, and that it is about active findings. */
export function filterText(search: { tier?: string; asset?: string; text?: string; filter?: string }): string {
  const parts = ["state:active"];
  if (search.filter) parts.push(`(${search.filter})`);
  if (search.tier) parts.push(`tier:${search.tier}`);
  if (search.asset) parts.push(`asset_id:${search.asset}`);
  if (search.text) parts.push(`text:${quoted(search.text)}`);
  return parts.join(" ");
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
