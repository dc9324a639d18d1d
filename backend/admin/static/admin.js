// What makes the merchant's pages quick. Every page works without it.

import "./menu.js";
import "./confirm.js";
import "./shown-when.js";
import "./swap.js";
import "./copy.js";
import "./unsaved.js";
import { onPage } from "./page.js";

// A form that is shown again begins with what was wrong.
onPage(() => document.querySelector("[data-refusal]")?.focus());
