// Walks the pages of jobs and scanner nodes; `browser.mjs` starts it.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";

/** The steps by their names. With a node's token one of them works as that node. */
export function work({ page, base, token, complaints, api, open, heading, banner, visible, shots, accessible }) {
  return [
    ["jobs", jobs],
    ...(token ? [["a job that runs is followed and cancelled", running]] : []),
    ["a job that failed for good", dead],
    ["the scanner nodes", nodes],
  ];

  /** The row of a job: it names the kind in its title, and what the job is about by a link or a word. */
  function rowOf(job, within) {
    const named = job.asset ? page.locator(`a[href="/assets/${job.asset.id}"]`) : page.getByTitle(job.kind, { exact: true });
    return within.getByRole("row").filter({ has: page.getByTitle(job.kind, { exact: true }) }).filter({ has: named });
  }

  /** What the page shows of the queue is what the API says; how far a job is, is no zero where nobody knows. */
  async function jobs() {
    await open("/jobs", "Jobs");
    await banner();
    const overview = await api("/api/v1/jobs/overview");
    const states = page.getByRole("group", { name: "Jobs by state" });
    for (const [name, count] of [["Running", overview.running_count], ["Waiting", overview.waiting_count], ["Failed for good", overview.dead_count]]) {
      await states.getByRole("button", { name: new RegExp(`^${name} ?${count.toLocaleString("en-GB")}$`) }).waitFor();
    }
    for (const [title, sort, none] of [["Running", "running", "Nothing runs now."], ["Waiting", "waiting", "Nothing waits."]]) {
      const section = page.getByRole("region", { name: title, exact: true });
      if (overview[sort].length === 0) await section.getByText(none).waitFor();
      else assert.equal(await section.getByRole("row").count(), overview[sort].length + 1, `one row for each job: ${title}`);
    }
    for (const job of overview.waiting) {
      const text = await rowOf(job, page.getByRole("region", { name: "Waiting", exact: true })).first().innerText();
      if (job.last_error) assert(text.includes(visible(job.last_error).slice(0, 100)), `why it is tried again: ${job.last_error}`);
      if (job.attempts === 0) assert.match(text, /not tried yet/);
      if (job.scope) assert(text.includes(`a scanner node of ${job.scope}`), "who may take it");
    }
    await shots("jobs");
    await accessible();

    // Filters live in the address, by keyboard too.
    await states.getByRole("button", { name: /^Ended lately/ }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL((url) => url.searchParams.get("state") === "done,cancelled,superseded");
    const ended = await api("/api/v1/jobs?state=done,cancelled,superseded&limit=50");
    await page.getByText(new RegExp(`^${ended.jobs.length} jobs?( shown, and there are more)?$`)).waitFor();
    assert.equal(await page.getByRole("table", { name: "Ended lately" }).getByRole("row").count(), ended.jobs.length + 1);
    await page.getByRole("combobox", { name: "Kind" }).click();
    await page.getByRole("option", { name: "Webhook" }).click();
    await page.waitForURL(/kind=deliver/);
    await page.getByRole("heading", { name: "No such job of the kind “Webhook”" }).waitFor();
    await shots("jobs-none");
    await accessible();
    await page.getByRole("link", { name: "To all jobs" }).click();
    await page.waitForURL(`${base}/jobs`);
    await open("/jobs?state=no-such-state", "Jobs");
    await page.locator("main [role=alert]").getByText("state: ready").waitFor();
    complaints.splice(0, complaints.length, ...complaints.filter((complaint) => !/status of 400/.test(complaint)));
  }

  /** Says something to the server as a scanner node. */
  async function asNode(path, body) {
    const response = await fetch(`${base}/api/v1/node/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert(response.ok, `node ${path}: ${response.status} ${await response.clone().text()}`);
    return response.status === 204 ? null : response.json();
  }

  async function running() {
    const { x } = generateKeyPairSync("x25519").publicKey.export({ format: "jwk" });
    await asNode("hello", { public_key: Buffer.from(x, "base64url").toString("hex"), version: "0.0.1" });
    const errand = await asNode("claim", null);
    assert(errand, "an inspection of the node's scope is due");
    const attempt = errand.attempt;
    await open("/jobs", "Jobs");
    const section = page.getByRole("region", { name: "Running", exact: true });
    const job = (await api("/api/v1/jobs/overview")).running.find(({ id }) => id === errand.job);
    const row = section.getByRole("row").filter({ hasText: job.asset.name });
    assert.match(await row.innerText(), /not known how far/, "a job that says nothing is at no zero");
    assert((await row.innerText()).includes(job.holder), "who has it");

    // The page follows by itself.
    await asNode(`jobs/${job.id}/heartbeat`, { attempt, text: "reading packages" });
    await row.getByText("reading packages").waitFor();
    await shots("jobs-running");
    await accessible();

    const cancel = row.getByRole("button", { name: `Cancel: Inspection: ${job.asset.name}` });
    await cancel.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Cancel this job?" });
    await dialog.getByText("Nothing of what it has done so far is kept.").waitFor();
    await accessible();
    await shots("jobs-cancel");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert(await cancel.evaluate((button) => button === document.activeElement), "the focus is where it was");
    await page.keyboard.press("Enter");
    await dialog.getByRole("button", { name: "Cancel the job" }).click();
    await page.getByRole("status").getByText("it ends at its next sign of life").waitFor();
    await row.getByText("cancelled: it ends at its next sign of life").waitFor();
    assert.equal(await cancel.count(), 0, "once is enough");
    assert.deepEqual(await asNode(`jobs/${job.id}/heartbeat`, { attempt, text: "still at it" }), { cancel: true });
    await asNode(`jobs/${job.id}/end`, { attempt, how: "stopped" });
    await section.getByText("Nothing runs now.").waitFor();
    const ended = page.getByRole("region", { name: "Ended lately" }).getByRole("row").filter({ hasText: job.asset.name });
    assert.match(await ended.innerText(), /cancelled/);
  }

  async function dead() {
    const { assets } = await api("/api/v1/assets?limit=500");
    const closed = assets.find((asset) => asset.name === "closed");
    const failing = async () => (await api("/api/v1/status")).dead_job_count > 0;
    // Each failure of an inspection that waits for its next attempt anyway counts as one.
    for (let tries = 0; closed && tries < 5 && !(await failing()); tries++) {
      await page.request.post(`${base}/api/v1/assets/${closed.id}/inspect`, { data: {} });
    }
    if (!(await failing())) return;
    await open("/assets", "Assets");
    await banner();
    await page.getByRole("link", { name: /failed for good/ }).click();
    await page.waitForURL(/\/jobs\?state=dead/);
    await heading("Jobs");
    const { jobs } = await api("/api/v1/jobs?state=dead");
    const [job] = jobs;
    const name = job.asset ? `Inspection: ${job.asset.name}` : "";
    const row = rowOf(job, page.locator("main")).first();
    assert((await row.innerText()).includes(visible(job.last_error).slice(0, 100)), "why it failed");
    await shots("jobs-dead");
    await accessible();
    if (!name) return;
    await row.getByRole("button", { name: `Dismiss: ${name}` }).click();
    await page.getByRole("dialog", { name: "Dismiss this job?" }).getByRole("button", { name: "Leave it" }).click();
    assert.equal((await api(`/api/v1/jobs/${job.id}`)).state, "dead", "nothing is done before it is said");
    await row.getByRole("button", { name: `Try again: ${name}` }).click();
    await page.getByRole("status").getByText("it is tried again as soon as a node is free").waitFor();
    assert.notEqual((await api(`/api/v1/jobs/${job.id}`)).state, "dead", "it was tried again");
    if (jobs.length === 1) {
      // The warning above goes with it, without a reload.
      await page.getByRole("complementary", { name: "What is not known" }).getByRole("link", { name: /failed for good/ }).waitFor({ state: "detached" });
    }
  }

  async function nodes() {
    await open("/nodes", "Scanner nodes");
    await banner();
    const { nodes } = await api("/api/v1/nodes");
    const present = nodes.filter((node) => node.removed_at == null);
    if (present.length === 0) await page.getByRole("heading", { name: "No scanner node is registered" }).waitFor();
    for (const node of nodes) {
      const table = page.getByRole("table", { name: node.removed_at == null ? "Scanner nodes" : "Removed", exact: true });
      const text = await table.getByRole("row").filter({ hasText: node.name }).innerText();
      assert(text.includes(node.scope), `scope of ${node.name}`);
      if (node.version == null) assert.match(text, /unknown/, "a version that nobody has said");
      if (node.last_seen_at == null) assert.match(text, /never/, "a node that has never come");
      assert.equal(/silent/.test(text), node.silent_since != null, `${node.name} is silent or not`);
      if (node.silent_since != null) assert.equal(/not inspected/.test(text), node.scope_waits, `whether the scope of ${node.name} waits`);
    }
    await shots("nodes");
    await accessible();
  }
}
