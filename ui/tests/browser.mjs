// Walks the page in a real browser against a running server, and fails on the first promise that does not hold.
//
//   node tests/browser.mjs --base http://127.0.0.1:8787 --user admin --password … [--setup-token …] [--screenshots DIR]
//     [--node-token …]
//
// With a set-up token it creates the administrator through the one-time link, else it signs in. The rest of what it
// expects it asks the API: the page has to show that, and never a zero for what is not known. With a node's token it works as
// that scanner node, so that something runs, and is cancelled on the page.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { chromium } from "playwright-core";

import { work } from "./work.mjs";

const { values: args } = parseArgs({
  options: {
    base: { type: "string" },
    user: { type: "string", default: "admin" },
    password: { type: "string" },
    "setup-token": { type: "string" },
    screenshots: { type: "string" },
    "node-token": { type: "string" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
  },
});
assert(args.base && args.password, "give --base and --password");

const base = new URL(args.base).origin;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const REQUESTS_MAX = 5;
const WIDTHS = [1280, 390];
const UNKNOWN = /unknown|not scored/;

const browser = await chromium.launch({
  executablePath: args.chromium,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
const page = await context.newPage();
const complaints = [];
let apiRequests = [];
watch();

try {
  if (args.screenshots) await mkdir(args.screenshots, { recursive: true });
  await step("a stranger is sent to sign in", stranger);
  await step("signing in", args["setup-token"] ? setUp : signIn);
  await step("priorities", priorities);
  await step("filters live in the address", filters);
  await step("an asset", asset);
  await step("the list of assets", assets);
  await step("a vulnerability", vulnerability);
  const tools = { page, base, token: args["node-token"], complaints, api, open, heading, banner, visible, shots, accessible };
  for (const [name, run] of work(tools)) await step(name, run);
  await step("addresses that name nothing", nothing);
  await step("signing out", signOut);
  console.log("browser: all steps passed");
} catch (error) {
  if (args.screenshots) await page.screenshot({ path: join(args.screenshots, "failure.png"), fullPage: true }).catch(() => {});
  console.error(`browser: at ${page.url()}\n${error.stack ?? error}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

async function step(name, run) {
  complaints.length = 0;
  await run();
  assert.deepEqual(complaints, [], `${name}: the browser complained`);
  console.log(`browser: ${name}: ok`);
}

/** Everything the browser complains of: the console, broken promises, the policy, requests to anybody else. */
function watch() {
  page.on("console", (message) => {
    // A refusal that a step provokes is no defect of the page.
    const provoked = /status of (401|403|404)/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !provoked) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== base) complaints.push(`foreign request: ${url}`);
    if (url.pathname.startsWith("/api/")) apiRequests.push(`${request.method()} ${url.pathname}`);
  });
}

async function stranger() {
  const response = await page.goto(`${base}/assets`);
  const policy = response.headers()["content-security-policy"] ?? "";
  assert.match(policy, /script-src 'self'(;|$)/, "scripts only from this server, and none inline");
  assert.doesNotMatch(policy, /unsafe/, "nothing unsafe in the policy");
  await page.waitForURL(/\/sign-in\?/);
  await heading("Sign in");
  await accessible();
  await shots("sign-in");
  if (args["setup-token"]) return;
  await page.getByLabel("Name").fill(args.user);
  await page.locator("input[name=password]").fill(`${args.password} wrong`);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator("[role=alert]:not(:empty)").waitFor();
}

async function setUp() {
  await page.goto(`${base}/setup`);
  await heading("This link is not complete");
  await page.goto("about:blank");
  await page.goto(`${base}/setup#token=${encodeURIComponent(args["setup-token"])}`);
  await heading("Create the administrator");
  assert(!page.url().includes("token"), "the token does not stay in the address");
  await page.getByLabel("Name").fill(args.user);
  await page.locator("input[name=new-password]").fill("short");
  await page.locator("input[name=new-password-again]").fill("other");
  await page.getByRole("button", { name: "Create and sign in" }).click();
  await page.getByText("The two passwords differ.").waitFor();
  await accessible();
  await shots("setup");
  await page.locator("input[name=new-password]").fill(args.password);
  await page.locator("input[name=new-password-again]").fill(args.password);
  await page.getByRole("button", { name: "Create and sign in" }).click();
  await heading("Priorities");
}

async function signIn() {
  await page.goto(`${base}/sign-in?next=%2Fassets`);
  await page.getByLabel("Name").fill(args.user);
  await page.locator("input[name=password]").fill(args.password);
  await page.keyboard.press("Enter");
  await heading("Assets");
}

async function priorities() {
  const queue = await api("/api/v1/priorities?limit=50");
  await open("/", "Priorities");
  await banner();
  await totals();
  if (queue.total === 0) {
    await page.locator("main h2").first().waitFor();
    await shots("priorities-empty");
    return;
  }
  const rows = page.locator("tr[role=row][class*=row]:not([class*=reasons])");
  assert.equal(await rows.count(), queue.findings.length, "one row for each finding");
  for (const [index, finding] of queue.findings.slice(0, 20).entries()) await sameRow(rows.nth(index), finding);
  await shots("priorities");
  await accessible();

  // The reasons are one key away.
  const toggle = rows.first().getByRole("button", { name: /^Reasons for/ });
  await toggle.focus();
  await page.keyboard.press("Enter");
  assert.equal(await toggle.getAttribute("aria-expanded"), "true");
  const shown = await page.locator(`[id="${await toggle.getAttribute("aria-controls")}"]`).innerText();
  for (const reason of queue.findings[0].reasons) {
    assert(shown.toLowerCase().includes(visible(reason.text).toLowerCase()), `the reason is shown: ${reason.text}`);
  }
  await shots("priorities-reasons");
  await accessible();

  if (queue.next_cursor) {
    await page.getByRole("button", { name: "Load more" }).click();
    await page.waitForFunction((n) => document.querySelectorAll("tr[class*=row][role=row]").length > n, queue.findings.length + 1);
  }
}

/** A row says what the API says, and calls unknown what the API does not know. */
async function sameRow(row, finding) {
  const cell = (column) => row.locator(`td[data-column=${column}]`).innerText();
  assert((await cell("priority")).includes(finding.priority), "tier");
  assert((await cell("vulnerability")).includes(visible(finding.vulnerability)), "vulnerability");
  assert((await cell("package")).includes(visible(finding.component.name)), "package");
  const score = await cell("score");
  if (finding.cvss == null) assert.match(score, /not scored/, "an unscored finding has no number");
  else assert(score.includes(finding.cvss.bte.toFixed(1)) && score.includes(finding.cvss.version), "contextual score with version");
  const epss = await cell("epss");
  if (finding.epss == null) assert.match(epss, UNKNOWN, "no EPSS score is no zero");
  else assert.match(epss, /%/, "EPSS as a percentage");
  const kev = await cell("kev");
  const kevUnknown = finding.kev == null || (!finding.kev && finding.reasons.some(({ rule }) => ["kev.unknown", "kev.missing"].includes(rule)));
  assert.match(kev, kevUnknown ? UNKNOWN : finding.kev ? /exploited/ : /not listed/, "KEV");
  if (finding.fixed_version) assert((await cell("fix")).includes(visible(finding.fixed_version)), "fixed version");
  else assert.notEqual((await cell("fix")).trim(), "", "no fix is said in words");
}

async function totals() {
  const status = await api("/api/v1/status");
  const { counts } = status;
  const gaps = status.sample || status.unknown_count !== 0 || status.asset_unknown_count > 0 || status.feeds.some((feed) => feed.state !== "fresh");
  for (const tier of ["P0", "P1", "P2", "P3", "P4"]) {
    const text = await page.getByRole("group", { name: /by priority/ }).getByRole("button", { name: tier }).innerText();
    if (counts == null) assert.match(text, /unknown/, "no inspection is no zero");
    else if (counts[tier.toLowerCase()] === 0 && gaps) assert.match(text, /none known/, "a zero that proves nothing is not shown as one");
    else assert(text.includes(counts[tier.toLowerCase()].toLocaleString("en-GB")), `total of ${tier}`);
  }
}

/** The warnings of the whole installation stand on every page. */
async function banner() {
  const status = await api("/api/v1/status");
  const aside = page.getByRole("complementary", { name: "What is not known" });
  const text = await aside.innerText();
  if (status.sample) assert.match(text, /sample data/i, "sample data is said loudly");
  const gone = status.feeds.filter((feed) => feed.state !== "fresh").length;
  if (gone > 0) assert.match(text, new RegExp(`${gone} feeds? not fresh`), "feeds that are not fresh");
  if (status.asset_unknown_count > 0) {
    assert.match(text, new RegExp(`${status.asset_unknown_count.toLocaleString("en-GB")} assets? not inspected`), "assets that are not known");
  }
  if (status.dead_job_count > 0) {
    const link = aside.getByRole("link", { name: new RegExp(`${status.dead_job_count} jobs? failed for good`) });
    assert.equal(await link.getAttribute("href"), "/jobs?state=dead", "dead jobs are one link away");
  }
  if (status.silent_node_count > 0) {
    const link = aside.getByRole("link", { name: new RegExp(`${status.silent_node_count} scanner nodes? silent`) });
    assert.equal(await link.getAttribute("href"), "/nodes", "silent nodes are one link away");
  }
  if (status.unknown_count == null) assert.match(text, /nothing inspected yet/, "no inspection at all");
  else if (status.unknown_count > 0) assert.match(text, /undecided/, "undecided things");
  const details = aside.getByRole("button", { name: "Details" });
  if ((await details.count()) === 0) return;
  await details.click();
  const all = await aside.innerText();
  for (const warning of status.warnings) assert(all.includes(visible(warning)), `the warning is shown: ${warning}`);
  for (const feed of status.feeds) assert(all.includes(feed.id), `the feed is shown: ${feed.id}`);
  await details.click();
}

async function filters() {
  await open("/?tier=P0", "Priorities");
  const filtered = await api("/api/v1/priorities?tier=P0&limit=50");
  await page.getByText(filtered.total === 0 ? "No finding matches these filters" : new RegExp(`of ${filtered.total.toLocaleString("en-GB")} finding`)).waitFor();
  await page.getByRole("group", { name: /by priority/ }).getByRole("button", { name: "P0" }).click();
  await page.waitForURL((url) => !url.searchParams.has("tier"));
  await page.getByRole("textbox", { name: /Search/ }).fill("no-such-package-anywhere");
  await page.waitForURL(/text=no-such-package-anywhere/);
  await page.getByRole("heading", { name: "No finding matches these filters" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "No finding matches these filters" }).waitFor();
  await shots("priorities-no-match");
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.waitForURL(`${base}/`);

  // What is shown is saved under a name, and chosen again by it.
  await page.getByRole("group", { name: /by priority/ }).getByRole("button", { name: "P1" }).click();
  await page.waitForURL(/tier=P1/);
  await page.getByRole("button", { name: "Save this view" }).click();
  await page.getByRole("textbox", { name: "Name of the view" }).fill("Soon");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForURL((url) => url.searchParams.get("filter") === "state:open,pending,stale tier:P1");
  const [view] = await api("/api/v1/views");
  assert.deepEqual([view.name, view.filter, view.shared], ["Soon", "state:open,pending,stale tier:P1", false]);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.waitForURL(`${base}/`);
  await page.getByPlaceholder("No saved view").click();
  await page.getByRole("option", { name: "Soon" }).click();
  await page.waitForURL(/filter=/);
  const soon = await api(`/api/v1/priorities?tier=P1&limit=50`);
  await page.getByText(soon.total === 0 ? "No finding matches these filters" : new RegExp(`of ${soon.total.toLocaleString("en-GB")} finding`)).waitFor();
  await accessible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.waitForURL(`${base}/`);
}

async function asset() {
  const { assets } = await api("/api/v1/assets?limit=500");
  if (assets.length === 0) return;
  const inspected = assets.find((asset) => asset.last_inspected_at) ?? assets[0];
  const detail = await api(`/api/v1/assets/${inspected.id}`);
  await open(`/assets/${inspected.id}`, detail.name);
  await banner();
  const main = await page.locator("main").innerText();
  for (const unknown of detail.unknown.slice(0, 10)) assert(main.includes(visible(unknown.reason)), `undecided: ${unknown.reason}`);
  for (const ip of detail.addresses.slice(0, 3)) assert(main.includes(ip), `address: ${ip}`);
  await page.getByRole("button", { name: "Inspect now" }).waitFor();
  await shots("asset");
  await accessible();
  const never = assets.find((asset) => !asset.last_inspected_at);
  if (!never) return;
  await open(`/assets/${never.id}`, never.name);
  await page.getByText("Never inspected: nothing is known about its software").waitFor();
  await shots("asset-never-inspected");
  await accessible();
}

async function assets() {
  const { assets } = await api("/api/v1/assets?limit=500");
  await open("/assets", "Assets");
  await banner();
  for (const asset of assets.slice(0, 20)) {
    const row = page.getByRole("row").filter({ has: page.locator(`a[href="/assets/${asset.id}"]`) });
    const text = await row.innerText();
    if (!asset.last_inspected_at) assert.match(text, /never inspected/, `${asset.name} was never inspected`);
    if (asset.counts == null) assert.match(text, /unknown/, `nobody knows the findings of ${asset.name}`);
  }
  await shots("assets");
  await accessible();
}

async function vulnerability() {
  const queue = await api("/api/v1/priorities?limit=50");
  if (queue.total === 0) return;
  const [first] = queue.findings;
  await open("/", "Priorities");
  await page.getByRole("link", { name: first.vulnerability, exact: true }).first().click();
  await heading(first.vulnerability);
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "H1", "the focus follows to the new page");
  await banner();
  const detail = await api(`/api/v1/vulnerabilities/${encodeURIComponent(first.vulnerability)}`);
  const main = await page.locator("main").innerText();
  for (const vector of detail.vectors) assert(main.includes(visible(vector.vector)), `vector: ${vector.vector}`);
  if (detail.vectors.length === 0) assert.match(main, /unscored, which is not harmless/);
  if (!detail.epss) assert.match(main, /not scored/, "no EPSS score is no zero");
  if (!detail.ssvc) assert.match(main, /CISA has published no answers/);
  await page.getByRole("button", { name: /^Reasons for/ }).first().click();
  await shots("vulnerability");
  await accessible();
  const unscored = queue.findings.find((finding) => finding.cvss == null);
  if (!unscored) return;
  await open(`/vulnerabilities/${encodeURIComponent(unscored.vulnerability)}`, unscored.vulnerability);
  await page.getByRole("button", { name: /^Reasons for/ }).first().click();
  await shots("vulnerability-unscored");
  await accessible();
}

async function nothing() {
  await page.goto(`${base}/no/such/page`);
  await heading("There is no such page");
  await page.goto(`${base}/vulnerabilities/CVE-0000-0000`);
  await page.locator("main [role=alert], main h1").first().waitFor();
}

async function signOut() {
  await open("/", "Priorities");
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await heading("Sign in");
  const after = await page.request.get(`${base}/api/v1/status`);
  assert.equal(after.status(), 401, "nothing is shown after signing out");
}

/** Opens a page in its final state, with few requests. */
async function open(path, title) {
  apiRequests = [];
  await page.goto(base + path);
  await heading(title);
  await page.waitForLoadState("networkidle");
  assert(apiRequests.length <= REQUESTS_MAX, `${path} asks ${apiRequests.length} times: ${apiRequests.join(", ")}`);
}

async function heading(name) {
  const wanted = visible(name);
  await page.waitForFunction((text) => document.querySelector("h1")?.innerText.replace(/\s+/g, " ").trim() === text, wanted);
}

/** Text as a page shows it: white space runs together. */
function visible(text) {
  return text.replace(/\s+/g, " ").trim();
}

async function api(path) {
  const response = await page.request.get(base + path);
  assert.equal(response.status(), 200, `GET ${path}`);
  return response.json();
}

/** axe-core finds nothing serious, in light and in dark. */
async function accessible() {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const serious = violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id} (${colorScheme}): ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary ?? ""}`).join("; ")}`);
    assert.deepEqual(serious, [], `accessible at ${page.url()}`);
  }
}

async function shots(name) {
  if (!args.screenshots) return;
  for (const colorScheme of ["dark", "light"]) {
    for (const width of WIDTHS) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 900 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
      assert(!wide, `${name} at ${width} px scrolls sideways`);
      await page.screenshot({ path: join(args.screenshots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}
