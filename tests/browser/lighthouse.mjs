// node lighthouse.mjs '{"modules": "…/node_modules", "browser": "…", "options": […], "categories": […], "addresses": […]}'
// Prints the scores of each address, in turn and in one browser, as JSON: [{"performance": 100, …}, …]
import { pathToFileURL } from "node:url";

const { modules, browser, options, categories, addresses } = JSON.parse(process.argv[2]);
const { default: lighthouse } = await import(pathToFileURL(`${modules}/lighthouse/core/index.js`));
const { launch } = await import(pathToFileURL(`${modules}/chrome-launcher/dist/index.js`));

const chrome = await launch({ chromePath: browser, chromeFlags: ["--headless=new", ...options], logLevel: "silent" });
const scores = [];
try {
  for (const address of addresses) {
    const settings = { port: chrome.port, logLevel: "silent", throttlingMethod: "simulate", onlyCategories: categories, disableFullPageScreenshot: true };
    const { lhr } = await lighthouse(address, settings);
    if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
    scores.push(Object.fromEntries(categories.map((name) => [name, 100 * lhr.categories[name].score])));
  }
} finally {
  await chrome.kill();
}
console.log(JSON.stringify(scores));
