// <form data-unsaved>: leaving the page with changes that were not saved asks first.

import { onPage } from "./page.js";

let changed = false;

export const isUnsaved = () => changed;

onPage(() => (changed = false));
document.addEventListener("input", (event) => (changed ||= Boolean(event.target.form?.matches("[data-unsaved]"))));
document.addEventListener("submit", (event) => event.target.matches("[data-unsaved]") && (changed = false), true);
addEventListener("beforeunload", (event) => changed && event.preventDefault());
