/** Shopify's own linter over a theme app extension: `node lint.mjs <modules> <folder>` prints what it finds, as JSON. */
import { createRequire } from "node:module";

const [modules, folder] = process.argv.slice(2);
const { themeCheckRun } = createRequire(`${modules}/`)("@shopify/theme-check-node");
const { offenses } = await themeCheckRun(folder, undefined, () => {});
const severities = ["error", "warning", "info"];
console.log(
  JSON.stringify(
    offenses.map(({ check, message, severity, uri }) => ({ check, message, severity: severities[severity], file: uri.split("/").pop() })),
  ),
);
