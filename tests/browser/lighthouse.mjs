// node lighthouse.mjs '{"modules": "…/node_modules", "browser": "…", "options": […], "categories": […], "addresses": […]}'
// Prints the scores of each address, in turn and in one browser, with the milliseconds behind them, as JSON:
// [{"scores": {"performance": 100, …}, "metrics": {"total-blocking-time": 0, …}}, …]
import { pathToFileURL } from "node:url";

const { modules, browser, options, categories, addresses } = JSON.parse(process.argv[2]);
const { default: lighthouse } = await import(pathToFileURL(`${modules}/lighthouse/core/index.js`));
const { launch } = await import(pathToFileURL(`${modules}/chrome-launcher/dist/index.js`));

const chrome = await launch({ chromePath: browser, chromeFlags: ["--headless=new", ...options], logLevel: "silent" });
const METRICS = ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "speed-index", "cumulative-layout-shift"];
const found = [];
try {
  for (const address of addresses) {
    const settings = { port: chrome.port, logLevel: "silent", throttlingMethod: "simulate", onlyCategories: categories, disableFullPageScreenshot: true };
    const { lhr } = await lighthouse(address, settings);
    if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
    const scores = Object.fromEntries(categories.map((name) => [name, 100 * lhr.categories[name].score]));
    found.push({ scores, metrics: Object.fromEntries(METRICS.map((name) => [name, lhr.audits[name].numericValue])) });
  }
} finally {
  await chrome.kill();
}
console.log(JSON.stringify(found));
